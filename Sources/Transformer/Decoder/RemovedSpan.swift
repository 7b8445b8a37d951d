/// The directions that some vectors span, as orthonormal ones.
package struct RemovedSpan: Sendable {
    /// The vectors as they were given, in an order that does not depend on that of the call.
    private let vectors: [[Float]]
    /// (directions, width): orthonormal
    package let directions: [[Float]]

    /// What is left of a unit vector beside the others and is shorter than this is no direction, but rounding.
    private static let shortest = 1e-6

    /// - Returns: nil for a vector of zeros.
    init?(of vector: [Float]) {
        guard let direction = Self.unit(vector.map(Double.init)) else { return nil }
        vectors = [vector]
        directions = [direction.map { Float($0) }]
    }

    /// - Parameter vectors: all of one width; those of zeros add nothing.
    package init(of vectors: [[Float]]) {
        self.vectors = vectors.sorted { $0.lexicographicallyPrecedes($1) }
        var found: [[Double]] = []
        for vector in self.vectors {
            guard var rest = Self.unit(vector.map(Double.init)) else { continue }
            // Gram and Schmidt, twice for the rounding of the first time.
            var length = 1.0
            for _ in 0..<2 where length >= Self.shortest {
                for direction in found {
                    let share = zip(rest, direction).reduce(0) { $0 + $1.0 * $1.1 }
                    for index in rest.indices { rest[index] -= share * direction[index] }
                }
                length *= rest.reduce(0) { $0 + $1 * $1 }.squareRoot()
                guard length >= Self.shortest, let unit = Self.unit(rest) else {
                    length = 0
                    break
                }
                rest = unit
            }
            if length >= Self.shortest { found.append(rest) }
        }
        directions = found.map { $0.map { Float($0) } }
    }

    /// The span of both.
    func union(_ other: RemovedSpan) -> RemovedSpan { RemovedSpan(of: vectors + other.vectors) }

    private static func unit(_ vector: [Double]) -> [Double]? {
        let squares = vector.reduce(0) { $0 + $1 * $1 }
        guard squares > 0 else { return nil }
        let norm = squares.squareRoot()
        return vector.map { $0 / norm }
    }
}
