import Transformer

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
        vector = vector.unit ?? vector
        for _ in 0..<largestIterationCount {
            var next = [Double](repeating: 0, count: samples.width)
            for row in centred {
                let projection = row.dot(vector)
                for index in next.indices { next[index] += projection * Double(row[index]) }
            }
            let largest = max(next.map(abs).max() ?? 1, .leastNormalMagnitude)
            guard let moved = next.map({ Float($0 / largest) }).unit else { return vector }
            let distance = zip(moved, vector).reduce(0) {
                $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1))
            }
            vector = moved
            if distance.squareRoot() < tolerance { break }
        }
        return vector
    }
}
