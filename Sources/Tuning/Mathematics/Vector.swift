/// Numbers in a row: a vector of the stream, or a part of one.
package protocol VectorElements: RandomAccessCollection<Float> where Index == Int {}

extension [Float]: VectorElements {}
extension ArraySlice<Float>: VectorElements {}

/// Measures of vectors: f32 numbers whose products are summed in f64, in a fixed order.
extension VectorElements {
    /// The inner product with a vector, as far as the shorter of them goes: four sums side by side, which the compiler can
    /// interleave.
    package func dot(_ other: some VectorElements) -> Double {
        let count = Swift.min(count, other.count)
        let (l, r) = (startIndex, other.startIndex)
        var sums = SIMD4<Double>()
        var index = 0
        while index + 4 <= count {
            for lane in 0..<4 {
                sums[lane] += Double(self[l + index + lane]) * Double(other[r + index + lane])
            }
            index += 4
        }
        var sum = sums.sum()
        while index < count {
            sum += Double(self[l + index]) * Double(other[r + index])
            index += 1
        }
        return sum
    }

    /// The Euclidean length.
    package var norm: Double { dot(self).squareRoot() }

    /// The vector of length 1 along this one; nil where this has no finite length.
    package var unit: [Float]? {
        let norm = norm
        guard norm > 0, norm.isFinite else { return nil }
        return map { Float(Double($0) / norm) }
    }

    /// The cosine of the angle to a vector of the same width; 0 where either has no length.
    package func cosine(with other: some VectorElements) -> Double {
        let lengths = norm * other.norm
        return lengths > 0 ? dot(other) / lengths : 0
    }
}

extension [Float] {
    /// What is left of the vector where the span of orthonormal rows is taken out: twice, since the first time leaves the
    /// rounding of large parts; in f64, rounded once.
    package func without(_ basis: [[Float]]) -> [Float] {
        guard !basis.isEmpty else { return self }
        var rest = map(Double.init)
        for row in basis + basis {
            let part = zip(rest, row).reduce(0) { $0 + $1.0 * Double($1.1) }
            for index in rest.indices { rest[index] -= part * Double(row[index]) }
        }
        return rest.map { Float($0) }
    }
}
