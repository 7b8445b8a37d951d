/// Searches the scale at which integers from 0 to `highest` are best for values that are not negative.
///
/// A few scales are tried, one lane each; the best one's integers are then moved as long as that helps.
struct PositiveScale {
    let highest: Int32

    /// - Parameters:
    ///   - values: (count), 32 at most, the largest above zero
    ///   - weights: (count): how much an error counts
    /// - Returns: the scale, 0 where nothing has weight
    @inline(__always)
    func best(
        _ values: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, count: Int, largest: Float
    ) -> Float {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { integers in
            guard let integers = integers.baseAddress else { return 0 }
            return best(values, weights, count: count, largest: largest, into: integers)
        }
    }

    /// The same, and the integers: (count).
    @inline(__always)
    func best(
        _ values: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, count: Int, largest: Float,
        into integers: UnsafeMutablePointer<UInt8>
    ) -> Float {
        let inverse = bestInverse(values, weights, count, largest)
        // Integers are bytes in the reference, in which a negative one is large: a value that is negative by its sign.
        var sums = Sums()
        for index in 0..<count {
            let integer = min(highest, wholeNumber(inverse * values[index]))
            integers[index] = UInt8(truncatingIfNeeded: integer)
            sums.add(Float(integer), values[index], weights[index])
        }
        for _ in 0..<5 {
            guard move(integers, &sums, values, weights, count) else { break }
        }
        return sums.scale
    }

    /// Σ w q x and Σ w q².
    private struct Sums {
        var qx: Float = 0
        var qq: Float = 0

        var scale: Float { qq > 0 ? qx / qq : 0 }

        @inline(__always)
        mutating func add(_ integer: Float, _ value: Float, _ weight: Float) {
            qx += weight * value * integer
            qq += weight * integer * integer
        }

        @inline(__always)
        mutating func remove(_ integer: Float, _ value: Float, _ weight: Float) {
            qx -= weight * value * integer
            qq -= weight * integer * integer
        }
    }

    /// The inverse scale with the least error of nine around highest / largest.
    @inline(__always)
    private func bestInverse(
        _ values: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, _ count: Int,
        _ largest: Float
    ) -> Float {
        let middle = Float(highest) / largest
        let steps = SIMD8<Float>(-4, -3, -2, -1, 1, 2, 3, 4)
        let inverses = (0.1 * steps + Float(highest)) / largest
        let (scale, scales) = (1 / middle, 1 / inverses)
        var error: Float = 0
        var errors = SIMD8<Float>.zero
        for index in 0..<count {
            let (value, weight) = (values[index], weights[index])
            let byte = UInt8(truncatingIfNeeded: wholeNumber(middle * value))
            let difference = value - scale * Float(byte)
            error += weight * difference * difference
            let excess = wholeNumbers(inverses * value) &- highest
            let integers = highest &+ (excess & (excess &>> 31))
            let differences = value - scales * floats(integers)
            errors += weight * differences * differences
        }
        var best = middle
        for lane in 0..<8 where errors[lane] < error {
            error = errors[lane]
            best = inverses[lane]
        }
        return best
    }

    /// Gives every element in turn the integer that is best beside the others'; returns whether any was changed.
    @inline(__always)
    private func move(
        _ integers: UnsafeMutablePointer<UInt8>, _ sums: inout Sums,
        _ values: UnsafePointer<Float>, _ weights: UnsafePointer<Float>, _ count: Int
    ) -> Bool {
        var isChanged = false
        for index in 0..<count {
            let (value, weight) = (values[index], weights[index])
            var others = sums
            others.remove(Float(integers[index]), value, weight)
            guard others.qx > 0, others.qq > 0 else { continue }
            let integer = min(highest, wholeNumber(value * others.qq / others.qx))
            guard integer != Int32(integers[index]) else { continue }
            others.add(Float(integer), value, weight)
            guard others.qx * others.qx * sums.qq > sums.qx * sums.qx * others.qq else { continue }
            integers[index] = UInt8(truncatingIfNeeded: integer)
            sums = others
            isChanged = true
        }
        return isChanged
    }
}
