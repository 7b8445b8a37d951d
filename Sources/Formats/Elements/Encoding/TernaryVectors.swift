import Bytes

/// Chooses vectors of IQ1's codebook.
struct TernaryVectors {
    private let map: CodebookMap
    /// The error of every level of every element, by entry.
    private let table: UnsafeMutablePointer<Float>

    /// The sums of the first four elements' errors, by their levels.
    private let halves: UnsafeMutablePointer<Float>

    static let byteCount = (24 + 81) * 4

    init(memory: UnsafeMutableRawPointer) {
        map = IQ1Codebook.map
        table = memory.assumingMemoryBound(to: Float.self)
        halves = table + 24
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
        fillTable(values, weights, scale: scale, levels)
        fillHalves()
        let firstHalves = IQ1Codebook.firstHalves.pointer
        var least = Float.greatestFiniteMagnitude
        var best: Int?
        for place in map.near(point) {
            let entries = map.entries(at: Int(place))
            var error = halves[Int(firstHalves[Int(place)])]
            for element in 4..<8 { error += table[Int(entries[element])] }
            if error < least {
                least = error
                best = Int(place)
            }
        }
        return best.map { ($0, false) }
    }

    @inline(__always)
    private func fillTable(
        _ values: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, scale: Float,
        _ levels: TernaryLevels
    ) {
        for element in 0..<8 {
            let (value, weight) = (values[element], weights[element])
            table[element * 3] = error(scale * levels.low - value, weight)
            table[element * 3 + 1] = error(scale * levels.middle - value, weight)
            table[element * 3 + 2] = error(scale * levels.high - value, weight)
        }
    }

    /// Sums the errors of the first four elements, which many vectors share.
    @inline(__always)
    private func fillHalves() {
        for fourth in 0..<3 {
            for third in 0..<3 {
                for second in 0..<3 {
                    for first in 0..<3 {
                        halves[first + 3 * second + 9 * third + 27 * fourth] =
                            table[first] + table[3 + second] + table[6 + third] + table[9 + fourth]
                    }
                }
            }
        }
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
