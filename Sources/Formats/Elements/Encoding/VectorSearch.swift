/// The points that a codebook's vectors were chosen from.
protocol CodebookLattice {
    /// Elements of a vector.
    static var dimension: Int { get }
    /// Bits of a level in a packed point.
    static var bits: Int { get }
    /// Levels of an element: level n stands for 2 n + 1.
    static var levels: Int { get }
}

/// Eight elements of three levels: IQ2_XXS, IQ2_XS and IQ2_S.
enum LatticeOfEights: CodebookLattice {
    static var dimension: Int { 8 }
    static var bits: Int { 2 }
    static var levels: Int { 3 }
}

/// Four elements of eight levels: IQ3_XXS and IQ3_S.
enum LatticeOfFours: CodebookLattice {
    static var dimension: Int { 4 }
    static var bits: Int { 3 }
    static var levels: Int { 8 }
}

/// Chooses vectors for eight scales at once, a lane for each, so that every lane's sums are taken in the order of the
/// elements.
///
/// Packed points are kept as floats, which hold them exactly: lanes of floats can be compared at once.
struct VectorSearch<Lattice: CodebookLattice> {
    private let map: CodebookMap
    /// The error of every level of every element of one vector, by entry.
    private let table: UnsafeMutablePointer<SIMD8<Float>>

    /// Room for the table.
    static var byteCount: Int { Lattice.dimension * Lattice.levels * 32 }

    init(_ map: CodebookMap, memory: UnsafeMutableRawPointer) {
        self.map = map
        table = memory.assumingMemoryBound(to: SIMD8<Float>.self)
    }

    /// Packed points nearest to the values of one vector.
    @inline(__always)
    func points(_ values: UnsafePointer<Float>, inverses: SIMD8<Float>) -> SIMD8<Float> {
        var points = SIMD8<Int32>.zero
        for element in (0..<Lattice.dimension).reversed() {
            let level = nearestLevels(
                0.5 * (inverses * values[element] - 1), highest: Int32(Lattice.levels - 1))
            points = points &<< Int32(Lattice.bits) | level
        }
        return floats(points)
    }

    /// Replaces points that are no vectors by those that are best for the values of one vector, or by −1 where none is any
    /// good: the errors are not finite.
    ///
    /// - Returns: a bit for each lane in which the point was a vector
    @inline(__always)
    func replaceOthers(
        _ points: inout SIMD8<Float>, _ values: UnsafePointer<Float>,
        _ roots: UnsafePointer<Float>, scales: SIMD8<Float>
    ) -> UInt8 {
        let given = points
        var isVector: UInt8 = 0
        var hasTable = false
        var last: Float = -1
        for lane in 0..<8 {
            let point = given[lane]
            // Equal points lie side by side, since levels grow with the inverse scale.
            if point == last {
                isVector |= (isVector & 1 << UInt8(lane - 1)) << 1
                continue
            }
            last = point
            let packed = UInt32(truncatingIfNeeded: wholeNumber(point))
            if map.place(packed) != nil {
                isVector |= 1 << UInt8(lane)
                continue
            }
            if !hasTable {
                fillTable(values, roots, scales)
                hasTable = true
            }
            points.replace(with: best(of: map.near(packed)), where: given .== point)
        }
        return isVector
    }

    /// What the levels of an element in packed points stand for.
    @inline(__always)
    func integers(_ points: SIMD8<Int32>, element: Int) -> SIMD8<Float> {
        let levels = points &>> Int32(Lattice.bits * element) & (1 << Int32(Lattice.bits) - 1)
        return floats(levels &<< 1 | 1)
    }

    @inline(__always)
    private func fillTable(
        _ values: UnsafePointer<Float>, _ roots: UnsafePointer<Float>, _ scales: SIMD8<Float>
    ) {
        for level in 0..<Lattice.levels {
            let scaled = scales * Float(2 * level + 1)
            for element in 0..<Lattice.dimension {
                let error = scaled - values[element]
                table[element * Lattice.levels + level] = roots[element] * error * error
            }
        }
    }

    /// In each lane the packed vector of the least error, of equals the first, or −1 where none is finite.
    @inline(__always)
    private func best(of near: UnsafeBufferPointer<UInt16>) -> SIMD8<Float> {
        var least = SIMD8<Float>(repeating: .greatestFiniteMagnitude)
        var best = SIMD8<Float>(repeating: -1)
        for place in near {
            let entries = map.entries(at: Int(place))
            var error = table[Int(entries[0])]
            for element in 1..<Lattice.dimension { error += table[Int(entries[element])] }
            let isBetter = error .< least
            least.replace(with: error, where: isBetter)
            best.replace(with: SIMD8(repeating: map.point(at: Int(place))), where: isBetter)
        }
        return best
    }
}
