package import Formats
package import Transformer

/// The exact route by width: a vector added at a block's output is the down column of new neurons whose sum is the same at
/// every position (see `ConstantNeurons`). It needs a gate and a norm before the feed-forward part, no bias.
///
/// A model has one feed-forward width, so that all other blocks get as many neurons of zeros: it is the last choice.
package struct WidenRoute: BakeRoute {
    package let name = "widen"
    package let form = "neurons of a constant sum"
    package let forms = "neurons of a constant sum"
    package let summary = """
        A vector added after a block's feed-forward part (resid_post) is what two new neurons for each of the stream's \
        dimensions write, whose sum is constant; every block's feed-forward part grows by as many.
        """
    package let sites = [Site.residPost]

    package init() {}

    /// Why a vector cannot be baked as neurons.
    package enum Refusal: Failure, Hashable {
        case noSite(Site)
        case notAnAddition(operation: Intervention.Operation)
        case quantized(file: String, StoredQuantization)
        /// Not run in the runtimes, or not known at all.
        case notRun(architecture: String)
        case postNorm(architecture: String)
        case notGated(architecture: String)
        case mixture(architecture: String)
        /// What takes the biases of a LayerNorm away cannot be held in a quantised type.
        case biasedNorm(architecture: String, tensor: String, type: ElementType)
        case zeroGain(norm: String, index: Int, value: Float)
        case unbalanced(norm: String, sum: Double, length: Double)
        case coarse(norm: String, types: [ElementType], error: Double)
        case typeNotWritten(tensor: String, type: ElementType)

        package var kind: FailureKind { .unsupported }

        package var description: String {
            switch self {
            case .noSite(let site):
                "no neurons act at site '\(site.rawValue)'; bake resid_post"
            case .notAnAddition(let operation):
                "neurons of a constant sum add a vector; they cannot \(operation.rawValue)"
            case .quantized(let file, let quantization):
                "\(file): the weights are quantised with \(quantization), beside which neurons are not supported"
            case .notRun(let architecture):
                "architecture '\(architecture)' was not run with a wider feed-forward part"
            case .postNorm(let architecture):
                "in architecture '\(architecture)' the feed-forward output passes a norm before the residual "
                    + "stream, so that no neurons add a vector to it"
            case .notGated(let architecture):
                "the feed-forward part of architecture '\(architecture)' has no gate, and without one the sum of "
                    + "neurons is not constant"
            case .mixture(let architecture):
                "in architecture '\(architecture)' every token chooses experts, so that no neurons act on all of them"
            case .biasedNorm(let architecture, let tensor, let type):
                "tensor '\(tensor)' is \(type.name), in which the neurons that take away the biases of LayerNorm in "
                    + "architecture '\(architecture)' cannot be held"
            case .zeroGain(let norm, let index, let value):
                "\(norm) is \(value) at index \(index): what is hidden there is missing from the sum of squares, "
                    + "which neurons need to be constant"
            case .unbalanced(let norm, let sum, let length):
                "the biases of \(norm) divided by its weights have the sum \(sum) at a length of \(length): no "
                    + "neurons take away what they add to the sum of squares"
            case .coarse(let norm, let types, let error):
                "neurons behind \(norm) stored as \(types.map(\.name).joined(separator: ", ")) would have a sum "
                    + "that is off by \(error) of itself"
            case .typeNotWritten(let tensor, let type):
                "tensor '\(tensor)' is \(type.name), in which rtedit cannot write new neurons"
            }
        }
    }

    /// The families, by their names in `config.json`, whose folders were run in transformers and whose files in llama.cpp
    /// with a wider feed-forward part (samples/peers/bake_widen.py).
    private static let families: Set<String> = [
        "ernie4_5", "gemma", "granite", "granitemoehybrid", "lfm2", "llama", "ministral3",
        "mistral", "phi3", "qwen2", "qwen3", "stablelm",
    ]

    /// Why no neurons do what the operation does at this site.
    package func refusal(
        of operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint,
        format: FileFormat
    ) -> (any Failure)? {
        guard operation == .add else { return Refusal.notAnAddition(operation: operation) }
        guard site == .residPost else { return Refusal.noSite(site) }
        if let quantization = checkpoint.quantization, !quantization.allowsMatrices(in: format) {
            return Refusal.quantized(file: checkpoint.path, quantization)
        }
        guard let architecture = checkpoint.architecture else {
            return Refusal.notRun(architecture: checkpoint.architectureName ?? "")
        }
        let name = architecture.name
        if architecture.hasExperts { return Refusal.mixture(architecture: name) }
        if architecture.residualPath == .normed { return Refusal.postNorm(architecture: name) }
        let gates: [BlockSlot] = [.feedForwardGate, .feedForwardGateUp]
        guard gates.contains(where: { architecture.rule(for: .block(0, $0)) != nil }) else {
            return Refusal.notGated(architecture: name)
        }
        guard Self.families.contains(architecture.huggingFaceModelType) else {
            return Refusal.notRun(architecture: name)
        }
        let written: [BlockSlot] = [
            .feedForwardGate, .feedForwardUp, .feedForwardGateUp, .feedForwardDown,
        ]
        if architecture.norm == .layer,
            let tensor = checkpoint.tensors.first(where: { tensor in
                guard case .block(_, let slot) = tensor.role?.slot else { return false }
                return written.contains(slot) && tensor.type.isQuantized
            })
        {
            return Refusal.biasedNorm(
                architecture: name, tensor: tensor.name, type: tensor.type)
        }
        return nil
    }

    /// The edits: in every block rows of gate and up and columns of down, and the model's new width.
    ///
    /// - Throws: `Refusal` where a runtime or a type cannot hold the neurons, `CheckpointError` where the model's numbers
    ///   are unusable, `VectorError` where a vector does not fit the model.
    package func edits(
        baking interventions: [Intervention], into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit] {
        if let refusal = refusal(of: interventions, in: checkpoint, format: format) {
            throw refusal
        }
        let parts = try WidenedParts(of: checkpoint, format: format)
        let vectors = try interventions.sumsByBlock(
            in: parts.numbers, dividedBy: parts.numbers.residualScale, file: checkpoint.path)
        var tables: [ElementType: SingleValues] = [:]
        var edits: [CheckpointEdit] = []
        for block in 0..<parts.numbers.blockCount {
            edits += try parts.edits(ofBlock: block, adding: vectors[block], &tables)
        }
        var numbers = parts.numbers
        numbers.feedForwardSize += parts.width
        return edits + [.model(try checkpoint.requireArchitecture(), numbers)]
    }

    /// Two neurons for each dimension of the stream in every block, three matrices' worth.
    package func cost(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) throws -> BakeCost {
        let parts = try WidenedParts(of: checkpoint, format: format)
        return BakeCost(
            bytes: parts.addedBytes,
            operations: parts.numbers.blockCount * parts.width * 3 * parts.numbers.hiddenSize,
            error: Double(parts.numbers.normEpsilon),
            runtimes: [format.runtime])
    }
}
