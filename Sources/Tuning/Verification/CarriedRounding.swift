import Formats
import Transformer

/// What a model makes of rounding, where the number formats do not tell.
///
/// A sub-layer hands the rounding of its input on as it is, but for one that divides by what may have cancelled. A gated delta net
/// does so twice: queries and keys are brought to length 1, and each head's output, a sum that its state gives, is normed
/// whatever is left of it. How much larger a share of its result the rounding is then depends on the model and on the text.
extension ComparedModels {
    /// The largest share of a stream, or of the largest logit, by which the steered base is off when what every sub-layer
    /// leaves of the stream is moved by a share of its length, along random directions of each place.
    ///
    /// - Parameter share: what one sub-layer's sums in another order leave.
    /// - Returns: nil for a model without delta nets.
    /// - Throws: as `Trace`.
    func carriedRounding(on texts: [ComparedText], moving share: Double) throws -> Double? {
        let sizes = base.configuration.sizes
        guard sizes.mixers.contains(.deltaNet) else { return nil }
        var moved = StreamComparison(blockCount: sizes.blockCount)
        var random = Xoshiro256(seed: 11)
        for text in texts where !text.isAddedForLength {
            let steered = try Trace(of: text.tokens, in: reference, interventions: interventions)
            for _ in 0..<Self.draws {
                let other = try Trace(
                    of: text.tokens, in: reference,
                    interventions: interventions + Self.moves(by: share, sizes, &random))
                moved.add(reference: steered, other: other)
            }
        }
        return max(moved.blocks.map(\.largestRelative).max() ?? 0, moved.logits.relative)
    }

    /// How often each text is run: a token whose state cancels is moved little by one direction in a few, and hardly by all.
    private static let draws = 4

    /// Stretches of the stream along one direction at each place: a random one has a share of 1 / √width of its length, as a
    /// root mean square.
    private static func moves(
        by share: Double, _ sizes: Hyperparameters, _ random: inout Xoshiro256
    ) -> [Intervention] {
        let strength = Float(share * Double(sizes.hiddenSize).squareRoot())
        return (0..<sizes.blockCount).flatMap { block in
            [Site.residMid, .residPost].map { site in
                Intervention(
                    site: site, block: block, operation: .ablate,
                    vector: (0..<sizes.hiddenSize).map { _ in random.next() & 1 == 0 ? 1 : -1 },
                    strength: strength)
            }
        }
    }
}
