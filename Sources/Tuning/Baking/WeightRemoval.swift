package import Formats
package import Transformer

/// Directions to be removed from all weights that write at some places, and how much of them is left.
package struct WeightRemoval {
    /// One weight or bias that writes to the stream.
    private struct Writer {
        let role: WeightRole
        /// What is removed from it, before a norm that follows.
        let steps: [InterventionPlan.Step]
        /// All directions that are removed, as they lie before the norm: what is read along them is what is written.
        let directions: [[Float]]
    }

    private let checkpoint: Checkpoint
    private let sizes: Hyperparameters
    private let norm: KeptNorm
    private let writers: [Writer]

    /// - Parameters:
    ///   - interventions: those that remove are taken
    ///   - norm: the lengths that are kept within a weight
    /// - Throws: `CheckpointError` where the model cannot be read, `ForwardError` where a vector does not fit it.
    package init(
        _ interventions: [Intervention], from checkpoint: Checkpoint, keeping norm: KeptNorm = .none
    ) throws {
        self.checkpoint = checkpoint
        self.norm = norm
        let configuration = try DecoderConfiguration(checkpoint)
        let weights = CheckpointWeights(checkpoint)
        sizes = configuration.sizes
        let plan = try InterventionPlan(
            interventions.filter(\.operation.removes), configuration)
        var writers: [Writer] = []
        for place in StreamSite.all(blockCount: sizes.blockCount) {
            let steps = plan.removals(at: place)
            guard !steps.isEmpty else { continue }
            let span = RemovedSpan(of: Self.directions(of: steps))
            for role in StreamWriters.roles(at: place, in: checkpoint, sizes) {
                let norm = try Self.norm(behind: role, configuration, weights)
                let before = norm.map { Self.steps(steps, before: $0) } ?? steps
                let directions = span.directions.map { direction in
                    norm.map { zip(direction, $0).map { $0 * $1 } } ?? direction
                }
                writers.append(Writer(role: role, steps: before, directions: directions))
            }
        }
        self.writers = writers
    }

    private static func directions(of steps: [InterventionPlan.Step]) -> [[Float]] {
        steps.flatMap { step in
            if case .ablate(let span, _) = step { span.directions } else { [[Float]]() }
        }
    }

    /// The weights of the norms that what a weight writes passes before it reaches the stream, as they are applied,
    /// multiplied with each other; nil without one.
    private static func norm(
        behind role: WeightRole, _ configuration: DecoderConfiguration,
        _ weights: CheckpointWeights
    ) throws -> [Float]? {
        guard let block = role.block else { return nil }
        let norms = try StreamWriters.norms(behind: role.slot)
            .filter(configuration.slots(ofBlock: block).contains)
            .compactMap { try weights.vector(.block(block, $0))?.values }
        guard let first = norms.first else { return nil }
        return norms.dropFirst().reduce(first) { zip($0, $1).map { $0 * $1 } }
    }

    /// What is removed before a norm, so that after it the steps have nothing left to remove.
    private static func steps(
        _ steps: [InterventionPlan.Step], before norm: [Float]
    ) -> [InterventionPlan.Step] {
        steps.compactMap { step in
            guard case .ablate(let span, let strength) = step else { return nil }
            let weighted = span.directions.map { zip($0, norm).map { $0 * $1 } }
            return .ablate(RemovedSpan(of: weighted), strength: strength)
        }
    }
}

// MARK: - The change

extension WeightRemoval {
    /// The edits of all weights and biases, and a head of its own where it was the embedding that is changed.
    ///
    /// - Throws: `DecoderError` where a weight is of a type that cannot be widened.
    func edits(format: FileFormat) throws -> [CheckpointEdit] {
        let weights = CheckpointWeights(checkpoint)
        var edits: [CheckpointEdit] = []
        for writer in writers {
            if writer.role.part == .bias {
                edits.append(
                    try StreamWriters.bias(writer.role, in: checkpoint, without: writer.steps))
            } else if let changed = try changed(writer, weights) {
                edits.append(
                    changed.edit(of: writer.role, laidOut: checkpoint.form(of: writer.role)))
            }
            checkpoint.tensor(writer.role)?.releasePages()
        }
        let changesEmbedding = edits.contains {
            if case .set(WeightRole(.tokenEmbedding), _, _) = $0 { true } else { false }
        }
        guard changesEmbedding else { return edits }
        return try StreamWriters.ownHead(of: checkpoint, sizes, format: format) + edits
    }

