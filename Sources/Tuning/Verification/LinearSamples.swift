import Formats
import Transformer

/// Gathers, place by place, what the edited stream has left along directions that are ablated, and how much of the stream
/// where it is scaled.
///
/// Spans and order are those of the plan by which the steered stream was changed.
struct LinearSamples {
    /// Random directions beside each span.
    private static let directionCount = 8
    /// A change, and where its sums are.
    private typealias Step = (change: InterventionPlan.Step, sums: Int?)

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

    /// - Throws: `ForwardError` for interventions that do not fit the model.
    init(
        _ interventions: [Intervention], _ configuration: DecoderConfiguration
    ) throws(ForwardError) {
        let plan = try InterventionPlan(interventions, configuration)
        var random = Xoshiro256(seed: 21)
        for site in Site.allCases {
            for block in 0..<(site == .embed ? 1 : configuration.sizes.blockCount) {
                let name = site == .embed ? "embed" : "\(site.rawValue).\(block)"
                for change in plan.steps(at: site, block: block) {
                    steps[name, default: []].append(
                        (change, add(change, block: site == .embed ? nil : block, &random)))
                }
            }
        }
    }

    /// Whether anything is ablated or scaled.
    var isEmpty: Bool { sums.isEmpty }

    /// Makes room for the sums of a change; nil where it has none.
    private mutating func add(
        _ change: InterventionPlan.Step, block: Int?, _ random: inout Xoshiro256
    ) -> Int? {
        let (operation, strength): (Intervention.Operation, Float)
        var aside: [[Float]] = []
        switch change {
        case .ablate(let span, let ablated):
            guard let width = span.directions.first?.count else { return nil }
            (operation, strength) = (.ablate, ablated)
            aside = (0..<Self.directionCount).map { _ in
                let noise = (0..<width).map { _ in Float(2 * random.nextUnit() - 1) }
                return noise.unit ?? noise
            }
        case .scale(let factor) where factor != 0: (operation, strength) = (.scale, factor)
        case .add, .scale: return nil
        }
        sums.append(
            Sums(
                operation: operation, block: block, strength: strength, aside: aside,
                products: [Double](repeating: 0, count: aside.count)))
        return sums.count - 1
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
        for (change, place) in steps {
            if let place { add(stream, delta: delta, change, into: &sums[place]) }
            stream.withUnsafeMutableBufferPointer { row in
                if let start = row.baseAddress { change.apply(to: start, width: row.count) }
            }
        }
    }

    /// Adds what one change meets: the stream before it.
    private func add(
        _ stream: [Float], delta: [Float], _ change: InterventionPlan.Step, into sums: inout Sums
    ) {
        let length = stream.norm
        guard length > 0 else { return }
        sums.lengths.append(length)
        switch change {
        case .add: return
        case .ablate(let span, _):
            let projections = span.directions.map { stream.dot($0) }
            for (direction, p) in zip(span.directions, projections) {
                sums.pairs.append((delta.dot(direction), p))
            }
            guard let p = projections.first else { return }
            sums.squares += p * p
            for (index, direction) in sums.aside.enumerated() {
                sums.products[index] += delta.dot(direction) * p
            }
        case .scale:
            sums.pairs.append((delta.dot(stream) / length, length))
        }
    }

    /// The strengths found.
    ///
    /// - Parameters:
    ///   - storage: of the weights that hold the edit, as a share of what is removed
    ///   - rounding: of the stream, as a share of its length
    func measurements(storage: Double, rounding: Double) -> [StrengthRow] {
        sums.compactMap { sums in
            let squares = sums.pairs.reduce(0) { $0 + $1.p * $1.p }
            guard squares > 0, squares.isFinite else { return nil }
            let slope = sums.pairs.reduce(0) { $0 + $1.delta * $1.p } / squares
            let rests = sums.pairs.reduce(0.0) { total, pair in
                let rest = (pair.delta - slope * pair.p) * pair.p
                return total + rest * rest
            }
            let typical = (squares / Double(sums.pairs.count)).squareRoot()
            let length = Quantile.middle(of: sums.lengths) ?? 0
            return StrengthRow(
                operation: sums.operation, block: sums.block,
                measurement: StrengthMeasurement(
                    slope: slope, error: rests.squareRoot() / squares,
                    aside: sums.products.map { $0 / max(sums.squares, .leastNormalMagnitude) },
                    rounding: rounding * length / typical + storage,
                    strength: Double(sums.strength),
                    isScaling: sums.operation == .scale))
        }
    }
}
