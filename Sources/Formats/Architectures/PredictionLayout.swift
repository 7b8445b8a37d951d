/// How a family's files keep blocks that predict further tokens (multi-token prediction, arXiv 2404.19737): blocks of attention
/// like the model's own, and before and after them a few weights more. A GGUF file counts them after the model's own blocks.
package struct PredictionLayout: Sendable {
    /// How the names of their tensors begin in a folder.
    let prefix: String
    /// How those of the model's own blocks begin in the family's rules.
    let ownLayers = "model.layers."
    /// What such a block has that no other one has: in a folder once, in a GGUF file in the block.
    let weights: [WeightRule]

    /// How the names of their blocks begin in a folder.
    var layers: String { prefix + "layers." }

    /// What a GGUF file's tensor is for that no other block has, or nil.
    func role(of name: String) -> WeightRole? {
        weights.lazy.compactMap { $0.role(of: name, in: .gguf) }.first
    }

    /// The layout of Qwen: the norms of the next token's embedding and of the model's output, what makes a block's input of
    /// both, and a norm before the model's head.
    static func qwen(_ norm: NormRule) -> PredictionLayout {
        func rule(
            _ slot: BlockSlot, _ huggingFace: String, _ gguf: String,
            _ shape: [WeightRule.Dimension] = [.hidden],
            presence: WeightRule.Presence = .required, transform: WeightRule.Transform
        ) -> WeightRule {
            WeightRule(
                .blocks(slot), huggingFace: "mtp.\(huggingFace)", gguf: "blk.#.nextn.\(gguf)",
                shape: shape, presence: presence, transform: transform)
        }
        return PredictionLayout(
            prefix: "mtp.",
            weights: [
                rule(
                    .predictionEmbeddingNorm, "pre_fc_norm_embedding", "enorm",
                    transform: norm.transform),
                rule(
                    .predictionStreamNorm, "pre_fc_norm_hidden", "hnorm",
                    transform: norm.transform),
                rule(.predictionInput, "fc", "eh_proj", [.hidden, .twiceHidden], transform: .none),
                rule(
                    .predictionNorm, "norm", "shared_head_norm", presence: .optional,
                    transform: norm.transform),
            ])
    }
}

extension WeightRule {
    /// The weight of a block, or nil where the rule is of none in blocks.
    fileprivate func role(inBlock block: Int) -> WeightRole? {
        guard case .blocks(let slot) = place else { return nil }
        return .block(block, slot)
    }
}

extension Architecture {
    /// Whether a tensor without a role belongs to blocks that predict further tokens.
    ///
    /// - Parameter model: the numbers, by which a GGUF file's blocks are told apart
    func isOfPredictors(_ name: String, in format: FileFormat, _ model: Hyperparameters?) -> Bool {
        guard format == .gguf else { return prediction.map { name.hasPrefix($0.prefix) } ?? false }
        let start = "blk."
        guard let model, model.predictionBlocks > 0, name.hasPrefix(start),
            let block = Int(name.dropFirst(start.count).prefix { $0 != "." })
        else { return false }
        return block >= model.blockCount && block - model.blockCount < model.predictionBlocks
    }

    /// What a tensor of blocks that predict further tokens is for: a weight of a block after the model's own; nil where
    /// such blocks have none of the name.
    func predictorRole(
        of name: String, in format: FileFormat, _ model: Hyperparameters
    ) -> WeightRole? {
        guard let prediction, isOfPredictors(name, in: format, model) else { return nil }
        guard format == .safetensors else {
            return role(of: name, in: format) ?? prediction.role(of: name)
        }
        guard name.hasPrefix(prediction.layers) else {
            return prediction.weights.lazy.compactMap { $0.role(inBlock: model.blockCount) }
                .first { folderName(of: $0, model) == name }
        }
        let rest = name.dropFirst(prediction.layers.count)
        let digits = rest.prefix { $0 != "." }
        guard let index = Int(digits), String(index) == digits, index >= 0,
            index < Hyperparameters.largestTable
        else { return nil }
        let own =
            prediction.ownLayers + String(model.blockCount + index) + rest.dropFirst(digits.count)
        return weights.lazy.compactMap { $0.role(of: own, in: format) }.first
    }

    /// What a folder of a model calls a weight, one of blocks that predict further tokens as well.
    func folderName(of role: WeightRole, _ model: Hyperparameters) -> String? {
        guard let prediction, let block = role.block, block >= model.blockCount,
            let name = rule(for: role.slot)?.name(of: role, in: .safetensors)
        else { return name(of: role, in: .safetensors) }
        let own = prediction.ownLayers + "\(block)."
        guard name.hasPrefix(own) else { return name }
        return prediction.layers + "\(block - model.blockCount)." + name.dropFirst(own.count)
    }
}