    private func changed(
        _ writer: Writer, _ weights: CheckpointWeights
    ) throws -> AblatedWeight? {
        try weights.matrix(writer.role).map {
            AblatedWeight(
                $0, writer.steps, isEmbedding: writer.role.isEmbedding, keeping: norm)
        }
    }
}

// MARK: - What is left

/// How much of removed directions a weight still writes to the stream.
package struct AblationLeftover: Sendable, Hashable {
    /// The weight's name in its file.
    package let tensor: String
    /// ‖Qᵀ D W′‖ / ‖Qᵀ D W‖ over all inputs, D the norm that follows, before types round it; 0 where W writes none.
    package let computed: Double
    /// The same of the stored weight; nil where nothing was stored.
    package let stored: Double?
}

extension WeightRemoval {
    /// What is left of the directions in each weight, in the order of the stream.
    ///
    /// - Parameter output: the checkpoint that was written; nil for none.
    /// - Throws: `DecoderError` where a weight is missing or of a type that cannot be widened.
    package func leftovers(
        in output: Checkpoint?, crew: WorkCrew
    ) throws -> [AblationLeftover] {
        let matrices = writers.filter { $0.role.part == .weight }
        return try crew.map(matrices.count) { index in
            let writer = matrices[index]
            let weights = CheckpointWeights(checkpoint)
            let name = weights.name(of: writer.role)
            guard let base = try weights.matrix(writer.role),
                let changed = try changed(writer, weights)
            else { throw DecoderError.missingWeight(file: checkpoint.path, role: writer.role) }
            let stored = try output.map { output in
                guard let matrix = try CheckpointWeights(output).matrix(writer.role),
                    matrix.rows == base.rows, matrix.columns == base.columns
                else { throw DecoderError.missingWeight(file: output.path, role: writer.role) }
                return matrix
            }
            let before = Self.length(of: writer, base, row: base.row)
            func share(_ row: (Int) -> [Float]) -> Double {
                before > 0 ? Self.length(of: writer, base, row: row) / before : 0
            }
            let found = AblationLeftover(
                tensor: name, computed: share(changed.row),
                stored: stored.map { share($0.row) })
            checkpoint.tensor(writer.role)?.releasePages()
            output?.tensor(writer.role)?.releasePages()
            return found
        }
    }

    /// ‖Qᵀ D W‖ of rows that take the place of a weight's.
    private static func length(
        of writer: Writer, _ matrix: WeightMatrix, row: (Int) -> [Float]
    ) -> Double {
        WrittenDirections.products(
            writer.directions, rows: matrix.rows, columns: matrix.columns,
            byColumns: writer.role.isEmbedding, row: row
        ).reduce(0) { sum, values in
            sum + values.reduce(0) { $0 + Double($1) * Double($1) }
        }.squareRoot()
    }
}

extension InterventionPlan {
    /// What is removed from what is written at a place, and from the stream there, in order.
    func removals(at place: StreamSite) -> [Step] {
        (output(at: place.site, block: place.block).steps
            + steps(at: place.site, block: place.block)).filter(\.removes)
    }
}

extension InterventionPlan.Step {
    /// Whether it removes a direction.
    var removes: Bool { if case .ablate = self { true } else { false } }
}

extension WeightRole {
    /// Whether its columns, and not its rows, are dimensions of the stream.
    var isEmbedding: Bool { slot == .tokenEmbedding || slot == .positionEmbedding }
}
