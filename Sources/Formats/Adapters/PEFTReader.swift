/// Sorts the tensors of a PEFT folder by what they do to which weight of a base.
struct PEFTReader {
    private let request: PEFTRequest
    private let base: Checkpoint
    private var halves: AdapterTensors
    /// Those of other methods than LoRA.
    private var modules: [WeightRole: PEFTModule] = [:]
    private var shared: [String: PEFTModule.SharedValues] = [:]
    private var adapted: AdaptedWeights

    private var file: String { halves.file }

    init(_ request: PEFTRequest, file: String, base: Checkpoint) {
        self.request = request
        self.base = base
        halves = AdapterTensors(
            file: file, base: base, format: .safetensors, suffixes: PEFTTensorName.suffixes)
        adapted = AdaptedWeights(file: file, weights: halves.weights)
    }

    // MARK: - Tensors

    /// Sorts a tensor in, or compares it with the base's where it is a weight of the base that was not trained.
    ///
    /// - Throws: as `Adapter.read`.
    mutating func take(_ tensor: StoredTensor) throws {
        switch try PEFTTensorName(tensor.name, of: request.method, in: file) {
        case .whole(let module, let part, let isBeside):
            try take(tensor, whole: module, part, isBeside: isBeside)
        case .tokens(let module):
            let role = try role(ofModule: module, tensor)
            guard let tokens = request.trained.tokens(of: module) else {
                throw AdapterError.unsupportedTensor(
                    file: file, tensor: tensor.name,
                    reason:
                        "holds rows of tokens, which key '\(request.trained.tokensKey)' does not name"
                )
            }
            try adapted.add(tokens: tokens, tensor, to: role)
        case .embedding(let module, let half):
            try halves.add(
                tensor, half,
                of: .init(role: try role(ofModule: module, tensor), form: .embedding), name: module)
        case .magnitude(let module):
            try halves.add(
                tensor, as: \.magnitude, of: try target(module, tensor), name: module)
        case .updateBias(let module):
            try halves.add(tensor, as: \.bias, of: try target(module, tensor), name: module)
        case .part(let module, let part): try take(tensor, part, of: module)
        case .shared(let part):
            shared[part] = PEFTModule.SharedValues(
                shape: tensor.shape, values: try AdapterTensors.values(of: tensor, in: file))
        case .matrix(let module, let depth, let half):
            try take(tensor, half, ofMatrix: module, depth: depth)
        }
    }

    private func role(
        ofModule module: String, _ tensor: StoredTensor, _ part: WeightRole.Part = .weight
    ) throws(AdapterError) -> WeightRole {
        if part == .weight, let router = base.architecture?.fusedRouter(of: module),
            halves.has(router)
        {
            return router
        }
        return try halves.role(of: "\(module).\(part.rawValue)", for: tensor)
    }

    private func target(
        _ module: String, _ tensor: StoredTensor
    ) throws(AdapterError) -> AdapterTensors.Target {
        let role = try role(ofModule: module, tensor)
        return .init(role: role, form: role.slot == .tokenEmbedding ? .embedding : .matrix)
    }

    private mutating func take(
        _ tensor: StoredTensor, whole module: String, _ part: WeightRole.Part, isBeside: Bool
    ) throws {
        let role = try role(ofModule: module, tensor, part)
        let isVocabulary = role.slot == .tokenEmbedding || role.slot == .output
        if request.trained.replaces(
            part, of: module, isTied: isVocabulary && !base.hasOwnHead, isBeside: isBeside)
        {
            return try adapted.add(new: tensor, to: role)
        }
        guard part == .weight, isBeside || isVocabulary else {
            let key = part == .bias ? "bias" : "modules_to_save"
            throw AdapterError.unsupportedTensor(
                file: file, tensor: tensor.name,
                reason:
                    "is a whole \(part.rawValue) of the base, but key '\(key)' does not say that it "
                    + "was trained")
        }
        try BaseCopy(file: file, tensor: tensor, role: role, base: base).check()
    }

    private mutating func take(
        _ tensor: StoredTensor, _ part: String, of module: String
    ) throws(AdapterError) {
        let role = try role(ofModule: module, tensor)
        if modules[role] == nil { modules[role] = try newModule(module, role, tensor) }
        guard modules[role]?.tensors.updateValue(tensor, forKey: part) == nil else {
            throw .unsupportedTensor(
                file: file, tensor: tensor.name,
                reason: "updates a weight that another one updates too")
        }
    }

    private func newModule(
        _ module: String, _ role: WeightRole, _ tensor: StoredTensor
    ) throws(AdapterError) -> PEFTModule {
        let weight = halves.weights.weights(for: role).first
        let shape = weight?.canonicalShape ?? []
        let isNorm = request.method?.changesNorms ?? false
        guard let weight, shape.count == (isNorm ? 1 : 2), role.slot != .tokenEmbedding
        else {
            throw .unsupportedTensor(
                file: file, tensor: tensor.name,
                reason: "changes a weight that is no \(isNorm ? "norm" : "projection")")
        }
        let bias = WeightRole(role.slot, .bias, expert: role.expert)
        return PEFTModule(
            file: file, names: (PEFTTensorName.prefix + module, module), outputs: shape[0],
            inputs: isNorm ? 1 : shape[1], form: base.form(of: role, in: .safetensors),
            base: BaseRows(weight),
            bias: halves.weights.weights(for: bias).first.map(BaseRows.init))
    }

