/// Blocks that predict further tokens from the last block's output (multi-token prediction, arXiv 2404.19737). rtedit does not
/// run them: they go with the model where a file can hold them.
extension ModelNumber {
    static let predictionBlocks = ModelNumber("prediction blocks", loss: .told) { numbers in
        numbers.predictionBlocks == 0 ? "none" : "\(numbers.predictionBlocks)"
    }

    /// The number of blocks of a family whose GGUF files count such blocks too.
    static func blocksBesidePredictors(_ format: ConfigFormat) -> ModelNumber {
        let (all, further) = ("block_count", "nextn_predict_layers")
        var number = size("blocks", \.blockCount, format.blockCount, all)
        number.metadata = MetadataPlace(
            keys: [all, further],
            read: { keys, numbers in
                let total = try keys.required(all)
                numbers.predictionBlocks = try keys.count(further) ?? 0
                guard numbers.predictionBlocks < max(total, 1) else {
                    throw CheckpointError.contradiction(
                        file: keys.file,
                        fact: "\(keys.full(further)) is \(numbers.predictionBlocks) of "
                            + "\(keys.full(all)) \(total)")
                }
                numbers.blockCount = total - numbers.predictionBlocks
            },
            write: { numbers throws(CheckpointError) in
                [(all, .count(numbers.blockCount + numbers.predictionBlocks))]
                    + (numbers.predictionBlocks == 0
                        ? [] : [(further, .count(numbers.predictionBlocks))])
            })
        return number
    }
}

extension Architecture {
    /// Whether a tensor without a role belongs to blocks that predict further tokens.
    ///
    /// - Parameter model: the numbers, by which a GGUF file's blocks are told apart
    func isOfPredictors(_ name: String, in format: FileFormat, _ model: Hyperparameters?) -> Bool {
        guard format == .gguf else { return predictors.map(name.hasPrefix) ?? false }
        let start = "blk."
        guard let model, model.predictionBlocks > 0, name.hasPrefix(start),
            let block = Int(name.dropFirst(start.count).prefix { $0 != "." })
        else { return false }
        return block >= model.blockCount && block - model.blockCount < model.predictionBlocks
    }
}
