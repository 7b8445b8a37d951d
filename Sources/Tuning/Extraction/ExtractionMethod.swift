/// How a direction is found in the activations of contrast pairs.
package enum ExtractionMethod: String, Sendable, CaseIterable {
    /// The mean of the differences, positive minus negative.
    case mean
    /// The first principal component of the differences, not centred: the line through the origin nearest to them.
    case pca
    /// The first principal component of the differences about their mean, as scikit-learn's PCA and repeng have it.
    /// It describes how the differences vary, which need not be the direction they share.
    case pcaCentered = "pca-centered"
    /// The normal of an L2-regularised logistic regression that tells positive from negative activations.
    case logistic
    /// The mean of the differences of vectors that make the model write each side's sentence (`LatentExtraction`).
    case latent

    /// A direction of any length and sign for the pairs in `chosen`.
    ///
    /// - Parameters:
    ///   - positive: (pairs, width)
    ///   - negative: (pairs, width)
    ///   - differences: positive − negative
    func direction(
        positive: SampleMatrix, negative: SampleMatrix, differences: SampleMatrix, chosen: [Int]
    ) -> [Float] {
        switch self {
        case .mean, .latent: return differences.mean(of: chosen)
        case .pca: return PrincipalComponent.first(of: differences, rows: chosen, centre: nil)
        case .pcaCentered:
            return PrincipalComponent.first(
                of: differences, rows: chosen, centre: differences.mean(of: chosen))
        case .logistic:
            return LogisticRegression.normal(positive: positive, negative: negative, rows: chosen)
        }
    }
}
