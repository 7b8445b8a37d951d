import Formats
import Transformer

/// What interventions may make of rows: of those of the embeddings, which only their own tokens read, and of the weights
/// from which directions are removed or that are scaled.
struct ExpectedRows {
    /// One way of changing a row.
    struct Candidate {
        private let change: Change

        private enum Change {
            /// The rows are the stream once the model has multiplied them by a scale; steps in the order in which they act.
            case stream([InterventionPlan.Step], scale: Float)
            /// The rows are dimensions of the stream, from which directions are removed before they are multiplied.
            case written(WrittenDirections?, factor: Float)
            /// The rows are blocks whose scales are multiplied.
            case blocks(StoredTensor, BlockScaling, factor: Float)
        }

        init(steps: [InterventionPlan.Step], scale: Float) { change = .stream(steps, scale: scale) }

        init(_ written: WrittenDirections?, factor: Float) {
            change = .written(written, factor: factor)
        }

        /// - Parameter tensor: that of the base, as it is stored
        init(_ tensor: StoredTensor, _ scaling: BlockScaling, factor: Float) {
            change = .blocks(tensor, scaling, factor: factor)
        }

        /// What is left of values of this size where they are computed in another order.
        private static let rounding = 0x1p-20

        /// Whether a stored row is what the change makes of the base's, rounded to its type.
        ///
        /// - Parameters:
        ///   - number: which row it is
        ///   - scale: what the stored values are multiplied by
        func gives(
            _ stored: ArraySlice<Float>, of values: ArraySlice<Float>, row number: Int,
            as type: ElementType, scale: Float
        ) -> Bool {
            if let blocks = blocks(row: number, count: values.count, as: type) {
                return zip(stored, blocks).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) }
            }
            let row = changed(Array(values), row: number)
            let encoded = ExpectedRows.rounded(row, as: type, scale: scale)
            var (error, own, size) = (0.0, 0.0, 0.0)
            for (index, found) in stored.enumerated() {
                let value = Double(row[index])
                error += (Double(found) - value) * (Double(found) - value)
                own += (Double(encoded[index]) - value) * (Double(encoded[index]) - value)
                size += value * value
            }
            return error.squareRoot() <= 2 * own.squareRoot() + Self.rounding * size.squareRoot()
        }

        /// A row of the base with the rounding that the edited row has in a type, before it is multiplied.
        func rounded(
            _ row: [Float], row number: Int, as type: ElementType, scale: Float
        ) -> [Float] {
            let exact = changed(row, row: number)
            let stored =
                blocks(row: number, count: row.count, as: type)
                ?? ExpectedRows.rounded(exact, as: type, scale: scale)
            let factor = factor
            return row.indices.map { index in
                let error = stored[index] - exact[index]
                return row[index] + (factor == 0 ? 0 : error / factor)
            }
        }

        /// What the row is multiplied by.
        private var factor: Float {
            switch change {
            case .stream: 1
            case .written(_, let factor), .blocks(_, _, let factor): factor
            }
        }

        /// The values of a row whose blocks keep their codes; nil where it is made otherwise.
        private func blocks(row number: Int, count: Int, as type: ElementType) -> [Float]? {
            guard case .blocks(let tensor, let scaling, let factor) = change, tensor.type == type,
                let size = type.byteCount(elements: count),
                let bytes = tensor.bytes.slice((number * size)..<((number + 1) * size))
            else { return nil }
            return bytes.withUnsafeBytes { scaling.values(of: $0, count: count, times: factor) }
        }

        private func changed(_ values: [Float], row number: Int) -> [Float] {
            var row = values
            switch change {
            case .stream(let steps, let scale): Self.apply(steps, scale: scale, to: &row)
            case .written(let written, let factor):
                written?.remove(from: &row, number: number)
                for index in row.indices { row[index] *= factor }
            case .blocks(_, _, let factor): for index in row.indices { row[index] *= factor }
            }
            return row
        }

        private static func apply(
            _ steps: [InterventionPlan.Step], scale: Float, to row: inout [Float]
        ) {
            for index in row.indices { row[index] *= scale }
            row.withUnsafeMutableBufferPointer { row in
                guard let start = row.baseAddress else { return }
                for step in steps where step.fits(row.count) {
                    step.apply(to: start, width: row.count)
                }
            }
            for index in row.indices { row[index] /= scale }
        }
    }

    /// Of the embeddings.
    private let all: [Candidate]
    private let plan: InterventionPlan
    /// Whether what sub-layers add passes a norm last.
    private let isNormed: Bool
    /// What sub-layers' outputs are multiplied by.
    private let residualScale: Float

    /// - Throws: `ForwardError` for interventions that do not fit the model.
    init(
        _ interventions: [Intervention], _ configuration: DecoderConfiguration
    ) throws(ForwardError) {
        let scale = Float(configuration.sizes.embeddingScale)
        plan = try InterventionPlan(interventions, configuration)
        isNormed = configuration.slots.contains(.feedForwardPostNorm)
        residualScale = Float(configuration.sizes.residualScale)
        let own = plan.steps(at: .embed, block: 0)
        // An ablation that acts in the blocks is held by everything that writes to the stream.
        let ablations = interventions.filter { $0.operation == .ablate && $0.strength != 0 }
        let span = RemovedSpan(of: Array(Set(ablations.map(\.vector))))
        let everywhere = Set(ablations.map(\.strength)).sorted().map { strength in
            InterventionPlan.Step.ablate(span, strength: strength)
        }
        let additions = own.filter { if case .add = $0 { true } else { false } }
        all = ([own, additions] + everywhere.flatMap { [[$0], additions + [$0]] })
            .filter { !$0.isEmpty }
            .map { Candidate(steps: $0, scale: scale) }
    }

    /// What may have been done to the rows of a weight.
    ///
    /// - Parameter base: the weight in the base.
    /// - Throws: `WeightMatrixError` where it is no matrix that can be read.
    func candidates(for role: WeightRole?, of base: WeightRows?) throws -> [Candidate] {
        guard let role else { return [] }
        switch role.slot {
        case .tokenEmbedding, .positionEmbedding: return role.part == .weight ? all : []
        case .block(let block, .expertDown) where role.part == .bias:
            // Each expert's row holds what is added to the stream.
            let steps = removed(from: role) + additions(afterBlock: block)
            guard steps.isEmpty else { return [Candidate(steps: steps, scale: residualScale)] }
            let factor = factor(of: role)
            return factor == 1 ? [] : [Candidate(nil, factor: factor)]
        default:
            guard let weight = base?.weight else { return [] }
            guard role.part == .weight, !removed(from: role).isEmpty else {
                return scaling(of: role, weight.stored, base?.change ?? .canonical).map { [$0] }
                    ?? []
            }
            let matrix = try WeightMatrix(
                weight: weight, isTransposed: base?.change.isTransposed ?? false,
                factor: base?.change.factor ?? 1)
            return removal(from: role, matrix).map { [$0] } ?? []
        }
    }

    /// What the edit that is looked for does to a weight; nil where it does nothing.
    ///
    /// - Parameters:
    ///   - matrix: the weight in the base.
    ///   - tensor: the same as it lies in its file.
    func change(
        of role: WeightRole, _ matrix: WeightMatrix, _ tensor: WeightTensor?
    ) -> Candidate? {
        guard role.part == .weight else { return nil }
        switch role.slot {
        case .tokenEmbedding, .positionEmbedding: return all.first
        default:
            return removal(from: role, matrix)
                ?? scaling(of: role, tensor?.stored, tensor?.form ?? .canonical)
        }
    }

    /// What the edit does to a vector, whose values are one row; nil where it does nothing.
    func change(ofVector role: WeightRole) -> Candidate? {
        let steps = role.part == .bias ? removed(from: role) : []
        let factor = factor(of: role)
        if steps.isEmpty { return factor == 1 ? nil : Candidate(nil, factor: factor) }
        return factor == 1 ? Candidate(steps: steps, scale: 1) : nil
    }

    /// What a weight or a bias is multiplied by; 1 for those that are not.
    private func factor(of role: WeightRole) -> Float {
        guard let (site, isNorm) = StreamWriters.site(of: role.slot) else { return 1 }
        return isNorm == isNormed ? plan.output(at: site, block: role.block ?? 0).factor : 1
    }

    /// The scaling of a weight; nil where it is not scaled.
    ///
    /// - Parameters:
    ///   - tensor: the weight in the base
    ///   - form: how its rows lie there
    private func scaling(
        of role: WeightRole, _ tensor: StoredTensor?, _ form: StorageForm
    ) -> Candidate? {
        let factor = factor(of: role)
        guard factor != 1 else { return nil }
        guard let tensor, form.rows == .same, !form.isTransposed, form.factor == 1,
            let scaling = BlockScaling(tensor.type)
        else { return Candidate(nil, factor: factor) }
        return Candidate(tensor, scaling, factor: factor)
    }

    /// What is added to the output of a block.
    private func additions(afterBlock block: Int) -> [InterventionPlan.Step] {
        plan.steps(at: .residPost, block: block).filter {
            if case .add = $0 { true } else { false }
        }
    }

    /// The steps that remove directions from what a weight or a bias writes to the stream.
    func removed(from role: WeightRole) -> [InterventionPlan.Step] {
        guard let (site, isNorm) = StreamWriters.site(of: role.slot), !isNorm else { return [] }
        return plan.removals(at: StreamSite(site: site, block: role.block ?? 0))
    }

    private func removal(from role: WeightRole, _ matrix: WeightMatrix) -> Candidate? {
        let steps = removed(from: role)
        guard !steps.isEmpty, steps.allSatisfy({ $0.fits(matrix.rows) }) else { return nil }
        return Candidate(
            WrittenDirections(matrix, steps, byColumns: false), factor: factor(of: role))
    }

    /// The values as they are read back from a type; themselves where it cannot be written.
    ///
    /// - Parameter scale: what the stored values are multiplied by
    static func rounded(_ row: [Float], as type: ElementType, scale: Float) -> [Float] {
        guard scale != 1 else { return RowEncoder.roundTrip(row, as: type)?.values ?? row }
        return RowEncoder.roundTrip(row.map { $0 / scale }, as: type)?.values.map { $0 * scale }
            ?? row
    }
}

extension InterventionPlan.Step {
    /// Whether it can act on a row of this width.
    fileprivate func fits(_ width: Int) -> Bool {
        switch self {
        case .add(let vector): vector.count == width
        case .ablate(let span, _): span.directions.allSatisfy { $0.count == width }
        case .scale: true
        }
    }
}
