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

/// Chooses the vectors of a group for eight scales at once, a lane for each, so that every lane's sums are taken in the
/// order of the elements.
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
    func points(_ values: UnsafePointer<Float>, inverses: SIMD8<Float>) -> SIMD8<UInt32> {
        var points = SIMD8<UInt32>.zero
        for element in 0..<Lattice.dimension {
            let levels = nearestLevels(
                0.5 * (inverses * values[element] - 1), highest: Int32(Lattice.levels - 1))
            points |= levels &<< UInt32(Lattice.bits * element)
        }
        return points
    }

    /// Replaces points that are no vectors by those that are best for the values of one vector.
    ///
    /// - Returns: a bit for each lane in which the point was a vector, or nil where none is any good: an error is not finite.
    @inline(__always)
    func replaceOthers(
        _ points: inout SIMD8<UInt32>, _ values: UnsafePointer<Float>,
        _ roots: UnsafePointer<Float>,
        scales: SIMD8<Float>
    ) -> UInt8? {
        let given = points
        var isVector: UInt8 = 0
        var hasTable = false
        var last: UInt32 = .max
        for lane in 0..<8 {
            let point = given[lane]
            // Equal points lie side by side, since levels grow with the inverse scale.
            if point == last {
                isVector |= (isVector & 1 << UInt8(lane - 1)) << 1
                continue
            }
            last = point
            if map.place(point) != nil {
                isVector |= 1 << UInt8(lane)
                continue
            }
            if !hasTable {
                fillTable(values, roots, scales)
                hasTable = true
            }
            let best = best(of: map.near(point))
            let isOurs = given .== point
            points.replace(with: best, where: isOurs)
        }
        return any(points .== .max) ? nil : isVector
    }

    /// What the levels of an element in packed points stand for.
    @inline(__always)
    func integers(_ points: SIMD8<UInt32>, element: Int) -> SIMD8<Float> {
        let levels = points &>> UInt32(Lattice.bits * element) & (1 << UInt32(Lattice.bits) - 1)
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

    /// In each lane the packed vector of the least error, of equals the first, or all bits set where none is finite.
    @inline(__always)
    private func best(of near: UnsafeBufferPointer<UInt16>) -> SIMD8<UInt32> {
        var least = SIMD8<Float>(repeating: .greatestFiniteMagnitude)
        var best = SIMD8<UInt32>(repeating: .max)
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

/// Whole numbers nearest to the values, ties to even, within 0 to `highest`; no particular ones beyond 2²² (there the
/// reference's are what the low bits of a float give, and ours are the same).
@inline(__always)
func nearestLevels(_ x: SIMD8<Float>, highest: Int32) -> SIMD8<UInt32> {
    var levels = wholeNumbers(x)
    levels.replace(with: 0, where: levels .< 0)
    levels.replace(with: SIMD8(repeating: highest), where: levels .> highest)
    return unsafeBitCast(levels, to: SIMD8<UInt32>.self)
}

/// Whole numbers nearest to the values, ties to even, as in `nearestLevels`.
@inline(__always)
func wholeNumbers(_ x: SIMD8<Float>) -> SIMD8<Int32> {
    unsafeBitCast(x + 0x1.8p23, to: SIMD8<Int32>.self) & 0x7F_FFFF &- 0x40_0000
}

/// The whole number nearest to a value, as in `nearestLevels`.
@inline(__always)
func wholeNumber(_ x: Float) -> Int32 {
    Int32(truncatingIfNeeded: (x + 0x1.8p23).bitPattern & 0x7F_FFFF) - 0x40_0000
}

@inline(__always) func floats(_ x: SIMD8<UInt32>) -> SIMD8<Float> {
    floats(unsafeBitCast(x, to: SIMD8<Int32>.self))
}

@inline(__always) func floats(_ x: SIMD8<Int32>) -> SIMD8<Float> {
    SIMD8(
        Float(x[0]), Float(x[1]), Float(x[2]), Float(x[3]), Float(x[4]), Float(x[5]), Float(x[6]),
        Float(x[7]))
}
