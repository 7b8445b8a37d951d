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
    mutating func look(at tensor: WeightTensor) throws {
        guard tensor.form.shift != 0 else { return }
        let sums = try tensor.values()
        let stored = try tensor.storedValues()
        roundedValues += zip(sums, stored).count { $0 - tensor.form.shift != $1 }
    }

    /// Compares the model with the one that llama.cpp reads from the metadata.
    ///
    /// - Throws: `CheckpointError.cannotExpress` where it would compute something else on any text.
    mutating func compare(with metadata: GGUFMetadata) throws {
        differences += try Self.notes(
            of: numbers, in: metadata, architecture, file: source.path,
            lacksFeedForwardNorm: source.tensor(.block(0, .feedForwardNorm)) == nil)
    }

    /// What llama.cpp computes otherwise from metadata made of these numbers, to tell the user.
    ///
    /// - Throws: `CheckpointError.cannotExpress` where it would compute something else on any text.
    static func notes(
        of numbers: Hyperparameters, in metadata: GGUFMetadata, _ architecture: Architecture,
        file: String, lacksFeedForwardNorm: Bool
    ) throws -> [String] {
        let read: Hyperparameters
        do {
            read = try numbers.readBack(
                metadata, architecture, file: file, lacksFeedForwardNorm: lacksFeedForwardNorm)
        } catch CheckpointError.unsupportedFeature(_, let fact) {
            throw CheckpointError.cannotExpress(
                fact: "llama.cpp's '\(architecture.name)' cannot hold the model: \(fact)")
        }
        return try notes(numbers, read, architecture) { name, own, other in
            "llama.cpp's '\(architecture.name)' has no key for \(name): the model has "
                + "\(own), llama.cpp takes \(other)"
        }
    }

    /// What a folder made of a GGUF file computes otherwise, to tell the user.
    ///
    /// - Throws: `CheckpointError.cannotExpress` where it would compute something else on any text.
    static func notes(
        of numbers: Hyperparameters, in config: JSONObject, _ architecture: Architecture
    ) throws -> [String] {
        let read = try Hyperparameters(
            config: config, architecture: architecture, file: "config.json")
        return try notes(numbers, read, architecture) { name, own, other in
            "transformers' '\(architecture.huggingFaceModelType)' computes another \(name): "
                + "llama.cpp takes \(own) from the file, the folder has \(other)"
        }
    }

    private static func notes(
        _ numbers: Hyperparameters, _ read: Hyperparameters, _ architecture: Architecture,
        _ fact: (_ name: String, _ own: String, _ other: String) -> String
    ) throws(CheckpointError) -> [String] {
        var notes: [String] = []
        for part in architecture.numbers.flatMap(\.parts) {
            guard let (own, other) = part.difference(numbers, read) else { continue }
            guard part.mayDiffer(numbers, read) else {
                throw .cannotExpress(fact: fact(part.name, own, other))
            }
            notes.append(fact(part.name, own, other))
        }
        return notes
    }
}
