package import Formats
package import Transformer

/// The exact route by bias: a vector added to the stream after a sub-layer is the bias of that sub-layer's last
/// projection, in every block whose sub-layer output is added to the stream as it is or multiplied by a number.
package struct BiasRoute: BakeRoute {
    package let name = "bias"
    package let form = "a bias"
    package let forms = "biases"
    package let summary = """
        A vector added after a block's feed-forward part (resid_post) or after its attention (resid_mid) is the bias \
        of that part's last projection, which the output has in f32.
        """
    package let sites = [Site.residPost, .residMid]

    package init() {}

    /// Why a vector cannot be baked as a bias.
    package enum Refusal: Failure, Hashable {
        case noSlot(site: Site)
        case notAnAddition(operation: Intervention.Operation)
        case postNorm(architecture: String)
        case llamaCppRefuses(architecture: String, tensor: String)
        case llamaCppIgnores(architecture: String, tensor: String)
        case llamaCppScales(tensor: String)
        case transformersDrops(modelType: String, projection: String)
        case quantized(file: String, StoredQuantization)

        package var kind: FailureKind { .unsupported }

        package var description: String {
            switch self {
            case .noSlot(let site):
                "no bias acts at site '\(site.rawValue)'; bake resid_post or resid_mid"
            case .notAnAddition(let operation):
                "a bias adds a vector; it cannot \(operation.rawValue), so this intervention has no exact bias"
            case .postNorm(let architecture):
                "in architecture '\(architecture)' the output passes a norm before the residual stream, so a bias "
                    + "there does not equal steering"
            case .llamaCppRefuses(let architecture, let tensor):
                "llama.cpp refuses a file of architecture '\(architecture)' that has \(tensor) "
                    + "(wrong number of tensors), so the vector cannot be baked as a bias"
            case .llamaCppIgnores(let architecture, let tensor):
                "llama.cpp loads \(tensor) of architecture '\(architecture)' but never uses it, so the edit would "
                    + "disappear in silence"
            case .llamaCppScales(let tensor):
                "llama.cpp would multiply a bias beside '\(tensor)' by that scale too, and aborts where the matrix is "
                    + "nvfp4"
            case .transformersDrops(let modelType, let projection):
                "transformers' '\(modelType)' has no bias on its \(projection) projection and would drop it in "
                    + "silence"
            case .quantized(let file, let quantization):
                "\(file): the weights are quantised with \(quantization), beside which a bias is not supported"
            }
        }
    }

    /// The projections whose biases act at a site in some block, or none where no bias does.
    static func slots(for site: Site, in checkpoint: Checkpoint) -> [BlockSlot] {
        switch site {
        case .embed: return []
        case .residPost:
            guard checkpoint.architecture?.hasExperts ?? false else { return [.feedForwardDown] }
            let hasDense = (try? checkpoint.storedHyperparameters())?.hasDenseBlocks ?? false
            return [.expertDown] + (hasDense ? [.feedForwardDown] : [])
        case .residMid:
            // Of a family that is not known, or of unusable numbers, it is attention.
            guard checkpoint.architecture != nil,
                let numbers = try? checkpoint.storedHyperparameters()
            else { return [.attentionOutput] }
            let mixers = numbers.mixers
            return BlockKind.Mixer.allCases.filter(mixers.contains).map(\.output)
        }
    }

    /// Why no bias does what the operation does at this site in every block.
    package func refusal(
        of operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint,
        format: FileFormat
    ) -> (any Failure)? {
        guard operation == .add else { return Refusal.notAnAddition(operation: operation) }
        let slots = Self.slots(for: site, in: checkpoint)
        guard !slots.isEmpty else { return Refusal.noSlot(site: site) }
        return slots.lazy.compactMap { Self.refusal(slot: $0, in: checkpoint, format: format) }
            .first
    }

    /// Of the blocks alone in which something is added.
    package func refusal(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) -> (any Failure)? {
        guard checkpoint.architecture != nil,
            let numbers = try? checkpoint.storedHyperparameters()
        else { return refusalOfEach(interventions, in: checkpoint, format: format) }
        for intervention in interventions {
            guard intervention.operation == .add else {
                return Refusal.notAnAddition(operation: intervention.operation)
            }
            let place = StreamSite(site: intervention.site, block: intervention.block)
            guard let slot = numbers.biased(before: place) else {
                return Refusal.noSlot(site: intervention.site)
            }
            if let refusal = Self.refusal(slot: slot, in: checkpoint, format: format) {
                return refusal
            }
        }
        return nil
    }

    /// Why no vector can be a bias of this projection; it asks for no more of the checkpoint than its architecture's name.
    private static func refusal(
        slot: BlockSlot, in checkpoint: Checkpoint, format: FileFormat
    ) -> Refusal? {
        if let quantization = checkpoint.quantization,
            !quantization.hasPlainBiases
        {
            return .quantized(file: checkpoint.path, quantization)
        }
        let name = checkpoint.architectureName ?? ""
        let loading =
            checkpoint.architecture?.biasLoading(of: slot, in: format)
            ?? RuntimeBiasSlots.loading(
                of: slot, in: format, family: name,
                isMixture: checkpoint.tensors.contains { $0.name.contains("_exps") })
        switch (format, loading) {
        case (_, .used): break
        case (.gguf, _):
            let architecture = checkpoint.architecture?.name ?? name
            let tensor = "blk.N." + words(for: slot).gguf + ".bias"
            return loading == .ignored
                ? .llamaCppIgnores(architecture: architecture, tensor: tensor)
                : .llamaCppRefuses(architecture: architecture, tensor: tensor)
        case (.safetensors, _):
            return .transformersDrops(
                modelType: checkpoint.architecture?.huggingFaceModelType ?? name,
                projection: words(for: slot).projection)
        }
        if format == .gguf, checkpoint.format == .gguf,
            slot == .feedForwardDown || slot == .expertDown,
            let scale = checkpoint.scale(of: slot)
        {
            return .llamaCppScales(tensor: scale.name)
        }
        if let architecture = checkpoint.architecture, architecture.residualPath == .normed {
            return .postNorm(architecture: architecture.name)
        }
        return nil
    }

    /// What messages call a projection, and its tensor.
    private static func words(for slot: BlockSlot) -> (projection: String, gguf: String) {
        switch slot {
        case .feedForwardDown, .expertDown: ("feed-forward output", "ffn_down")
        case .convolutionOutput: ("convolution's output", "shortconv.out_proj")
        case .deltaOutput: ("delta net's output", "ssm_out")
        default: ("attention output", "attn_output")
        }
    }

    /// The edits that make interventions permanent: one f32 bias for each site and block, the sum of all vectors that
    /// act there and of the bias the model has there already. Where the model multiplies what a sub-layer adds to the
    /// stream, the vectors are divided by that number first.
    ///
    /// - Throws: `Refusal` where a runtime would not honour a bias, `TooLargeAddition` where it cannot hold its values,
    ///   `CheckpointError` where rtedit does not know the architecture, `VectorError` where a vector does not fit the
    ///   model.
    package func edits(
        baking interventions: [Intervention], into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit] {
        if let refusal = refusal(of: interventions, in: checkpoint, format: format) {
            throw refusal
        }
        return try Self.biases(of: interventions, in: checkpoint)
    }

    /// The same for a model that is made one with these biases, whether its own family has them or not.
    ///
    /// - Throws: as `edits`, but for what runtimes do with a bias of the family.
    static func biases(
        of interventions: [Intervention], in checkpoint: Checkpoint
    ) throws -> [CheckpointEdit] {
        let numbers = try checkpoint.storedHyperparameters()
        try interventions.checkFit(numbers, file: checkpoint.path)
        var biases: [WeightRole: [Float]] = [:]
        for intervention in interventions {
            let place = StreamSite(site: intervention.site, block: intervention.block)
            guard let slot = numbers.biased(before: place) else { continue }
            let role = WeightRole.block(intervention.block, slot, .bias)
            let (vector, width) = (intervention.vector, numbers.hiddenSize)
            let count = slot == .expertDown ? numbers.experts?.count ?? 1 : 1
            let present =
                try biases[role] ?? checkpoint.tensor(role)?.values()
                ?? [Float](repeating: 0, count: count * width)
            let factor = Float(Double(intervention.strength) / numbers.residualScale)
            // Experts' shares sum to 1, so that one vector in the bias of each is the vector.
            biases[role] = present.indices.map { present[$0] + factor * vector[$0 % width] }
        }
        for (role, values) in biases.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            try TooLargeAddition.check(values, of: "\(role)")
        }
        return biases.sorted { ($0.key.block ?? 0, "\($0.key)") < ($1.key.block ?? 0, "\($1.key)") }
            .map { role, values in
                .set(
                    role, values: values, form: checkpoint.form(of: role).orderOnly, type: .f32)
            }
    }
}

