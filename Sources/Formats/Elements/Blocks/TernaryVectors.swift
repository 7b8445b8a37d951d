/// Chooses vectors of IQ1's codebook.
struct TernaryVectors {
    private let map: CodebookMap
    /// The error of every level of every element, by entry.
    private let table: UnsafeMutablePointer<Float>

    static let byteCount = 24 * 4

    init(memory: UnsafeMutableRawPointer) {
        map = IQ1Codebook.map
        table = memory.assumingMemoryBound(to: Float.self)
    }

    /// The place of the vector that a packed point is; where it is none, of the best one near it.
    ///
    /// - Returns: nil where errors are not finite
    @inline(__always)
    func place(
        _ point: UInt32, _ values: UnsafePointer<Float>, _ weights: UnsafePointer<Float>,
        scale: Float, _ levels: TernaryLevels
    ) -> (place: Int, isExact: Bool)? {
        if let place = map.place(point) { return (place, true) }
        for element in 0..<8 {
            let (value, weight) = (values[element], weights[element])
            table[element * 3] = error(scale * levels.low - value, weight)
            table[element * 3 + 1] = error(scale * levels.middle - value, weight)
            table[element * 3 + 2] = error(scale * levels.high - value, weight)
        }
        var least = Float.greatestFiniteMagnitude
        var best: Int?
        for place in map.near(point) {
            let entries = map.entries(at: Int(place))
            var error = table[Int(entries[0])]
            for element in 1..<8 { error += table[Int(entries[element])] }
            if error < least {
                least = error
                best = Int(place)
            }
        }
        return best.map { ($0, false) }
    }

    @inline(__always)
    private func error(_ difference: Float, _ weight: Float) -> Float {
        weight * difference * difference
    }

    /// The level of an element of a vector, shifted.
    @inline(__always)
    func level(_ place: Int, element: Int, _ levels: TernaryLevels) -> Float {
        switch Int(map.entries(at: place)[element]) - 3 * element {
        case 0: levels.low
        case 1: levels.middle
        default: levels.high
        }
    }
}
