/// How far a vector pushes the stream, in units of the stream's own length.
///
/// What is added in one block is still there in the next, so that the pushes of several blocks add up: that of a set of
/// blocks is Σ |strength| · ‖direction‖ / ‖stream‖ over them.
///
/// The two bounds are measured ones, with mean differences for a mood on SmolLM2-135M-Instruct: a push of 15 % cost a KL of
/// 0.09 nats, and what was written stayed fluent; one of 50 % cost 0.9 to 1.1 nats and a perplexity of 2.5 times the plain
/// one, one of 100 % 3 to 3.5 nats, and what was written had little to do with the prompt.
package enum RelativePush {
    /// What a first try aims at.
    package static let usual = 0.15
    /// More is warned about.
    package static let largest = 0.5
}

extension SteeringVector {
    /// The push of strength 1 in some of its blocks; nil where the file does not know how long the stream is there.
    package func relativePush(in blocks: [Int]) -> Double? {
        var total = 0.0
        for block in blocks {
            guard let direction = directions[block], let norm = provenance.activationNorm[block],
                norm > 0, norm.isFinite
            else { return nil }
            total += direction.norm / Double(norm)
        }
        return total
    }
}
