/// What is summed up over pairs of values to say how far apart two tensors are.
///
/// Values that are not finite are counted and left out of every sum, so that one NaN does not hide the rest. Sums are
/// taken in f64.
package struct DifferenceSums: Sendable, Hashable {
    /// How many pairs of values were looked at.
    package private(set) var count = 0
    /// How many of them differ; zeros of either sign are equal.
    package private(set) var changed = 0
    /// Σ a², Σ b², Σ (a − b)² and Σ a b over the pairs that are finite.
    package private(set) var squaresOfA = 0.0
    package private(set) var squaresOfB = 0.0
    package private(set) var squaresOfChange = 0.0
    package private(set) var products = 0.0
    /// The largest |a − b|, and the canonical element where it is found first; nil where nothing finite differs.
    package private(set) var largest: Float = 0
    package private(set) var largestPlace: Int?
    /// How many values are NaN or infinite on each side.
    package private(set) var notFiniteInA = 0
    package private(set) var notFiniteInB = 0

    package init() {}

    /// √(mean (a − b)²)
    package var rootMeanSquare: Double { (squaresOfChange / Double(max(count, 1))).squareRoot() }

    /// The root mean square of the change in units of that of a: 0 where nothing changed, infinite where a is zero.
    package var normalized: Double {
        squaresOfChange == 0 ? 0 : (squaresOfChange / squaresOfA).squareRoot()
    }

    /// The cosine of the angle between a and b; 1 for two zeros.
    package var cosine: Double {
        if squaresOfA == 0, squaresOfB == 0 { return 1 }
        guard squaresOfA > 0, squaresOfB > 0 else { return 0 }
        return min(1, max(-1, products / (squaresOfA.squareRoot() * squaresOfB.squareRoot())))
    }

    /// The share of values that changed.
    package var changedShare: Double { Double(changed) / Double(max(count, 1)) }

    // MARK: - Summing

    /// Adds what was summed up over the elements that follow.
    mutating func add(_ next: DifferenceSums) {
        count += next.count
        changed += next.changed
        squaresOfA += next.squaresOfA
        squaresOfB += next.squaresOfB
        squaresOfChange += next.squaresOfChange
        products += next.products
        notFiniteInA += next.notFiniteInA
        notFiniteInB += next.notFiniteInB
        if next.largest > largest {
            largest = next.largest
            largestPlace = next.largestPlace
        }
    }

    /// Adds pairs of values whose first is the canonical element `first`.
    ///
    /// - Precondition: there are as many of both.
    mutating func add(
        _ a: UnsafeBufferPointer<Float>, _ b: UnsafeBufferPointer<Float>, first: Int
    ) {
        precondition(a.count == b.count)
        guard let left = a.baseAddress, let right = b.baseAddress else { return }
        count += a.count
        let whole = a.count & ~7
        var lanes = Lanes()
        for index in stride(from: 0, to: whole, by: 8) {
            let x = UnsafeRawPointer(left + index).floats8(0)
            let y = UnsafeRawPointer(right + index).floats8(0)
            let change = x - y
            // Zero where both are finite and not too far apart for f32, else NaN.
            if (change - change).sum() == 0 {
                lanes.add(x, y, change)
            } else {
                for lane in index..<(index + 8) { add(left[lane], right[lane], at: first + lane) }
            }
        }
        for index in whole..<a.count { add(left[index], right[index], at: first + index) }
        changed += lanes.changedCount
        squaresOfA += lanes.squaresOfA.sum()
        squaresOfB += lanes.squaresOfB.sum()
        squaresOfChange += lanes.squaresOfChange.sum()
        products += lanes.products.sum()
        let most = lanes.largest.max()
        if most > largest, let place = a.indices.first(where: { abs(a[$0] - b[$0]) == most }) {
            largest = most
            largestPlace = first + place
        }
    }

    /// Adds one pair, finite or not.
    private mutating func add(_ a: Float, _ b: Float, at place: Int) {
        if !(a == b || a.bitPattern == b.bitPattern || (a.isNaN && b.isNaN)) { changed += 1 }
        if !a.isFinite { notFiniteInA += 1 }
        if !b.isFinite { notFiniteInB += 1 }
        guard a.isFinite, b.isFinite else { return }
        let (x, y) = (Double(a), Double(b))
        squaresOfA += x * x
        squaresOfB += y * y
        squaresOfChange += (x - y) * (x - y)
        products += x * y
        let change = Float(min(abs(x - y), Double(Float.greatestFiniteMagnitude)))
        if change > largest {
            largest = change
            largestPlace = place
        }
    }

    /// Sums of eight pairs side by side.
    private struct Lanes {
        var squaresOfA = SIMD8<Double>.zero
        var squaresOfB = SIMD8<Double>.zero
        var squaresOfChange = SIMD8<Double>.zero
        var products = SIMD8<Double>.zero
        var largest = SIMD8<Float>.zero
        /// Minus how many changed.
        var changed = SIMD8<Int32>.zero

        var changedCount: Int { -(0..<8).reduce(0) { $0 + Int(changed[$1]) } }

        @inline(__always)
        mutating func add(_ a: SIMD8<Float>, _ b: SIMD8<Float>, _ change: SIMD8<Float>) {
            let x = doubles(a)
            let y = doubles(b)
            let d = x - y
            squaresOfA.addProduct(x, x)
            squaresOfB.addProduct(y, y)
            squaresOfChange.addProduct(d, d)
            products.addProduct(x, y)
            let size = change.replacing(with: -change, where: change .< 0)
            largest.replace(with: size, where: size .> largest)
            changed.replace(with: changed &- 1, where: a .!= b)
        }
    }
}

/// Lane by lane, which the compiler makes one instruction of.
@inline(__always) private func doubles(_ x: SIMD8<Float>) -> SIMD8<Double> {
    SIMD8(
        Double(x[0]), Double(x[1]), Double(x[2]), Double(x[3]), Double(x[4]), Double(x[5]),
        Double(x[6]), Double(x[7]))
}
