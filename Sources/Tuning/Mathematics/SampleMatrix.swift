/// Vectors of one width, one row each: activations, or differences of activations.
struct SampleMatrix: Sendable {
    let width: Int
    private(set) var values: [Float]

    init(width: Int, rows: Int) {
        self.width = width
        values = [Float](repeating: 0, count: rows * width)
    }

    var rows: Int { width == 0 ? 0 : values.count / width }

    subscript(row: Int) -> ArraySlice<Float> {
        get { values[(row * width)..<((row + 1) * width)] }
        set { values.replaceSubrange((row * width)..<((row + 1) * width), with: newValue) }
    }

    /// Some pairs of a matrix that has the positive sides of all pairs and then the negative ones.
    func pairs(_ chosen: [Int]) -> SampleMatrix {
        let count = rows / 2
        guard chosen.count < count else { return self }
        var part = SampleMatrix(width: width, rows: 2 * chosen.count)
        for (index, pair) in chosen.enumerated() {
            part[index] = self[pair]
            part[chosen.count + index] = self[count + pair]
        }
        return part
    }

    /// Adds `other` times `factor` to a row.
    mutating func add(_ other: Span<Float>, times factor: Float, to row: Int) {
        let start = row * width
        for index in 0..<min(width, other.count) { values[start + index] += factor * other[index] }
    }

    /// The projections of all rows on a direction.
    func projections(on direction: [Float]) -> [Double] {
        (0..<rows).map { self[$0].dot(direction) }
    }

    /// The mean of some rows.
    func mean(of chosen: [Int]) -> [Float] {
        var sums = [Double](repeating: 0, count: width)
        for row in chosen {
            for (index, value) in self[row].enumerated() { sums[index] += Double(value) }
        }
        let count = Double(max(chosen.count, 1))
        return sums.map { Float($0 / count) }
    }
}
