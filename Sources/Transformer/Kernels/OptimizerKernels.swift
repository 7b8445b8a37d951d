/// The numbers of an AdamW update that are the same for all values of a parameter.
package struct AdamWFactors: Sendable, Hashable {
    /// What is left of a value after weight decay.
    package var keep: Float
    /// What weight decay adds to it: 0 unless values decay to another number than 0.
    package var pull: Float
    /// The share of the gradient in the new first moment: 1 − β₁.
    package var firstShare: Float
    /// The share of the old second moment in the new one: β₂.
    package var secondKeep: Float
    /// The share of the squared gradient in it: 1 − β₂.
    package var secondShare: Float
    /// The learning rate over the first moment's bias correction.
    package var stepSize: Float
    /// The square root of the second moment's bias correction.
    package var secondCorrection: Float
    package var epsilon: Float

    package init(
        keep: Float, pull: Float = 0, firstShare: Float, secondKeep: Float, secondShare: Float,
        stepSize: Float,
        secondCorrection: Float, epsilon: Float
    ) {
        self.keep = keep
        self.pull = pull
        self.firstShare = firstShare
        self.secondKeep = secondKeep
        self.secondShare = secondShare
        self.stepSize = stepSize
        self.secondCorrection = secondCorrection
        self.epsilon = epsilon
    }
}

/// One AdamW update (arXiv 1711.05101, algorithm 2) of `count` values, in the order of operations of
/// `torch.optim.AdamW`.
package func adamWUpdate(
    values: UnsafeMutablePointer<Float>, first: UnsafeMutablePointer<Float>,
    second: UnsafeMutablePointer<Float>, gradient: UnsafePointer<Float>, factors: AdamWFactors,
    count: Int
) {
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        let slope = gradient.load8(index)
        var mean = first.load8(index)
        mean += factors.firstShare * (slope - mean)
        let square =
            factors.secondKeep * second.load8(index) + factors.secondShare * slope * slope
        let divisor = square.squareRoot() / factors.secondCorrection + factors.epsilon
        values.store8(
            factors.keep * values.load8(index) + factors.pull
                - factors.stepSize * mean / divisor, index)
        first.store8(mean, index)
        second.store8(square, index)
    }
    for index in wholeEights(count)..<count {
        let slope = gradient[index]
        let mean = first[index] + factors.firstShare * (slope - first[index])
        let square = factors.secondKeep * second[index] + factors.secondShare * slope * slope
        let divisor = square.squareRoot() / factors.secondCorrection + factors.epsilon
        values[index] =
            factors.keep * values[index] + factors.pull - factors.stepSize * mean / divisor
        first[index] = mean
        second[index] = square
    }
}

/// The sum of the squares in f64, in eight sums side by side.
package func sumOfSquaresForward(_ input: UnsafePointer<Float>, count: Int) -> Double {
    var sums = SIMD8<Double>.zero
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        let wide = SIMD8<Double>(input.load8(index))
        sums += wide * wide
    }
    var sum = sums.sum()
    for index in wholeEights(count)..<count { sum += Double(input[index]) * Double(input[index]) }
    return sum
}
