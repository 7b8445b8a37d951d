import Glibc

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
        var gram = centred.map { left in centred.map { left.dot($0) } }
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
