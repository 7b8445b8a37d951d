/// The gradient of a loss by central differences, one value after another.
///
/// Its error is of the order of step² times the third derivative, plus the rounding of the loss over the step.
func centralDifferences(
    of values: [Float], step: Float, _ loss: ([Float]) -> Double
) -> [Double] {
    values.indices.map { index in
        var (above, below) = (values, values)
        above[index] += step
        below[index] -= step
        return (loss(above) - loss(below)) / (Double(above[index]) - Double(below[index]))
    }
}

/// Σ values · weights: a loss whose gradient is the weights.
func weightedSum(_ values: [Float], _ weights: [Float]) -> Double {
    zip(values, weights).reduce(0) { $0 + Double($1.0) * Double($1.1) }
}

/// The largest difference, relative to the largest magnitude; NaN where there is one.
func relativeDifference(_ values: [Float], _ exact: [Double]) -> Double {
    largestDifference(values, exact) / (exact.map(abs).max() ?? 0)
}
