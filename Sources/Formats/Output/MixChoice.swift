/// Chooses the mix of types that loses least among those whose file is no larger than a limit, from errors that are
/// measured on rows of the model itself.
///
/// The error of a mix is the mean over all weights of their matrix's squared error over its squared size: matrices count by
/// their number of weights, whatever the size of their values.
package struct MixChoice: Sendable {
    /// A mix, how large its file would be and what it loses.
    package struct Candidate: Sendable {
        package let mix: QuantizationMix
        /// The bytes of the output's files.
        package let byteCount: Int
        /// The root of the mean relative squared error; nil for mixes that are too large.
        package let error: Double?
    }

    /// All mixes that can be written, the smallest first.
    package let candidates: [Candidate]
    /// The best that is small enough.
    package let best: Candidate

    /// - Parameters:
    ///   - policy: whatever stands beside the mix: overrides and importance
    ///   - edits: the others of the output
    ///   - limit: the most bytes the output's files may have
    /// - Throws: `CheckpointError.cannotExpress` where no mix is small enough; as `OutputPlan.init`.
    package init(
        _ source: Checkpoint, _ policy: TypePolicy, edits: [CheckpointEdit], path: String,
        limit: Int, crew: WorkCrew
    ) throws {
        var planned: [(mix: QuantizationMix, plan: OutputPlan, byteCount: Int)] = []
        for mix in QuantizationMix.all {
            var policy = policy
            policy.standard = .mix(mix)
            let plan = try OutputPlan(
                source: source, edits: edits + [.types(policy)], format: .gguf)
            // A mix whose main type no matrix gets, as that of experts in a dense model, is another one.
            guard plan.refusal == nil,
                plan.tensors.contains(where: { $0.description.type == mix.base })
            else { continue }
            planned.append((mix, plan, try OutputLayout(plan, path: path).byteCount))
        }
        planned.sort { ($0.byteCount, $0.mix.name) < ($1.byteCount, $1.mix.name) }
        var errors = SampledErrors(crew)
        candidates = try planned.map { mix, plan, byteCount in
            Candidate(
                mix: mix, byteCount: byteCount,
                error: byteCount <= limit ? try errors.error(of: plan) : nil)
        }
        let fitting = candidates.filter { $0.error != nil }
        guard
            let best = fitting.min(by: {
                ($0.error ?? 0, $0.byteCount) < ($1.error ?? 0, $1.byteCount)
            })
        else {
            throw CheckpointError.cannotExpress(
                fact: "no mix of types is as small as \(limit) bytes"
                    + (candidates.first.map { ": \($0.mix.name) takes \($0.byteCount)" } ?? "")
                    + (policy.importance == nil
                        ? "; smaller ones need an importance matrix" : ""))
        }
        self.best = best
    }
}

/// What types lose, measured once for each matrix and type on rows spread over it.
private struct SampledErrors {
    private struct Key: Hashable {
        let name: String
        let type: ElementType
    }

    private let crew: WorkCrew
    private var known: [Key: RoundingSums] = [:]

    private static let rows = 8

    init(_ crew: WorkCrew) {
        self.crew = crew
    }

    /// The root of the mean relative squared error of a plan's tensors.
    mutating func error(of plan: OutputPlan) throws -> Double {
        let unknown = plan.tensors.filter { known[Self.key($0)] == nil }
        let measured = try crew.map(unknown.count) { try Self.measure(unknown[$0]) }
        for (tensor, sums) in zip(unknown, measured) { known[Self.key(tensor)] = sums }
        var (sum, weights) = (0.0, 0.0)
        for tensor in plan.tensors {
            let count = Double(tensor.description.elementCount ?? 0)
            let error = known[Self.key(tensor)]?.relativeError ?? 0
            sum += count * error * error
            weights += count
        }
        return weights > 0 ? (sum / weights).squareRoot() : 0
    }

    private static func key(_ tensor: OutputPlan.Tensor) -> Key {
        Key(name: tensor.description.name, type: tensor.description.type)
    }

    private static func measure(_ tensor: OutputPlan.Tensor) throws -> RoundingSums {
        guard tensor.columns > 0, let count = tensor.description.elementCount else {
            return RoundingSums()
        }
        let rows = count / tensor.columns
        var sums = RoundingSums()
        for row in stride(from: 0, to: rows, by: max(1, rows / Self.rows)) {
            sums.add(try tensor.bytes(rows: row..<(row + 1)).sums)
        }
        tensor.releaseSource(rows: 0..<rows)
        return sums
    }
}
