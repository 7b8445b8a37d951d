/// One of a model's numbers with its name, for comparing models and for telling how they differ. Numbers that one of the
/// formats holds as f32 are rounded to it.
struct NumberField: Sendable {
    let name: String
    let text: String
    /// What a GGUF file may say otherwise, if that is told: it changes some texts only, or little.
    var group: String?

    init(_ name: String, _ text: String, group: String? = nil) {
        self.name = name
        self.text = text
        self.group = group
    }

    /// What the numbers say of the head. Which matrix it is decides (`Checkpoint.head`), and those are compared.
    static let tiedHead = "tied embeddings"

    /// Whether both say the same; a ramp found in divisors gives them but for the last bit.
    func isSame(as other: NumberField) -> Bool {
        let divisors = "divisors"
        return text == other.text || text.hasPrefix(divisors) && other.text.hasPrefix(divisors)
    }

    /// Whether a conversion may tell of the difference rather than refuse it.
    func mayDiffer(from other: NumberField) -> Bool { group != nil && group == other.group }

    static func text(_ number: Double?) -> String { number.map { "\(Float($0))" } ?? "none" }
}

extension Hyperparameters {
    /// Every number, by name.
    var fields: [NumberField] {
        let scale = attentionScale ?? 1 / Double(headSize).squareRoot()
        let own = experts.map { "\($0.usedCount) of \($0.count), \($0.feedForwardSize) wide" }
        let shares = experts.map { $0.normalizesShares ? "normalised" : "as they are" }
        return [
            NumberField("blocks", "\(blockCount)"), NumberField("width", "\(hiddenSize)"),
            NumberField("feed-forward width", "\(feedForwardSize)"),
            NumberField("heads", "\(headCount)"),
            NumberField("key/value heads", "\(keyValueHeadCount)"),
            NumberField("head width", "\(headSize)"),
            NumberField("vocabulary size", "\(vocabularySize)"),
            NumberField("context length", "\(contextLength)"),
            NumberField("norm epsilon", "\(normEpsilon)"),
            NumberField("rotary base", "\(Float(rope.base))"),
            NumberField("rotary dimensions", "\(rope.dimensions)"),
            NumberField("rotary scaling", rope.scalingText),
            NumberField(NumberField.tiedHead, "\(tiesEmbeddings)"),
            NumberField("activation", "\(activation)", group: activation.gate),
            NumberField("parallel residual", "\(isParallel)"),
            NumberField("attention scale", NumberField.text(scale), group: "scale"),
            NumberField("cap of scores", NumberField.text(scoreCap)),
            NumberField("cap of logits", NumberField.text(logitCap)),
            NumberField("sliding window", windowText, group: "window"),
            NumberField("rotary base of windows", NumberField.text(window?.ropeBase)),
            NumberField("embedding scale", NumberField.text(embeddingScale)),
            NumberField("residual scale", NumberField.text(residualScale)),
            NumberField("logit scale", NumberField.text(logitScale)),
            NumberField("experts", own ?? "none"),
            NumberField("shares of experts", shares ?? "none", group: "shares"),
        ]
    }

    /// The window, unless it is longer than any sequence.
    private var windowText: String {
        guard let window, window.ropeBase != nil || window.size < contextLength else {
            return "none"
        }
        return window.text
    }

    /// The numbers as llama.cpp reads them from metadata that was made of these.
    ///
    /// - Throws: `CheckpointError` for what it does not compute.
    func readBack(
        _ metadata: GGUFMetadata, _ architecture: Architecture, file: String,
        lacksFeedForwardNorm: Bool
    ) throws -> Hyperparameters {
        var divisors = RopeParameters.Divisors()
        if architecture.rule(for: .ropeFrequencies) != nil {
            divisors.frequencies = rope.fixedDivisors
        }
        if case .longrope(let short, let long, _, _) = rope.scaling,
            architecture.rule(for: .ropeFactorsLong) != nil
        {
            divisors.short = short.map(Float.init)
            divisors.long = long.map(Float.init)
        }
        return try Hyperparameters(
            metadata: metadata, architecture: architecture, file: file,
            tensors: TensorFacts(
                vocabularySize: vocabularySize, tiesEmbeddings: tiesEmbeddings,
                divisors: divisors, lacksFeedForwardNorm: lacksFeedForwardNorm))
    }
}

extension Activation {
    /// The kind of function, whichever way it is computed.
    fileprivate var gate: String { self == .silu ? "silu" : "gelu" }
}

extension SlidingWindow {
    fileprivate var text: String {
        "\(size)" + (globalEvery > 0 ? " in \(globalEvery - 1) of \(globalEvery) blocks" : "")
    }
}

extension RopeParameters {
    /// The scaling in the words of `config.json`; divisors that GGUF keeps as a tensor as such.
    var scalingText: String {
        func number(_ value: Double) -> String { NumberField.text(value) }
        // GGUF holds the quotient of two attention factors.
        func attention(_ value: Double) -> String { number((value * 1e5).rounded() / 1e5) }
        // A ramp found in divisors gives them but for the last bits.
        if let divisors = fixedDivisors {
            return "divisors " + divisors.map { attention(Double($0)) }.joined(separator: " ")
        }
        switch scaling {
        case .none, .llama3, .divisors: return "none"
        case .linear(let factor): return "linear, factor \(number(factor))"
        case .dynamic(let factor, let context):
            return "dynamic, factor \(number(factor)) from \(context) positions"
        case .yarn(let yarn):
            return "yarn, factor \(number(yarn.factor)), original context \(yarn.originalContext), "
                + "attention factor \(attention(yarn.attention)), beta_fast \(number(yarn.betaFast)), "
                + "beta_slow \(number(yarn.betaSlow)), truncate \(yarn.roundsRamp)"
        case .longrope(let short, let long, let context, let factor):
            return "long rope beyond \(context), attention factor \(attention(factor)), "
                + "short \(short.map(Float.init)), long \(long.map(Float.init))"
        }
    }
}
