package import Formats
package import Transformer

/// A base checkpoint with some weights replaced by memory that tuning changes.
///
/// The base's own tensors stay mapped in their types; only what is tuned is held in f32.
package final class TuningModel {
    package let base: Checkpoint
    package let form: TuningForm
    /// Computes with the present values: generation, probes and verification work on it at any time.
    package let decoder: Decoder
    /// Computes with the base's values.
    package let baseDecoder: Decoder
    /// In a fixed order.
    package let parameters: [TunedParameter]
    let crew: WorkCrew

    /// Takes the tuned weights' values from the base.
    ///
    /// A low-rank update begins at nothing: A is drawn uniformly from ±1/√inputs, as PEFT does, and B is zero.
    ///
    /// - Parameter seed: of the numbers A is drawn from.
    /// - Throws: `TrainingError.noMatrix`, `.rankTooLarge` where a weight can have no low-rank update; what opening the
    ///   decoder throws.
    package init(
        base: Checkpoint, selection: WeightSelection, form: TuningForm, seed: UInt64,
        crew: WorkCrew
    ) throws {
        self.base = base
        self.form = form
        self.crew = crew
        baseDecoder = try Decoder(checkpoint: base, crew: crew)
        let weights = TunedWeights(base: CheckpointWeights(base))
        var parameters: [TunedParameter] = []
        var random = Xoshiro256(seed: seed)
        for role in selection.roles {
            guard let tensor = base.tensor(role) else { continue }
            switch form {
            case .full:
                parameters.append(
                    try weights.replace(
                        role,
                        sections: Self.sections(of: role, selection, baseDecoder.configuration),
                        origin: base.form(of: role, in: .safetensors).shift, crew: crew))
                tensor.releasePages()
            case .lowRank(let rank, let alpha):
                // A bias goes with its projection in full tuning only.
                if role.part == .bias { continue }
                guard role.block != nil, let matrix = try weights.matrix(role) else {
                    throw TrainingError.noMatrix(file: base.path, tensor: tensor.name)
                }
                guard rank < min(matrix.rows, matrix.columns) else {
                    throw TrainingError.rankTooLarge(
                        tensor: tensor.name, rank: rank,
                        limit: min(matrix.rows, matrix.columns) - 1)
                }
                parameters += weights.addAdapter(
                    role, beside: matrix, rank: rank, alpha: alpha,
                    sections: Self.sections(of: role, selection, baseDecoder.configuration),
                    random: &random)
            }
        }
        guard !parameters.isEmpty else { throw TrainingError.nothingToTune(file: base.path) }
        self.parameters = parameters
        decoder = try Decoder(baseDecoder.configuration, weights: weights, crew: crew)
    }

    /// What is tuned of a tensor that holds several projections; nil for all of any other tensor.
    private static func sections(
        of role: WeightRole, _ selection: WeightSelection, _ configuration: DecoderConfiguration
    ) -> [TunedParameter.Section]? {
        guard case .block(let block, let slot) = role.slot, slot.parts.count > 1 else { return nil }
        return selection.parts(of: role).map { part in
            guard case .block(_, let place) = part.slot else { return .init(roles: [part]) }
            return .init(
                roles: [part, WeightRole(part.slot)],
                rows: configuration.rows(of: place, in: slot, ofBlock: block))
        }
    }

    /// Sets all gradients to zero.
    package func clearGradients() {
        crew.run(parameters.count) { [parameters] in parameters[$0].gradient.clear() }
    }

    /// The lowest block with a tuned weight; 0 where the embedding is tuned, nil where only the head is.
    var lowestBlock: Int? {
        parameters.compactMap(\.role.depth).min().map { max($0, 0) }
    }
}

/// A base's weights with some of them replaced, or with low-rank updates beside them.
private final class TunedWeights: WeightSource {
    private let base: CheckpointWeights
    private var replaced: [WeightRole: TunedParameter] = [:]
    private var adapters: [WeightRole: LowRankAdapter] = [:]

    init(base: CheckpointWeights) {
        self.base = base
    }

    var path: String { base.path }

    func name(of role: WeightRole) -> String { base.name(of: role) }

    func matrix(_ role: WeightRole) throws -> WeightMatrix? {
        guard let parameter = replaced[role] else { return try base.matrix(role) }
        return WeightMatrix(
            rows: parameter.shape[0], columns: parameter.shape[1], buffer: parameter.values)
    }

    func vector(_ role: WeightRole) throws -> FloatBuffer? {
        try replaced[role]?.values ?? base.vector(role)
    }

    func adapter(_ role: WeightRole) throws -> LowRankAdapter? { adapters[role] }

    /// Puts a copy of the weight, widened to f32, in its place.
    func replace(
        _ role: WeightRole, sections: [TunedParameter.Section]?, origin: Float, crew: WorkCrew
    ) throws -> TunedParameter {
        let parameter: TunedParameter
        if base.isMatrix(role), let matrix = try base.matrix(role) {
            parameter = TunedParameter(
                role, .whole, shape: [matrix.rows, matrix.columns],
                values: matrix.widened(crew: crew), sections: sections)
        } else {
            let values = try base.vector(role) ?? FloatBuffer(count: 0)
            parameter = TunedParameter(
                role, .whole, shape: [values.count], values: values, sections: sections,
                origin: origin)
        }
        replaced[role] = parameter
        return parameter
    }

    /// Puts a low-rank update of nothing beside the matrix.
    func addAdapter(
        _ role: WeightRole, beside matrix: WeightMatrix, rank: Int, alpha: Float,
        sections: [TunedParameter.Section]?, random: inout Xoshiro256
    ) -> [TunedParameter] {
        let (rows, columns) = (matrix.rows, matrix.columns)
        let bound = 1 / Float(columns).squareRoot()
        let drawn = (0..<rank * columns).map { _ in Float.random(in: -bound...bound, using: &random)
        }
        let down = TunedParameter(
            role, .down, shape: [rank, columns], values: FloatBuffer(drawn),
            sections: sections.map { sections in
                // All outputs share A.
                [.init(roles: sections.reduce(into: []) { $0.formUnion($1.roles) })]
            })
        let up = TunedParameter(
            role, .up, shape: [rows, rank], values: FloatBuffer(count: rows * rank),
            sections: sections)
        adapters[role] = LowRankAdapter(
            down: down.values, up: up.values, rank: rank, scale: alpha / Float(rank))
        return [down, up]
    }
}
