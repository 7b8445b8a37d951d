import Formats
import Glibc
import Transformer

/// The strength with which a block of the edited model adds what it was asked to, measured on its stream.
///
/// With δ the difference of the edited stream from the steered one, of which what the block before already had is taken
/// away, every token gives the estimate 1 + ⟨δ, v⟩ / ⟨v, v⟩ of the strength as a share of the one asked for. The median
/// over the tokens is the strength found. Its interval holds three things: the order statistics that enclose the median
/// of such a sample with 95 %, what the rounding of weights adds
/// to every token alike, measured along random directions of the same length, and the rounding of the stream in f32 and of
/// the vector as it is stored.
public struct StrengthMeasurement: Sendable, Hashable {
    /// As a share of the strength asked for: 1 where they are equal.
    public let found: Double
    public let lowest: Double
    public let highest: Double

    /// Whether the interval holds the strength asked for.
    public var holds: Bool { lowest <= 1 && highest >= 1 }
    /// How far the strength could be from the one found without being noticed.
    public var resolution: Double { (highest - lowest) / 2 }

    /// - Parameters:
    ///   - along: ⟨δ, v⟩ / ⟨v, v⟩ of every token
    ///   - aside: the same along random directions as long as v, one list for each
    ///   - rounding: of the stream and of the stored vector, as a share of the vector's length
    init(along: [Double], aside: [[Double]], rounding: Double) {
        let sorted = along.sorted()
        let count = sorted.count
        let middle = Self.median(sorted)
        let reach = Int((0.98 * Double(count).squareRoot()).rounded(.up))
        let low = sorted[max(0, count / 2 - reach)]
        let high = sorted[min(count - 1, count / 2 + reach)]
        let offsets = aside.map { Self.median($0.sorted()) }
        let square = offsets.reduce(0) { $0 + $1 * $1 } / Double(max(offsets.count, 1))
        let margin = 3 * square.squareRoot() + rounding
        found = 1 + middle
        lowest = 1 + min(low, middle) - margin
        highest = 1 + max(high, middle) + margin
    }

    private static func median(_ sorted: [Double]) -> Double {
        sorted.isEmpty ? 0 : sorted[sorted.count / 2]
    }
}

/// Gathers, block by block, how far the edited stream is from the steered one along what was added there.
struct StrengthSamples {
    /// Random directions beside each vector.
    private static let directionCount = 8

    private struct Block {
        /// What was added, then random directions as long as it.
        let directions: [[Float]]
        let squaredLength: Double
        /// By direction: the share of every token.
        var shares: [[Double]]
        /// The length of every token's stream.
        var lengths: [Double] = []

        /// f32's rounding of the stream as a share of the vector's length.
        var rounding: Double {
            let sorted = lengths.sorted()
            guard !sorted.isEmpty else { return 0 }
            return 0x1p-24 * sorted[sorted.count / 2] / squaredLength.squareRoot()
        }
    }

    private var blocks: [Int: Block] = [:]

    /// - Parameter added: what is added in each block, at all its sites together.
    init(added: [Int: [Float]]) {
        var random = Xoshiro256(seed: 20)
        for (block, vector) in added.sorted(by: { $0.key < $1.key }) {
            let square = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
            guard square > 0, square.isFinite else { continue }
            let others = (0..<Self.directionCount).map { _ in
                Self.direction(as: vector, squaredLength: square, &random)
            }
            blocks[block] = Block(
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
        for number in blocks.keys {
            guard let left = steered["resid_post.\(number)"],
                let right = edited["resid_post.\(number)"], var block = blocks[number]
            else { continue }
            let before = number > 0 ? "resid_post.\(number - 1)" : "embed"
            let earlier = (steered[before], edited[before])
            for row in 0..<left.rows {
                let stream = left.values[(row * left.columns)..<((row + 1) * left.columns)]
                block.lengths.append(SampleMatrix.norm(stream))
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
            blocks[number] = block
        }
    }

    /// The strengths found.
    ///
    /// - Parameter storage: the unit roundoff of the type that holds the vectors
    func measurements(storage: Double) -> [Int: StrengthMeasurement] {
        blocks.compactMapValues { block in
            block.shares[0].isEmpty
                ? nil
                : StrengthMeasurement(
                    along: block.shares[0], aside: Array(block.shares.dropFirst()),
                    rounding: block.rounding + storage)
        }
    }
}
