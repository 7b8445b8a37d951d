/// A group of values that share a scale, as the search for vectors of a codebook takes them: magnitudes, and beside them
/// the signs.
struct CodebookGroup {
    let count: Int
    private let memory: UnsafeMutableRawPointer
    /// A bit for each element that is stored negative.
    private(set) var signs: UInt32 = 0

    /// Room for 32 elements' values, weights, the weights' roots and their products with the values.
    static let byteCount = 4 * 32 * 4

    init(count: Int, memory: UnsafeMutableRawPointer) {
        self.count = count
        self.memory = memory
    }

    /// The magnitudes; one of eight may be negative where signs must be even.
    @inline(__always) var values: UnsafeMutablePointer<Float> { plane(0) }
    /// How much an element's error counts.
    @inline(__always) var weights: UnsafeMutablePointer<Float> { plane(1) }
    /// The roots of the weights: what counts where a vector is chosen.
    @inline(__always) var roots: UnsafeMutablePointer<Float> { plane(2) }
    /// Weights times values.
    @inline(__always) var products: UnsafeMutablePointer<Float> { plane(3) }

    @inline(__always)
    private func plane(_ index: Int) -> UnsafeMutablePointer<Float> {
        (memory + index * 128).assumingMemoryBound(to: Float.self)
    }

    /// Takes values and their weights.
    ///
    /// - Parameter weigh: the weights of eight values whose squares are given, and which begin at an index
    @inline(__always)
    mutating func load(
        _ source: UnsafePointer<Float>, hasEvenSigns: Bool,
        weigh: (_ squares: SIMD8<Float>, _ index: Int) -> SIMD8<Float>
    ) {
        signs = 0
        let source = UnsafeRawPointer(source)
        for first in stride(from: 0, to: count, by: 8) {
            let eight = source.floats8(first * 4)
            let weights = weigh(eight * eight, first)
            store(weights, plane: 1, first)
            store(Elements.roots(weights), plane: 2, first)
            store(magnitudes(eight), plane: 0, first)
            for index in first..<first + 8 where source.float(index) < 0 {
                signs |= 1 << UInt32(index)
            }
            if hasEvenSigns { makeEven(first) }
        }
        for index in 0..<count { products[index] = weights[index] * values[index] }
    }

    @inline(__always)
    private func store(_ eight: SIMD8<Float>, plane: Int, _ first: Int) {
        memory.storeBytes(of: eight, toByteOffset: plane * 128 + first * 4, as: SIMD8<Float>.self)
    }

    /// Where an odd number of eight is negative, gives the wrong sign to the one for which it counts least.
    @inline(__always)
    private mutating func makeEven(_ first: Int) {
        guard (signs >> UInt32(first) & 255).nonzeroBitCount % 2 != 0 else { return }
        var least = first
        var cost = weights[first] * values[first] * values[first]
        for index in first + 1..<first + 8 {
            let own = weights[index] * values[index] * values[index]
            if own < cost { (cost, least) = (own, index) }
        }
        values[least] = -values[least]
        signs ^= 1 << UInt32(least)
    }

    @inline(__always)
    var areWeightsFinite: Bool {
        // Zero times a finite number is zero, times others it is no number.
        var sum = SIMD8<Float>.zero
        for first in stride(from: 0, to: count, by: 8) {
            sum += UnsafeRawPointer(weights).floats8(first * 4) * 0
        }
        return !isAny(sum .!= 0)
    }

    /// The largest value.
    @inline(__always)
    var largest: Float {
        var largest = values[0]
        for index in 1..<count where values[index] > largest { largest = values[index] }
        return largest
    }

    /// Turns all signs, where the best scale is a negative one.
    mutating func turnSigns() { signs = ~signs }
}
