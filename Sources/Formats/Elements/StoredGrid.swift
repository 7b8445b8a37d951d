/// The values that elements of a row could have had in their type: those of a quantised row with the scales that are
/// stored in it.
package struct StoredGrid {
    /// How far neighbouring values are apart, element by element; where not equally far, the further ones.
    package private(set) var steps: [Float]
    private let kind: Kind

    private enum Kind {
        case plain(PlainGrid)
        case blocks(
            groupSize: Int, scales: [Float], minimums: [Float], integers: StoredIntegers)
    }

    /// - Parameters:
    ///   - bytes: the row as it is stored; not looked at for a plain type
    ///   - values: the same, widened
    /// - Returns: nil for a type that rtedit cannot widen, or that holds no floats.
    package init?(_ bytes: UnsafeRawBufferPointer, type: ElementType, values: [Float]) {
        if let grid = PlainGrid(type) {
            kind = .plain(grid)
            steps = values.map(grid.step)
            return
        }
        guard let layout = BlockLayout(type), type.byteCount(elements: values.count) == bytes.count
        else { return nil }
        let (scales, minimums) = layout.scales(bytes)
        kind = .blocks(
            groupSize: layout.groupSize, scales: scales, minimums: minimums,
            integers: layout.integers)
        steps = values.enumerated().map { index, value in
            let (scale, minimum) = (
                scales[index / layout.groupSize], minimums[index / layout.groupSize]
            )
            return abs(scale) * layout.integers.gap(at: (value - minimum) / scale)
        }
    }

    /// How many neighbouring elements share a scale.
    package var groupSize: Int {
        switch kind {
        case .plain: 1
        case .blocks(let size, _, _, _): size
        }
    }

    /// The value nearest to `value` that the element could have had; in a type whose codes stand for vectors, with others
    /// beside it than it has.
    package func nearest(to value: Float, at index: Int) -> Float {
        switch kind {
        case .plain(let grid): return grid.rounded(value)
        case .blocks(let size, let scales, let minimums, let integers):
            let (scale, minimum) = (scales[index / size], minimums[index / size])
            guard scale != 0 else { return minimum }
            return scale * integers.nearest(to: (value - minimum) / scale) + minimum
        }
    }
}

/// A plain float type as a grid: how many places it keeps, and how small and large its numbers are.
package struct PlainGrid {
    private let fractionBits: Int
    private let leastExponent: Int
    private let largest: Float

    package init?(_ type: ElementType) {
        switch type {
        case .f64, .f32:
            (fractionBits, leastExponent, largest) = (23, -126, .greatestFiniteMagnitude)
        case .f16: (fractionBits, leastExponent, largest) = (10, -14, 65504)
        case .bf16: (fractionBits, leastExponent, largest) = (7, -126, 0x1.fep127)
        case .f8E4M3: (fractionBits, leastExponent, largest) = (3, -6, 448)
        case .f8E5M2: (fractionBits, leastExponent, largest) = (2, -14, 57344)
        default: return nil
        }
    }

    /// How far the numbers of this size are apart.
    package func step(_ value: Float) -> Float {
        guard value.isFinite else { return 0 }
        let exponent = value == 0 ? leastExponent : max(leastExponent, Int(value.exponent))
        return Float(sign: .plus, exponent: exponent - fractionBits, significand: 1)
    }

    /// The nearest number, ties to even; infinite where it would be too large for f16, bf16 and f32.
    package func rounded(_ value: Float) -> Float {
        let step = step(value)
        guard step > 0, fractionBits < 23 else { return value }
        let rounded = (value / step).rounded(.toNearestOrEven) * step
        guard abs(rounded) > largest else { return rounded }
        return fractionBits > 3
            ? (value < 0 ? -.infinity : .infinity) : value < 0 ? -largest : largest
    }
}

/// Where a quantised type's scales lie, and which integers stand beside them.
package struct BlockLayout: Sendable {
    let groupSize: Int
    let integers: StoredIntegers
    private let type: ElementType
    private let hasMinimum: Bool
    private let unpack: @Sendable (UnsafeRawPointer, UnsafeMutableRawPointer) -> Void

    /// - Returns: nil for a type that rtedit cannot widen, or that has no blocks.
    package init?(_ type: ElementType) {
        guard let layout = RowKernels(type)?.layout else { return nil }
        self = layout
    }

    init<Block: QuantizedBlock>(_ block: Block.Type) {
        type = Block.type
        groupSize = Block.groupSize
        hasMinimum = Block.hasMinimum
        integers = Block.integers
        unpack = { Block.unpackScales($0, into: $1) }
    }

    /// The scales and minimums of all groups of whole blocks.
    func scales(_ bytes: UnsafeRawBufferPointer) -> (scales: [Float], minimums: [Float]) {
        let groups = type.elementsPerBlock / groupSize
        let size = type.bitsPerBlock / 8
        var (scales, minimums): ([Float], [Float]) = ([], [])
        var unpacked = [Float](repeating: 0, count: 2 * groups)
        for start in stride(from: 0, to: bytes.count - size + 1, by: size) {
            guard let block = bytes.baseAddress else { break }
            unpacked.withUnsafeMutableBytes { buffer in
                if let first = buffer.baseAddress { unpack(block + start, first) }
            }
            scales += unpacked[..<groups]
            minimums +=
                hasMinimum ? Array(unpacked[groups...]) : [Float](repeating: 0, count: groups)
        }
        return (scales, minimums)
    }
}
