import Formats
import Glibc
import Transformer

/// Gathers, place by place, how far the edited stream is from the steered one along what was added there.
struct AdditionSamples {
    /// Random directions beside each vector.
    private static let directionCount = 8

    private struct Samples {
        /// What was added, then random directions as long as it.
        let directions: [[Float]]
        let squaredLength: Double
        /// By direction: the share of every token.
        var shares: [[Double]]
        /// The length of every token's stream.
        var lengths: [Double] = []

        /// f32's rounding of the stream as a share of the vector's length.
        var rounding: Double {
            0x1p-24 * (Quantile.middle(of: lengths) ?? 0) / squaredLength.squareRoot()
        }
    }

    /// By block; −1 is the embedding.
    private var places: [Int: Samples] = [:]

    /// - Parameter added: what is added in each block, at all its sites together, and under −1 at the embedding.
    init(added: [Int: [Float]]) {
        var random = Xoshiro256(seed: 20)
        for (block, vector) in added.sorted(by: { $0.key < $1.key }) {
            let square = vector.dot(vector)
            guard square > 0, square.isFinite else { continue }
            let others = (0..<Self.directionCount).map { _ in
                Self.direction(as: vector, squaredLength: square, &random)
            }
            places[block] = Samples(
                directions: [vector] + others, squaredLength: square,
                shares: Array(repeating: [], count: 1 + others.count))
        }
    }

    /// A direction at right angles to a vector and as long.
    static func direction(
        as vector: [Float], squaredLength: Double, _ random: inout Xoshiro256
    ) -> [Float] {
        let noise = vector.map { _ in 2 * random.nextUnit() - 1 }
        let overlap = zip(noise, vector).reduce(0) { $0 + $1.0 * Double($1.1) } / squaredLength
        let aside = zip(noise, vector).map { $0 - overlap * Double($1) }
        let square = aside.reduce(0) { $0 + $1 * $1 }
        guard square > 0 else { return vector.map { -$0 } }
        let factor = (squaredLength / square).squareRoot()
        return aside.map { Float($0 * factor) }
    }

    /// Adds what two traces of the same tokens differ by.
    mutating func add(steered: Trace, edited: Trace) {
        for number in places.keys {
            let name = Self.name(number)
            guard let left = steered[name], let right = edited[name], var block = places[number]
            else { continue }
            let before = Self.name(number - 1)
            let earlier = (steered[before], edited[before])
            for row in 0..<left.rows {
                let stream = left.values[(row * left.columns)..<((row + 1) * left.columns)]
                block.lengths.append(stream.norm)
                for (index, direction) in block.directions.enumerated() {
                    var sum = 0.0
                    for (column, value) in direction.enumerated() {
                        let place = row * left.columns + column
                        var delta = Double(right.values[place]) - Double(left.values[place])
                        if let (old, new) = earlier as? (Trace.Entry, Trace.Entry) {
                            delta -= Double(new.values[place]) - Double(old.values[place])
                        }
                        sum += delta * Double(value)
                    }
                    block.shares[index].append(sum / block.squaredLength)
                }
            }
            places[number] = block
        }
    }

    /// The entry of a trace that shows a place; none before the embedding.
    private static func name(_ place: Int) -> String {
        place < 0 ? (place == -1 ? "embed" : "") : "resid_post.\(place)"
    }

    /// The strengths found.
    ///
    /// - Parameter storage: the unit roundoff of the type that holds the vectors
    func measurements(storage: Double) -> [Int: StrengthMeasurement] {
        places.compactMapValues { block in
            block.shares[0].isEmpty
                ? nil
                : StrengthMeasurement(
                    along: block.shares[0], aside: Array(block.shares.dropFirst()),
                    rounding: block.rounding + storage)
        }
    }
}
