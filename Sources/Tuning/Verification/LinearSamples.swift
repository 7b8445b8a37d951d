import Transformer

/// Gathers, place by place, what the edited stream has left along directions that are ablated, and how much of the stream
/// where it is scaled.
///
/// Ablations of one strength that stand next to each other are taken as a span: the order of its directions does not
/// matter, and neither do their angles.
struct LinearSamples {
    /// Random directions beside each span.
    private static let directionCount = 8
    /// A direction with less than this share of its length outside a span lies in it.
    private static let smallestRest = 1e-4

    /// What is done at one place, in order.
    private enum Step {
        case add([Float])
        /// An orthonormal basis, the strength, and where its sums are.
        case ablate(basis: [[Float]], strength: Float, sums: Int)
        case scale(Float, sums: Int)
    }

    private struct Sums {
        let operation: Intervention.Operation
        let block: Int?
        let strength: Float
        let aside: [[Float]]
        /// δ and p of every token and direction.
        var pairs: [(delta: Double, p: Double)] = []
        /// Σ δ p and Σ p² of each random direction.
        var products: [Double]
        var squares = 0.0
        /// The length of every token's stream.
        var lengths: [Double] = []
    }

    /// By the name of the trace's entry.
    private var steps: [String: [Step]] = [:]
    private var sums: [Sums] = []

    init(_ interventions: [Intervention]) {
        var random = Xoshiro256(seed: 21)
        var group: [Intervention] = []
        for intervention in interventions {
            if let last = group.last, !Self.isOneSpan(last, intervention) {
                append(group, &random)
                group = []
            }
            group.append(intervention)
        }
        append(group, &random)
    }

    /// Whether anything is ablated or scaled.
    var isEmpty: Bool { sums.isEmpty }

    private static func isOneSpan(_ a: Intervention, _ b: Intervention) -> Bool {
        a.operation == .ablate && b.operation == .ablate && a.strength == b.strength
    }

    /// Adds interventions of one span, wherever they act, or a single one of another kind.
    private mutating func append(_ group: [Intervention], _ random: inout Xoshiro256) {
        for (name, members) in Dictionary(grouping: group, by: Self.name)
            .sorted(by: { $0.key < $1.key })
        {
            guard let first = members.first, first.strength.isFinite else { continue }
            switch first.operation {
            case .add:
                steps[name, default: []].append(.add(first.vector.map { first.strength * $0 }))
            case .ablate where first.strength != 0:
                let basis = Self.basis(of: members.map(\.vector))
                guard let width = basis.first?.count else { continue }
                let aside = (0..<Self.directionCount).map { _ in
                    Self.unit((0..<width).map { _ in Float(2 * random.nextUnit() - 1) })
                }
                steps[name, default: []].append(
                    .ablate(basis: basis, strength: first.strength, sums: sums.count))
                append(first, aside: aside)
            case .scale where first.strength != 0:
                steps[name, default: []].append(.scale(first.strength, sums: sums.count))
                append(first, aside: [])
            default: continue
            }
        }
    }

    private mutating func append(_ first: Intervention, aside: [[Float]]) {
        sums.append(
            Sums(
                operation: first.operation, block: first.site == .embed ? nil : first.block,
                strength: first.strength, aside: aside,
                products: [Double](repeating: 0, count: aside.count)))
    }

    private static func name(_ intervention: Intervention) -> String {
        intervention.site == .embed
            ? "embed" : "\(intervention.site.rawValue).\(intervention.block)"
    }

    /// An orthonormal basis of the span of some vectors (modified Gram–Schmidt).
    static func basis(of vectors: [[Float]]) -> [[Float]] {
        var basis: [[Float]] = []
        for vector in vectors {
            let length = SampleMatrix.norm(vector[...])
            guard length > 0, length.isFinite else { continue }
            var rest = unit(vector)
            for _ in 0..<2 {
                for direction in basis {
                    let overlap = Float(dot(rest[...], direction))
                    for index in rest.indices { rest[index] -= overlap * direction[index] }
                }
            }
            if SampleMatrix.norm(rest[...]) > smallestRest { basis.append(unit(rest)) }
        }
        return basis
    }

    private static func unit(_ vector: [Float]) -> [Float] {
        let length = SampleMatrix.norm(vector[...])
        return vector.map { Float(Double($0) / length) }
    }

    private static func dot(_ a: ArraySlice<Float>, _ b: [Float]) -> Double {
        zip(a, b).reduce(0) { $0 + Double($1.0) * Double($1.1) }
    }

    // MARK: - Summing

    /// Adds what two traces of the same tokens differ by; the steered one keeps the stream before the interventions.
    mutating func add(steered: Trace, edited: Trace) {
        for (name, steps) in steps {
            guard let before = steered.unchanged[name], let after = steered[name],
                let found = edited[name]
            else { continue }
            for row in 0..<after.rows {
                let range = (row * after.columns)..<((row + 1) * after.columns)
                let delta = zip(found.values[range], after.values[range]).map { $0 - $1 }
                add(Array(before.values[range]), delta: delta, steps)
            }
        }
    }

    /// Adds one token: the stream before the steps, and how far the edited one is from the steered one after them.
    private mutating func add(_ before: [Float], delta: [Float], _ steps: [Step]) {
        var stream = before
        for step in steps {
            switch step {
            case .add(let vector):
                for index in stream.indices { stream[index] += vector[index] }
            case .ablate(let basis, let strength, let place):
                sums[place].lengths.append(SampleMatrix.norm(stream[...]))
                let projections = basis.map { Self.dot(stream[...], $0) }
                for (direction, p) in zip(basis, projections) {
                    sums[place].pairs.append((Self.dot(delta[...], direction), p))
                    let factor = strength * Float(p)
                    for index in stream.indices { stream[index] -= factor * direction[index] }
                }
                guard let p = projections.first else { continue }
                sums[place].squares += p * p
                for (index, direction) in sums[place].aside.enumerated() {
                    sums[place].products[index] += Self.dot(delta[...], direction) * p
                }
            case .scale(let factor, let place):
                let length = SampleMatrix.norm(stream[...])
                guard length > 0 else { continue }
                sums[place].lengths.append(length)
                sums[place].pairs.append((Self.dot(delta[...], stream) / length, length))
                for index in stream.indices { stream[index] *= factor }
            }
        }
    }

    /// The strengths found.
    ///
    /// - Parameter rounding: of the stream, as a share of its length
    func measurements(rounding: Double) -> [StrengthRow] {
        sums.compactMap { sums in
            let squares = sums.pairs.reduce(0) { $0 + $1.p * $1.p }
            guard squares > 0, squares.isFinite else { return nil }
            let slope = sums.pairs.reduce(0) { $0 + $1.delta * $1.p } / squares
            let rests = sums.pairs.reduce(0.0) { total, pair in
                let rest = (pair.delta - slope * pair.p) * pair.p
                return total + rest * rest
            }
            let typical = (squares / Double(sums.pairs.count)).squareRoot()
            let length = sums.lengths.sorted()[sums.lengths.count / 2]
            return StrengthRow(
                operation: sums.operation, block: sums.block,
                measurement: StrengthMeasurement(
                    slope: slope, error: rests.squareRoot() / squares,
                    aside: sums.products.map { $0 / max(sums.squares, .leastNormalMagnitude) },
                    rounding: rounding * length / typical, strength: Double(sums.strength),
                    isScaling: sums.operation == .scale))
        }
    }
}