// MARK: - Cost and inverse

extension BiasRoute {
    /// A bias for each block, in f32, and an addition for each of its elements.
    package func cost(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) throws -> BakeCost {
        let numbers = try checkpoint.storedHyperparameters()
        let width = numbers.hiddenSize
        let roles = Self.roles(of: interventions, numbers)
        let present = roles.compactMap { checkpoint.tensor($0) }
        let bytes = roles.count * width * MemoryLayout<Float>.stride
        return BakeCost(
            bytes: bytes - present.reduce(0) { $0 + $1.byteCount },
            operations: (roles.count - present.count) * width, error: 0x1p-24,
            runtimes: [format.runtime])
    }

    /// The biases that interventions act through.
    static func roles(
        of interventions: [Intervention], _ numbers: Hyperparameters
    ) -> Set<WeightRole> {
        Set(
            interventions.compactMap { intervention in
                let place = StreamSite(site: intervention.site, block: intervention.block)
                return numbers.biased(before: place).map {
                    WeightRole.block(intervention.block, $0, .bias)
                }
            })
    }

    /// What changed biases of the projections into the stream add to it.
    package func recovery(
        from changes: [TensorDifference], base: Checkpoint
    ) throws -> BakeRecovery? {
        try Self.recovery(from: changes, base: base, by: self) { Self.hasPlace($0, in: base) }
    }

