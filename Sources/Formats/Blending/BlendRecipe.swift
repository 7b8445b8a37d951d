/// How models are blended: the method and its numbers, which mean what they mean in mergekit.
package struct BlendRecipe: Sendable {
    /// How differences are made larger where others were dropped.
    package enum Rescaling: String, CaseIterable, Sendable {
        case none
        /// By what the sum of their magnitudes lost.
        case l1
        /// By one over the share that is kept, as in the paper on DARE.
        case density
    }

    package let method: BlendMethod
    /// One for each model, or one for all.
    package var weights: [Double] = [1]
    /// The share of each model's differences that is kept: one for each model, or one for all.
    package var densities: [Double] = [1]
    /// What the sum of differences is multiplied by.
    package var strength = 1.0
    /// Whether the sum is divided by that of the weights.
    package var normalizes: Bool
    package var rescaling: Rescaling
    /// Of the random shares.
    package var seed: UInt64 = 0
    /// How far `slerp` goes from the first model to the second.
    package var position = BlendGradient()

    /// The method with its usual settings.
    package init(_ method: BlendMethod) {
        self.method = method
        normalizes = method.normalizes
        rescaling = method.isRandom ? .l1 : .none
    }

    /// The weight of each model.
    func weights(of count: Int) -> [Double] { Self.spread(weights, to: count) }

    /// The density of each model.
    func densities(of count: Int) -> [Double] { Self.spread(densities, to: count) }

    private static func spread(_ values: [Double], to count: Int) -> [Double] {
        guard let first = values.first, values.count == 1 else { return values }
        return Array(repeating: first, count: count)
    }

    /// - Throws: `BlendError` where the numbers do not go with so many models, or there is nothing they could mean.
    func check(models count: Int, hasBase: Bool) throws(BlendError) {
        guard method == .slerp ? count == 2 : count >= (method.needsBase ? 1 : 2) else {
            throw .modelCount(method, found: count)
        }
        guard method.needsBase == hasBase else { throw .base(method, isGiven: hasBase) }
        for (name, values) in [("weights", weights), ("densities", densities)] {
            guard values.count == 1 || values.count == count else {
                throw .valueCount(name: name, found: values.count, models: count)
            }
        }
        // Above, all is divided by the sum; mergekit makes NaN of it.
        let sum = weights(of: count).reduce(0, +)
        if method == .linear, normalizes, abs(sum) < 1e-8 { throw .weightSum(sum) }
    }
}
