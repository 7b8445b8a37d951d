package import Formats

/// What kind of edit leads from one checkpoint to another, with the evidence.
///
/// ```swift
/// let explanation = try Explanation(comparison, crew: crew)
/// for finding in explanation.findings { … }
/// ```
package struct Explanation: Sendable {
    /// What was done, that which says most first.
    package let findings: [Finding]
    /// Every changed tensor with its measurements, in the order of the comparison.
    package let changes: [TensorChange]

    /// Measures every changed tensor and says what the changes have in common.
    ///
    /// Each thread takes a tensor at a time and reads it in tiles, so that memory is bounded by the tallest matrix times
    /// a few dozen columns; the result is the same for every number of threads.
    ///
    /// - Parameter advance: called from any thread whenever another tensor is measured.
    /// - Throws: `CheckpointError` where values cannot be read.
    package init(
        _ comparison: CheckpointComparison, crew: WorkCrew,
        advance: @escaping @Sendable () -> Void = {}
    ) throws {
        let candidates = comparison.tensors.filter(\.isDifference)
        // The largest first, so that no thread begins a long one when the others are done.
        let order = candidates.indices.sorted { left, right in
            let sizes = [left, right].map { candidates[$0].pair?.elementCount ?? 0 }
            return sizes[0] != sizes[1] ? sizes[0] > sizes[1] : left < right
        }
        let measured = try crew.map(order.count) { index in
            defer { advance() }
            return try TensorChange(candidates[order[index]])
        }
        changes = zip(order, measured).sorted { $0.0 < $1.0 }.compactMap(\.1)
        findings = try Deduction(comparison, changes).findings
    }

    /// How many tensors will be measured.
    package static func measuredCount(_ comparison: CheckpointComparison) -> Int {
        comparison.tensors.count(where: \.isDifference)
    }

    /// The steering vectors that the change can be undone or repeated with, of biases or of an ablation: at most one for
    /// each site.
    package var vectors: [SteeringVector] {
        findings.flatMap { finding -> [SteeringVector] in
            switch finding {
            case .baked(let recovery, _): recovery.vectors
            case .ablation(let ablation): [ablation.vector]
            default: []
            }
        }
    }
}