    private mutating func take(
        _ tensor: StoredTensor, _ half: AdapterTensors.Half, ofMatrix module: String, depth: Int
    ) throws(AdapterError) {
        guard case .lora(let configuration) = request.scheme else { return }
        if let architecture = base.architecture, architecture.separatesExperts,
            let block = architecture.fusedExpertBlock(of: module)
        {
            let targets = Self.parameters(of: module, configuration)
            guard depth < targets.count, let slot = targets.dropLast(depth).last?.slots.first
            else {
                throw .unknownTarget(file: file, tensor: tensor.name, base: base.path)
            }
            let parameter = targets[targets.count - 1 - depth]
            return try halves.add(
                tensor, half,
                of: .init(role: .block(block, slot), form: .parameter(parameter.slots)),
                name: "\(module).\(parameter.name)")
        }
        guard depth == 0 else {
            throw .unknownTarget(file: file, tensor: tensor.name, base: base.path)
        }
        let role = try role(ofModule: module, tensor)
        let parameter = module + ".weight"
        try halves.add(
            tensor, half, of: .init(role: role, form: .matrix),
            name: configuration.targets(parameter: parameter) ? parameter : module)
    }

    /// The parameters of a module of experts that the adapter updates. PEFT wraps the module once for each, in the order in
    /// which the module declares them: the first is the innermost.
    private static func parameters(
        of module: String, _ configuration: PEFTConfiguration
    ) -> [FusedExperts.Parameter] {
        FusedExperts.parameters.filter {
            configuration.targets(parameter: "\(module).\($0.name)")
        }
    }

    // MARK: - The adapter

    /// What all tensors taken make of the base.
    ///
    /// - Throws: as `Adapter.read`.
    mutating func adapter(path: String) throws -> Adapter {
        var adapter = Adapter(updates: [], rank: 1, alpha: 1, notes: request.notes)
        switch request.scheme {
        case .lora(let configuration): try finish(configuration, &adapter)
        case .method(let method): try finish(method, &adapter)
        }
        let head = try adapted.settleTiedHead(
            updated: adapter.updates.map(\.role), sharing: halves.sharesHead)
        adapter.weights = adapted.weights
        adapter.ownHead = head
        guard !adapter.updates.isEmpty || !adapter.weights.isEmpty else {
            throw AdapterError.notAnAdapter(path: path, reason: "it has no updates")
        }
        return adapter
    }

    private mutating func finish(
        _ configuration: PEFTConfiguration, _ adapter: inout Adapter
    ) throws {
        try checkParameters(configuration)
        let (file, scales) = (file, configuration.scales)
        let scale = { (rank: Int, pair: AdapterTensors.Pair) in
            let expected = try scales.rank(of: pair.name)
            guard rank == expected else {
                throw AdapterError.wrongRank(
                    file: file, tensor: pair.a?.name ?? pair.name, found: rank,
                    expected: expected)
            }
            return try scales.scale(of: pair.name)
        }
        try halves.settleTiedHead(
            configuration.ensuresWeightTying ? .isOneUpdate : .becomesOwn, scale: scale)
        let outcome = try halves.outcome(
            usesDoRA: configuration.usesDoRA, hasBiases: configuration.hasBiases, scale: scale)
        for (role, change, tensor) in outcome.changes {
            // B's bias is added to the base's as it was trained.
            try adapted.add(change, to: role, for: tensor, isOnTop: role.part == .bias)
        }
        try adapted.check(besides: outcome.updates)
        adapter.updates = outcome.updates
        adapter.rank = scales.rank
        adapter.alpha = Float(scales.plainAlpha)
    }

    private mutating func finish(
        _ method: any PEFTMethod, _ adapter: inout Adapter
    ) throws {
        let modules = modules.sorted {
            halves.weights.place(of: $0.key) ?? 0 < halves.weights.place(of: $1.key) ?? 0
        }
        let made = try method.sharedValues(of: modules.map(\.value))
        for (role, module) in modules {
            var module = module
            module.shared = shared.merging(made) { own, _ in own }
            let tensor = module.tensors.values.map(\.name).min() ?? module.name
            guard let change = try method.change(of: module) else { continue }
            switch change.weight {
            case .rows(let rows): try adapted.add(rows, to: role, for: tensor)
            case .update(let rank, let a, let b, let scale):
                guard scale.isFinite else {
                    throw AdapterError.scaleTooLarge(file: file, tensor: tensor)
                }
                adapter.updates.append(
                    LowRankUpdate(
                        role: role, rank: rank, a: a, b: b, rows: .same, scale: scale
                    ).ordered(as: base.form(of: role)))
            }
            let bias = WeightRole(role.slot, .bias, expert: role.expert)
            if let rows = change.bias, halves.has(bias) {
                try adapted.add(rows, to: bias, for: tensor)
            }
        }
        try adapted.check(besides: adapter.updates)
    }

    /// Refuses an adapter that has updates of some parameters of a module only, since their names then tell others.
    private func checkParameters(_ configuration: PEFTConfiguration) throws(AdapterError) {
        for (target, pair) in halves.pairs {
            guard case .parameter = target.form, let block = target.role.block,
                let present = pair.a ?? pair.b
            else { continue }
            let module = pair.name.split(separator: ".").dropLast().joined(separator: ".")
            for parameter in Self.parameters(of: module, configuration) {
                let other = AdapterTensors.Target(
                    role: .block(block, parameter.slots[0]), form: .parameter(parameter.slots))
                guard halves.pairs[other] == nil else { continue }
                throw .missingHalf(
                    file: file, tensor: present.name,
                    missing:
                        "the update of \(module).\(parameter.name), which target_parameters names")
            }
        }
    }
}
