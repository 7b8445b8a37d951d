/// What a GGUF output of a Hugging Face model does not keep, because llama.cpp has no place for it: told, or refused
/// where the model would be another one.
struct ConversionLoss {
    let source: Checkpoint
    let architecture: Architecture
    let numbers: Hyperparameters
    private var roundedValues = 0
    private var differences: [String] = []

    init(source: Checkpoint, architecture: Architecture, numbers: Hyperparameters) {
        self.source = source
        self.architecture = architecture
        self.numbers = numbers
    }

    /// What to tell the user.
    var notes: [String] {
        guard roundedValues > 0 else { return differences }
        return differences + [
            "\(roundedValues) values of norms lose low bits, because GGUF stores them with 1 added"
        ]
    }

    /// Counts values of a norm that cannot be got back from their sum with 1.
    ///
    /// - Throws: `QuantizationError` where the type cannot be widened.
    mutating func look(at tensor: CheckpointTensor) throws {
        guard tensor.shift != 0 else { return }
        let sums = try tensor.values()
        let stored = try CheckpointTensor(description: tensor.description, bytes: tensor.bytes)
            .values()
        roundedValues += zip(sums, stored).count { $0 - tensor.shift != $1 }
    }

    /// Compares the model with the one that llama.cpp reads from the metadata.
    ///
    /// - Throws: `CheckpointError.cannotExpress` where it would compute something else on any text.
    mutating func compare(with metadata: GGUFMetadata) throws {
        let read = try Hyperparameters(
            metadata: metadata, architecture: architecture, file: source.path,
            tensors: Hyperparameters.TensorFacts(
                vocabularySize: numbers.vocabularySize, tiesEmbeddings: numbers.tiesEmbeddings))
        try refuse("heads of width", numbers.headSize, read.headSize)
        try refuse("rotary dimensions", numbers.rope.dimensions, read.rope.dimensions)
        try refuse("feed-forward width", numbers.feedForwardSize, read.feedForwardSize)
        try refuse("a parallel residual", numbers.isParallel, read.isParallel)
        try refuse("the activation", numbers.activation.gate, read.activation.gate)
        try refuse("the cap of attention's scores", numbers.scoreCap, read.scoreCap)
        try refuse("the cap of the logits", numbers.logitCap, read.logitCap)
        try refuse("the rotary base", Float(numbers.rope.base), Float(read.rope.base))
        if !numbers.rope.scaling.isNone, !keepsScaling(read.rope) {
            throw lost("rope scaling: the model has one, llama.cpp takes none")
        }
        if numbers.activation != read.activation {
            note("the activation", "\(numbers.activation)", "\(read.activation)")
        }
        if numbers.window?.size != read.window?.size
            || numbers.window?.globalEvery != read.window?.globalEvery
        {
            note("a sliding window", Self.text(numbers.window), Self.text(read.window))
        }
        if Float(numbers.scale) != Float(read.scale) {
            note("the attention scale", "\(numbers.scale)", "\(read.scale)")
        }
        if let own = numbers.experts?.normalizesShares, let other = read.experts?.normalizesShares,
            own != other
        {
            note("normalised shares of experts", "\(own)", "\(other)")
        }
    }

    /// Whether the rotary scaling is in the metadata, or in a tensor that the family has.
    private func keepsScaling(_ read: RopeParameters) -> Bool {
        if numbers.rope.fixedDivisors != nil, architecture.rule(for: .ropeFrequencies) != nil {
            return true
        }
        if case .longrope = numbers.rope.scaling {
            return architecture.rule(for: .ropeFactorsLong) != nil
        }
        return !read.scaling.isNone
    }

    private static func text(_ window: SlidingWindow?) -> String {
        guard let window else { return "none" }
        let every = window.globalEvery
        return "\(window.size)" + (every > 0 ? " in \(every - 1) of \(every) blocks" : "")
    }

    private mutating func note(_ what: String, _ own: String, _ read: String) {
        differences.append(
            "llama.cpp's '\(architecture.name)' has no key for \(what): the model has \(own), "
                + "llama.cpp takes \(read)")
    }

    private func refuse<Value: Equatable>(
        _ what: String, _ own: Value, _ read: Value
    ) throws(CheckpointError) {
        guard own != read else { return }
        throw lost("\(what): the model has \(own), llama.cpp takes \(read)")
    }

    private func lost(_ fact: String) -> CheckpointError {
        .cannotExpress(fact: "llama.cpp's '\(architecture.name)' has no key for \(fact)")
    }
}

extension Activation {
    /// The kind of function, whichever way it is computed.
    fileprivate var gate: String { self == .silu ? "silu" : "gelu" }
}

extension Hyperparameters {
    /// What attention's scores are multiplied by.
    fileprivate var scale: Double { attentionScale ?? 1 / Double(headSize).squareRoot() }
}

extension RopeParameters.Scaling {
    fileprivate var isNone: Bool { self == .none }
}
