/// What can be done with encoded rows of one element type: widen them, or multiply them with a vector as they are.
package struct RowKernels: Sendable {
    /// Widens `count` elements, a whole number of blocks, to f32.
    package let widen:
        @Sendable (_ row: UnsafeRawPointer, _ count: Int, _ output: UnsafeMutablePointer<Float>) ->
            Void
    /// Multiplies rows with one vector.
    package let multiply: @Sendable (RowProduct) -> Void
    /// The length of the groups whose sums `RowProduct.groupSums` holds, or nil where it is not read.
    package let summedGroup: Int?
    /// Where a quantised type's scales lie; nil for a plain type.
    let layout: BlockLayout?

    /// The kernels of f32 itself.
    package static let f32 = RowKernels(plain: PlainF32.self)

    /// The kernels of a type, or nil where rtedit knows the type by name and size only.
    package init?(_ type: ElementType) {
        switch type {
        case .f64: self.init(plain: PlainF64.self)
        case .f32: self = .f32
        case .f16: self.init(plain: PlainF16.self)
        case .bf16: self.init(plain: PlainBF16.self)
        case .f8E4M3: self.init(plain: PlainF8E4M3.self)
        case .f8E5M2: self.init(plain: PlainF8E5M2.self)
        case .i8: self.init(plain: PlainInteger<Int8>.self)
        case .i16: self.init(plain: PlainInteger<Int16>.self)
        case .i32: self.init(plain: PlainInteger<Int32>.self)
        case .i64: self.init(plain: PlainInteger<Int64>.self)
        case .u8: self.init(plain: PlainInteger<UInt8>.self)
        case .u16: self.init(plain: PlainInteger<UInt16>.self)
        case .u32: self.init(plain: PlainInteger<UInt32>.self)
        case .u64: self.init(plain: PlainInteger<UInt64>.self)
        case .q4_0: self.init(block: BlockQ4_0.self)
        case .q4_1: self.init(block: BlockQ4_1.self)
        case .q5_0: self.init(block: BlockQ5_0.self)
        case .q5_1: self.init(block: BlockQ5_1.self)
        case .q8_0: self.init(block: BlockQ8_0.self)
        case .q2K: self.init(block: BlockQ2K.self)
        case .q3K: self.init(block: BlockQ3K.self)
        case .q4K: self.init(block: BlockQ4K.self)
        case .q5K: self.init(block: BlockQ5K.self)
        case .q6K: self.init(block: BlockQ6K.self)
        case .q8_1: self.init(block: BlockQ8_1.self)
        case .q8K: self.init(block: BlockQ8K.self)
        case .q1_0: self.init(block: BlockQ1_0.self)
        case .q2_0: self.init(block: BlockQ2_0.self)
        case .tq1_0: self.init(block: BlockTQ1_0.self)
        case .tq2_0: self.init(block: BlockTQ2_0.self)
        case .mxfp4: self.init(block: BlockMXFP4.self)
        case .nvfp4: self.init(block: BlockNVFP4.self)
        case .iq4NL: self.init(block: BlockIQ4NL.self)
        case .iq4XS: self.init(block: BlockIQ4XS.self)
        case .iq2XXS: self.init(block: BlockIQ2XXS.self)
        case .iq2XS: self.init(block: BlockIQ2XS.self)
        case .iq2S: self.init(block: BlockIQ2S.self)
        case .iq3XXS: self.init(block: BlockIQ3XXS.self)
        case .iq3S: self.init(block: BlockIQ3S.self)
        case .iq1S: self.init(block: BlockIQ1S.self)
        case .iq1M: self.init(block: BlockIQ1M.self)
        default: return nil
        }
    }

    // Inlined, so that each call site gets loops specialised for its type.
    @inline(__always) private init<Block: QuantizedBlock>(block: Block.Type) {
        widen = { BlockLoops<Block>.widen($0, $1, $2) }
        multiply = { BlockLoops<Block>.multiply($0) }
        summedGroup = Block.hasMinimum ? Block.groupSize : nil
        layout = BlockLayout(block)
    }

    @inline(__always) private init<Element: PlainElement>(plain: Element.Type) {
        widen = { PlainLoops<Element>.widen($0, $1, $2) }
        multiply = { PlainLoops<Element>.multiply($0) }
        summedGroup = nil
        layout = nil
    }
}

/// A product of encoded rows and one vector: output[r] = Σ weights[r, c] · input[c], in f32.
package struct RowProduct {
    /// (rows, columns), encoded
    package var weights: UnsafeRawPointer
    package var rows: Int
    /// A whole number of blocks.
    package var columns: Int
    package var bytesPerRow: Int
    /// (columns)
    package var input: UnsafePointer<Float>
    /// (columns / `RowKernels.summedGroup`): sums of neighbouring inputs, the same for every row
    package var groupSums: UnsafePointer<Float>
    /// (rows)
    package var output: UnsafeMutablePointer<Float>

    package init(
        weights: UnsafeRawPointer, rows: Int, columns: Int, bytesPerRow: Int,
        input: UnsafePointer<Float>,
        groupSums: UnsafePointer<Float>, output: UnsafeMutablePointer<Float>
    ) {
        self.weights = weights
        self.rows = rows
        self.columns = columns
        self.bytesPerRow = bytesPerRow
        self.input = input
        self.groupSums = groupSums
        self.output = output
    }
}
