import Glibc
import Transformer

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
        case .mean: return differences.mean(of: chosen)
        case .pca: return PrincipalComponent.first(of: differences, rows: chosen, centre: nil)
        case .pcaCentered:
            return PrincipalComponent.first(
                of: differences, rows: chosen, centre: differences.mean(of: chosen))
        case .logistic:
            return LogisticRegression.normal(positive: positive, negative: negative, rows: chosen)
        }
    }
}

/// The first principal component, by power iteration.
enum PrincipalComponent {
    private static let largestIterationCount = 1000
    /// The iteration ends when the unit vector moves less than this.
    private static let tolerance = 1e-7

    /// The unit vector v that maximises Σ ((x − centre)·v)² over the rows. It starts from a fixed pseudo-random vector,
    /// so the same rows give the same bits.
    static func first(of samples: SampleMatrix, rows: [Int], centre: [Float]?) -> [Float] {
        let centred: [[Float]] = rows.map { row in
            guard let centre else { return Array(samples[row]) }
            return zip(samples[row], centre).map { $0 - $1 }
        }
        var generator = Xoshiro256(seed: 0x7265_7074)
        var vector = (0..<samples.width).map { _ in Float(generator.nextUnit() - 0.5) }
        normalize(&vector)
        for _ in 0..<largestIterationCount {
            var next = [Double](repeating: 0, count: samples.width)
            for row in centred {
                let projection = SampleMatrix.dot(row[...], vector[...])
                for index in next.indices { next[index] += projection * Double(row[index]) }
            }
            var moved = next.map {
                Float($0 / max(next.map(abs).max() ?? 1, .leastNormalMagnitude))
            }
            guard normalize(&moved) else { return vector }
            let distance = zip(moved, vector).reduce(0) {
                $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1))
            }
            vector = moved
            if distance.squareRoot() < tolerance { break }
        }
        return vector
    }

    @discardableResult
    private static func normalize(_ vector: inout [Float]) -> Bool {
        let norm = SampleMatrix.norm(vector[...])
        guard norm > 0, norm.isFinite else { return false }
        vector = vector.map { Float(Double($0) / norm) }
        return true
    }
}

/// Logistic regression in the space of the samples: the normal is a combination of them, so the cost depends on their
/// number and hardly on their width.
enum LogisticRegression {
    private static let iterations = 400
    /// The weight of ‖normal‖² / 2 once the samples have mean square length 1.
    private static let regularization = 1e-2

    static func normal(positive: SampleMatrix, negative: SampleMatrix, rows: [Int]) -> [Float] {
        let samples = rows.map { Array(positive[$0]) } + rows.map { Array(negative[$0]) }
        let labels = rows.map { _ in 1.0 } + rows.map { _ in -1.0 }
        let count = samples.count
        let width = positive.width
        var mean = [Double](repeating: 0, count: width)
        for sample in samples {
            for index in mean.indices { mean[index] += Double(sample[index]) / Double(count) }
        }
        let centred = samples.map { sample in zip(sample, mean).map { Float(Double($0) - $1) } }
        var gram = centred.map { left in centred.map { SampleMatrix.dot(left[...], $0[...]) } }
        let scale = max(
            (0..<count).reduce(0) { $0 + gram[$1][$1] } / Double(max(count, 1)),
            .leastNormalMagnitude)
        for row in gram.indices { gram[row] = gram[row].map { $0 / scale } }
        // Nesterov's accelerated gradient on the coefficients; the loss is 1/4-smooth in each margin.
        let largest = gram.map { row in row.reduce(0) { $0 + abs($1) } }.max() ?? 1
        let step = 1 / (0.25 * largest / Double(max(count, 1)) + regularization)
        var coefficients = [Double](repeating: 0, count: count)
        var ahead = coefficients
        for iteration in 1...iterations {
            let next = (0..<count).map { row in
                let margin = labels[row] * zip(gram[row], ahead).reduce(0) { $0 + $1.0 * $1.1 }
                let pull = labels[row] / (1 + exp(margin)) / Double(count)
                return ahead[row] + step * (pull - regularization * ahead[row])
            }
            let momentum = Double(iteration - 1) / Double(iteration + 2)
            ahead = zip(next, coefficients).map { $0 + momentum * ($0 - $1) }
            coefficients = next
        }
        var normal = [Double](repeating: 0, count: width)
        for (sample, coefficient) in zip(centred, coefficients) {
            for index in normal.indices { normal[index] += coefficient * Double(sample[index]) }
        }
        return normal.map { Float($0 / scale.squareRoot()) }
    }
}
