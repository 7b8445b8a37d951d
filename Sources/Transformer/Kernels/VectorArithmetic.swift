/// a · b, in four sums of eight lanes.
package func dotForward(
    _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>, count: Int
) -> Float {
    var sums = (SIMD8<Float>.zero, SIMD8<Float>.zero, SIMD8<Float>.zero, SIMD8<Float>.zero)
    var index = 0
    while index + 32 <= count {
        sums.0.addProduct(a.load8(index), b.load8(index))
        sums.1.addProduct(a.load8(index + 8), b.load8(index + 8))
        sums.2.addProduct(a.load8(index + 16), b.load8(index + 16))
        sums.3.addProduct(a.load8(index + 24), b.load8(index + 24))
        index += 32
    }
    while index + 8 <= count {
        sums.0.addProduct(a.load8(index), b.load8(index))
        index += 8
    }
    var tail: Float = 0
    while index < count {
        tail += a[index] * b[index]
        index += 1
    }
    return ((sums.0 + sums.1) + (sums.2 + sums.3)).sum() + tail
}

/// output += input
package func addForward(
    _ output: UnsafeMutablePointer<Float>, _ input: UnsafePointer<Float>, count: Int
) {
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        output.store8(output.load8(index) + input.load8(index), index)
    }
    for index in wholeEights(count)..<count { output[index] += input[index] }
}

/// output = a · b, element by element; the output may be either of them
package func multiplyForward(
    _ output: UnsafeMutablePointer<Float>, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    count: Int
) {
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        output.store8(a.load8(index) * b.load8(index), index)
    }
    for index in wholeEights(count)..<count { output[index] = a[index] * b[index] }
}

/// output = factor · output
package func scaleForward(_ output: UnsafeMutablePointer<Float>, by factor: Float, count: Int) {
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        output.store8(output.load8(index) * factor, index)
    }
    for index in wholeEights(count)..<count { output[index] *= factor }
}

/// output += factor · input
package func addScaledForward(
    _ output: UnsafeMutablePointer<Float>, _ factor: Float, _ input: UnsafePointer<Float>,
    count: Int
) {
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        output.store8(output.load8(index).addingProduct(input.load8(index), factor), index)
    }
    for index in wholeEights(count)..<count { output[index] += factor * input[index] }
}

/// The largest |a − b| of two rows' elements, infinity where one is NaN, and the largest |a|.
///
/// - Precondition: the rows are equally long.
package func largestDifferenceForward(
    _ a: Span<Float>, _ b: Span<Float>
) -> (difference: Float, value: Float) {
    precondition(a.count == b.count)
    var (difference, value): (Float, Float) = (0, 0)
    for index in a.indices {
        let distance = abs(a[index] - b[index])
        if !(distance <= difference) { difference = distance.isNaN ? .infinity : distance }
        value = max(value, abs(a[index]))
    }
    return (difference, value)
}
