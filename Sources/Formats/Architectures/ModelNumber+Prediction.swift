/// Blocks that predict further tokens from the last block's output (multi-token prediction, arXiv 2404.19737). rtedit does not
/// run them: they go with the model where a file can hold them.
extension ModelNumber {
    static let predictionBlocks = ModelNumber("prediction blocks", loss: .told) { numbers in
        numbers.predictionBlocks == 0 ? "none" : "\(numbers.predictionBlocks)"
    }

    /// The number of blocks of a family whose GGUF files count such blocks too. What a `config.json` says of those is
    /// replaced by what the folder has of them.
    static func blocksBesidePredictors(_ format: ConfigFormat) -> ModelNumber {
        let (all, further) = ("block_count", "nextn_predict_layers")
        let member = "mtp_num_hidden_layers"
        var number = size("blocks", \.blockCount, format.blockCount, all)
        number.config = ConfigPlace(
            members: number.config.members + [member],
            read: { [read = number.config.read] keys, numbers in
                try read(keys, &numbers)
                numbers.predictionBlocks = try keys.count(member) ?? 0
            },
            write: { [write = number.config.write] numbers, config in
                write(numbers, &config)
                guard numbers.predictionBlocks > 0 else { return }
                config[member] = .integer(numbers.predictionBlocks)
            })
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
