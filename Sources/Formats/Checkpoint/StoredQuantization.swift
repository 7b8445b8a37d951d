/// How a Hugging Face checkpoint is quantised: its files store codes, and the weights are what scales, tables or an
/// order of bits beside them make of those. A GGUF file's blocks are a type of their own and no such quantisation.
///
/// What the files say is asked first (`QuantizationDeclaration`). Where they say nothing, tensors that only a quantiser
/// writes tell.
package struct StoredQuantization: Sendable, Hashable {
    /// The method as its own tools call it, with what tells its variants apart: `gptq`, `bitsandbytes nf4`.
    package let method: String
    /// Which key or tensor says so.
    package let evidence: String
    /// Why the weights cannot be read; nil where they can.
    package let problem: PackingProblem?
    /// Whether the folder's configuration can name layers that are not packed, so that a changed matrix can stand beside
    /// those that stay packed.
    package let holdsPlainLayers: Bool

    /// What a folder says of itself.
    init(
        _ declaration: QuantizationDeclaration, problem: PackingProblem?, holdsPlainLayers: Bool
    ) {
        self.init(
            method: declaration.title, evidence: declaration.place, problem: problem,
            holdsPlainLayers: holdsPlainLayers)
    }

    /// What tensors tell where nothing is said; nil where they are the weights themselves.
    init?(tensors: [WeightTensor], metadata: [SafetensorsMetadata] = []) {
        guard let told = QuantizerTrace(tensors, metadata) else { return nil }
        self.init(
            method: told.method, evidence: told.evidence,
            problem: .unsupported("its configuration does not say how"), holdsPlainLayers: false)
    }

    private init(
        method: String, evidence: String, problem: PackingProblem?, holdsPlainLayers: Bool
    ) {
        // Text of a file, fit for one line of a message.
        self.method = String(method.quoted.dropFirst().dropLast())
        self.evidence = evidence
        self.problem = problem
        self.holdsPlainLayers = holdsPlainLayers
    }

    /// Whether an output can hold plain biases beside the packed matrices.
    package var hasPlainBiases: Bool { problem == nil }

    /// Whether an output of this format can hold changed matrices.
    package func allowsMatrices(in format: FileFormat) -> Bool {
        problem == nil && (format == .gguf || holdsPlainLayers)
    }
}

extension StoredQuantization: CustomStringConvertible {
    package var description: String {
        "\(method) (\(evidence))" + (problem.map { ", which cannot be read: \($0.fact)" } ?? "")
    }
}

extension Checkpoint {
    /// Refuses a checkpoint whose tensors are not its weights and do not tell them. Whatever computes with weights,
    /// compares them or stores them as another type asks this first.
    ///
    /// - Throws: `CheckpointError.quantized`.
    package func requireValues() throws(CheckpointError) {
        if let quantization, let problem = quantization.problem {
            throw .quantized(file: path, method: quantization.description, kind: problem.kind)
        }
    }
}
