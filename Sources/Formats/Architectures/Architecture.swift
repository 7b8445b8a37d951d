/// A model family as data: which weights it has, what files call them, how the files differ, and where outside
/// runtimes load a bias. Adding a family is adding one such value (see `Llama.swift`) to `Architecture.all`.
public struct Architecture: Sendable {
    /// The name in a GGUF file's `general.architecture`.
    public let name: String
    /// The `model_type` in a Hugging Face `config.json`.
    public let huggingFaceModelType: String
    /// The class in `architectures` of a Hugging Face `config.json`.
    public let huggingFaceClass: String
    /// Every weight the family has, in the order GGUF files are written.
    public let weights: [WeightRule]
    /// How the output of attention and of the feed-forward part reaches the residual stream.
    public let residualPath: ResidualPath

    /// The way from a sub-layer's last projection to the residual stream; it decides whether a bias there is the
    /// same as an addition to the stream.
    public enum ResidualPath: Sendable, Hashable {
        /// Added as it is: a bias equals an addition to the stream.
        case direct
        /// Passes a norm first: a bias does not equal an addition.
        case normed
    }

    /// Every family rtedit knows.
    public static let all: [Architecture] = [.llama]

    /// The family a GGUF file names, or nil.
    public static func named(_ name: String) -> Architecture? { all.first { $0.name == name } }

    /// The family a `config.json` names, or nil.
    public static func huggingFace(modelType: String) -> Architecture? {
        all.first { $0.huggingFaceModelType == modelType }
    }

    /// How rotary embedding pairs the dimensions of a head in a file of this format.
    ///
    /// llama.cpp stores the query and key rows of some families permuted, so that pairs lie side by side.
    public func ropePairing(in format: Checkpoint.Format) -> RopePairing {
        let permutes = weights.contains {
            if case .rotaryRows = $0.transform { true } else { false }
        }
        return permutes && format == .gguf ? .interleaved : .halves
    }

    /// The rule for a slot, or nil where the family has no such weight.
    public func rule(for slot: WeightRole.Slot) -> WeightRule? {
        weights.first { $0.place.matches(slot) }
    }

    /// The role of the tensor a file of this format calls `name`, or nil.
    public func role(of name: String, in format: Checkpoint.Format) -> WeightRole? {
        for rule in weights {
            if let role = rule.role(of: name, in: format) { return role }
        }
        return nil
    }

    /// The order in which a file of one format takes the rows that a file of another holds.
    func rowOrder(
        of role: WeightRole, from source: Checkpoint.Format, to output: Checkpoint.Format,
        headSize: Int
    ) -> TensorContent.RowOrder {
        guard source != output, case .rotaryRows = rule(for: role.slot)?.transform else {
            return .same
        }
        return output == .gguf
            ? .interleavingHeads(headSize: headSize) : .splittingHeads(headSize: headSize)
    }

    /// What a file of this format calls a weight, or nil where that format has no such weight.
    public func name(of role: WeightRole, in format: Checkpoint.Format) -> String? {
        rule(for: role.slot)?.name(of: role, in: format)
    }
}

/// How rotary position embedding pairs the dimensions of a head of width D.
public enum RopePairing: Sendable, Hashable {
    /// (0, 1), (2, 3) …
    case interleaved
    /// (0, D/2), (1, D/2 + 1) …
    case halves
}
