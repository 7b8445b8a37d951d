package import Formats
package import Transformer

/// The exact route by another family's name: a model that computes what a Llama computes is written as one, whose files
/// have the biases that its own have no place for.
///
/// Rows of queries and keys, and their biases, take a Llama's order (in GGUF files llama.cpp's pairs stand side by side),
/// fused matrices are split, quantised rows keep their bytes. Tokenizer and chat template stay. The biases are then those
/// of `BiasRoute`.
package struct RelabelRoute: BakeRoute {
    package let name = "relabel"
    package let form = "a bias of the model written as a Llama"
    package let forms = "biases of the model written as a Llama"
    package let summary = """
        A model that computes what a Llama does (Qwen 2, Mistral without a window, Phi-3 without long rope) is \
        written as one, and the vector (resid_post, resid_mid) is a bias there, in f32. Rows that move keep their \
        bytes.
        """
    package let sites = [Site.residPost, .residMid]

    package init() {}

    /// The families that were written as a Llama and run in transformers and llama.cpp, by their `model_type`.
    private static let families = ["qwen2", "mistral", "phi3"]
    private static let target = Architecture.llama

    /// Why a model cannot be written as a Llama.
    package enum Refusal: Failure, Hashable {
        /// Nothing is known of what the family computes.
        case unknownFamily(name: String)
        /// The family's files have the bias themselves.
        case hasPlace(architecture: String)
        /// What the model computes and a Llama does not.
        case notALlama(architecture: String, features: [String])
        /// It may be one, but was not run as one.
        case notRun(architecture: String)
        /// It is a part of a folder whose class has another family inside.
        case wrapped(folder: String)

        package var kind: FailureKind { .unsupported }

        package var description: String {
            switch self {
            case .unknownFamily(let name):
                "what architecture '\(name)' computes is not known, so it is not written as a Llama"
            case .hasPlace(let architecture):
                "files of architecture '\(architecture)' have a place for the bias themselves: nothing is to be "
                    + "written as a Llama (route bias)"
            case .notALlama(let architecture, let features):
                "architecture '\(architecture)' cannot be written as a Llama, which has no "
                    + features.joined(separator: ", no ")
            case .notRun(let architecture):
                "architecture '\(architecture)' was never run as a Llama, so it is not written as one"
            case .wrapped(let folder):
                "a folder of architecture '\(folder)' has no Llama inside; convert it into a GGUF file, or bake "
                    + "into the text decoder's own folder"
            }
        }
    }

    /// Why the model is not written as a Llama with a bias that does what the operation does.
    package func refusal(
        of operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint,
        format: FileFormat
    ) -> (any Failure)? {
        guard operation == .add else {
            return BiasRoute.Refusal.notAnAddition(operation: operation)
        }
        let slots = BiasRoute.slots(for: site, in: checkpoint)
        guard !slots.isEmpty else { return BiasRoute.Refusal.noSlot(site: site) }
        if let quantization = checkpoint.quantization {
            return BiasRoute.Refusal.quantized(file: checkpoint.path, quantization)
        }
        guard let architecture = checkpoint.architecture else {
            return Refusal.unknownFamily(name: checkpoint.architectureName ?? "")
        }
        if let wrapper = checkpoint.wrapper, format == .safetensors {
            return Refusal.wrapped(folder: wrapper.modelType)
        }
        let name = "\(architecture)"
        if slots.allSatisfy({ architecture.biasLoading(of: $0, in: format) == .used }) {
            return Refusal.hasPlace(architecture: name)
        }
        // Numbers that are unusable come to light where the edits are made.
        let numbers = try? checkpoint.storedHyperparameters()
        let features = architecture.unlikeLlama + (numbers?.unlikeLlama ?? [])
        guard features.isEmpty else {
            return Refusal.notALlama(architecture: name, features: features)
        }
        return Self.families.contains(architecture.huggingFaceModelType)
            ? nil : Refusal.notRun(architecture: name)
    }

    /// The edits that make the model a Llama and the vectors its biases.
    ///
    /// - Throws: `Refusal` or `BiasRoute.Refusal`, `CheckpointError` where the model's numbers are unusable,
    ///   `VectorError` where a vector does not fit the model.
    package func edits(
        baking interventions: [Intervention], into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit] {
        if let refusal = refusal(of: interventions, in: checkpoint, format: format) {
            throw refusal
        }
        var numbers = try checkpoint.storedHyperparameters()
        // A window that is longer than any sequence is none.
        numbers.blockKinds = []
        numbers.unusedWindow = nil
        numbers.originalContextLength = nil
        return [.model(Self.target, numbers)]
            + (try BiasRoute.biases(of: interventions, in: checkpoint))
    }
}