    /// Whether files of the model's family can have a bias at this place in any format; those of none that is known can.
    static func hasPlace(_ slot: BlockSlot, in base: Checkpoint) -> Bool {
        guard let rule = base.architecture?.rule(for: .block(0, slot)) else { return true }
        return rule.bias != nil
    }

    /// The same of the biases of some projections, for a route that makes them.
    static func recovery(
        from changes: [TensorDifference], base: Checkpoint, by route: any BakeRoute,
        of isOwn: (BlockSlot) -> Bool
    ) throws -> BakeRecovery? {
        var places: [BakeRecovery.Place] = []
        var vectors: [SteeringVector] = []
        for site in route.sites {
            let biases = changes.filter { change in
                guard let role = change.role, role.part == .bias,
                    case .block(_, let slot) = role.slot, isOwn(slot),
                    let place = StreamWriters.site(of: role.slot)
                else { return false }
                return place.site == site && !place.isNorm
            }
            guard !biases.isEmpty else { continue }
            let slots = Set(
                biases.compactMap { change in
                    if case .block(_, let slot) = change.role?.slot { slot.rawValue } else { nil }
                })
            // Bare weights say nothing of a scale; most families have none.
            let scale =
                base.architecture == nil ? 1 : Float(try base.hyperparameters().residualScale)
            var directions: [Int: [Float]] = [:]
            for bias in biases {
                guard let block = bias.role?.block, let pair = bias.pair else { continue }
                let isOfExperts = bias.role?.slot.isOfExperts ?? false
                directions[block] = try change(pair, isOfExperts: isOfExperts)
                    .map { $0 * scale }
            }
            places.append(
                BakeRecovery.Place(
                    weights: "\(slots.sorted().joined(separator: " and ")) biases",
                    tensors: biases.map(\.name),
                    blocks: directions.keys.sorted(), addedCount: biases.count { $0.a == nil }))
            vectors.append(
                SteeringVector(
                    site: site, directions: directions,
                    provenance: SteeringVector.Provenance(
                        modelHint: base.architectureName ?? "",
                        method: "recovered from biases", normalization: Normalization.none.rawValue)
                ))
        }
        return vectors.isEmpty
            ? nil : BakeRecovery(route: route, places: places, vectors: vectors)
    }

    /// B − A, of experts the mean of all; what is not finite counts as unchanged.
    private static func change(_ pair: TensorPair, isOfExperts: Bool) throws -> [Float] {
        var a = [Float](repeating: 0, count: pair.elementCount)
        var b = a
        try pair.read(rows: 0..<pair.rows, a: &a, b: &b)
        let changes = zip(a, b).map { ($1 - $0).isFinite ? $1 - $0 : 0 }
        guard isOfExperts, pair.columns > 0 else { return changes }
        return (0..<pair.columns).map { column in
            let own = stride(from: column, to: changes.count, by: pair.columns).map { changes[$0] }
            return own.reduce(0, +) / Float(own.count)
        }
    }
}

extension Hyperparameters {
    /// The projection whose bias is added to the stream before a place: of a mixture that of all experts.
    fileprivate func biased(before place: StreamSite) -> BlockSlot? {
        place.site == .residPost && experts(ofBlock: place.block) != nil
            ? .expertDown : projection(before: place)
    }
}