// MARK: - Cost and inverse

extension RelabelRoute {
    /// The biases, and in a folder zeros for those that the flags of `config.json` announce beside them.
    package func cost(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) throws -> BakeCost {
        let numbers = try checkpoint.storedHyperparameters()
        func biases(_ rule: WeightRule) -> [WeightRole] {
            rule.roles(in: numbers, part: .bias)
        }
        let rules = Self.target.weights.filter { $0.bias != nil }
        let added = BiasRoute.roles(of: interventions, numbers)
        let flags = Set(
            rules.filter { rule in
                biases(rule).contains { added.contains($0) || checkpoint.tensor($0) != nil }
            }.compactMap { $0.bias?.huggingFaceFlag })
        var count = 0
        for rule in rules {
            let isAnnounced =
                format == .safetensors && rule.bias?.huggingFaceFlag.map(flags.contains) ?? false
            let new = biases(rule).filter {
                (isAnnounced || added.contains($0)) && checkpoint.tensor($0) == nil
            }
            count += new.reduce(0) { $0 + (rule.shape(of: $1, in: numbers).first ?? 0) }
        }
        return BakeCost(
            bytes: count * MemoryLayout<Float>.stride, operations: count, error: 0x1p-24,
            runtimes: [format.runtime])
    }

    /// What biases add that files of the base's own family have no place for.
    package func recovery(
        from changes: [TensorDifference], base: Checkpoint
    ) throws -> BakeRecovery? {
        guard let architecture = base.architecture,
            Self.families.contains(architecture.huggingFaceModelType)
        else { return nil }
        return try BiasRoute.recovery(from: changes, base: base, by: self) {
            !BiasRoute.hasPlace($0, in: base)
        }
    }
}

// MARK: - What a Llama has not

extension Architecture {
    /// What the family computes and a Llama does not, in words.
    fileprivate var unlikeLlama: [String] {
        let slots = Set(
            weights.compactMap { rule in
                if case .blocks(let slot) = rule.place { slot } else { nil }
            })
        var features: [String] = []
        if norm == .layer { features.append("LayerNorm") }
        if positions == .learned { features.append("learned positions") }
        if slots.contains(.attentionQueryNorm) {
            features.append("norms of queries and keys")
        }
        if residualPath == .normed {
            features.append("norms of what a sub-layer adds to the stream")
        }
        if hasExperts { features.append("experts whose biases a runtime loads") }
        if slots.isDisjoint(with: [.feedForwardGate, .feedForwardGateUp, .expertGate]) {
            features.append("feed-forward part without a gate")
        }
        return features
    }
}

extension Hyperparameters {
    /// What the model's numbers ask for and a Llama does not compute, in words.
    fileprivate var unlikeLlama: [String] {
        var features: [String] = []
        if activation != .silu { features.append("\(activation) for SiLU") }
        if isParallel { features.append("parallel sub-layers") }
        if let window = shortestWindow, hasUnlikeBlocks {
            features.append(
                "sliding window (of \(window) positions, in a context of \(contextLength))")
        }
        if blockKinds.contains(where: { $0.rotation == .none }) {
            features.append("blocks without rotation")
        }
        if rope.dimensions != headSize {
            features.append(
                "partial rotation (of \(rope.dimensions) dimensions, in heads of \(headSize))")
        }
        if case .longrope = rope.scaling { features.append("long rope") }
        if attentionScale != nil { features.append("attention scale of its own") }
        if queryGrowth != nil { features.append("queries that grow with their position") }
        if scoreCap != nil { features.append("cap of attention's scores") }
        if logitCap != nil { features.append("cap of the logits") }
        if embeddingScale != 1 { features.append("embedding scale") }
        if residualScale != 1 { features.append("residual scale") }
        if logitScale != 1 { features.append("logit scale") }
        return features
    }
}
