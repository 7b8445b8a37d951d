import Foundation

/// An adapter: what it makes of some weights of a base checkpoint. Low-rank updates (LoRA, arXiv 2106.09685) are in memory.
package struct Adapter: Sendable {
    /// In the order of the base's tensors; rows of B in the base's order where they were read from a file.
    package var updates: [LowRankUpdate]
    /// Weights that are changed otherwise, in the order of the base's tensors; of an adapter that is written none.
    package var weights: [AdaptedWeight] = []
    /// The matrix of which the adapted model's head is made where the base's head is its embedding and the adapted
    /// model's is not; nil for all others.
    package var ownHead: WeightTensor?
    /// The rank that files name; single updates may have another.
    package var rank: Int
    /// What files call alpha: an update's scale is alpha / rank unless the update says otherwise.
    package var alpha: Float
    /// What the user should know about the files it was read from.
    package var notes: [String]

    package init(updates: [LowRankUpdate], rank: Int, alpha: Float, notes: [String] = []) {
        self.updates = updates
        self.rank = rank
        self.alpha = alpha
        self.notes = notes
    }

    /// The edits that merge the adapter into its base.
    ///
    /// - Parameters:
    ///   - strength: multiplies what is added to each weight: at 0 it is the base's, at 1 the adapted model's
    ///   - type: the type of the merged tensors; nil keeps each tensor's own
    package func edits(strength: Float = 1, type: ElementType? = nil) -> [CheckpointEdit] {
        let head = WeightRole(.output)
        var edits = updates.map { update in
            let update = update.with(scale: update.scale * strength)
            guard update.role == head, let ownHead else {
                return CheckpointEdit.add(update, type: type)
            }
            return .set(head, .plus(.stored(ownHead), update), type: type ?? ownHead.type)
        }
        edits += weights.map { weight in
            let isNewHead = weight.role == head && ownHead != nil
            return weight.edit(
                strength: strength, type: isNewHead ? type ?? ownHead?.type : type)
        }
        if let ownHead, !updates.contains(where: { $0.role == head }),
            !weights.contains(where: { $0.role == head })
        {
            edits.append(.set(head, .stored(ownHead), type: ownHead.type))
        }
        return edits
    }

    /// The file that holds the values of an adapter.
    ///
    /// - Parameter path: as for `read`
    package static func weightsFile(_ path: String) -> String {
        Folder.exists(path) ? PathParts.join(path, PEFTFolder.weightsName) : path
    }

    /// Reads a PEFT folder or a llama.cpp LoRA file.
    ///
    /// - Parameters:
    ///   - path: a folder, its `adapter_model.safetensors`, or a GGUF file
    ///   - checkpoint: the base; B's rows come out in the order of its format
    /// - Throws: `AdapterError` where the adapter does not belong to the base or asks for what is not supported;
    ///   `FileError`, `JSONError`, `SafetensorsError` and `GGUFError` where its files cannot be read;
    ///   `CheckpointError` where the base is not understood.
    package static func read(_ path: String, for checkpoint: Checkpoint) throws -> Adapter {
        // A base that cannot be used is the cause of what would not fit it.
        _ = try checkpoint.hyperparameters()
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        if exists, isFolder.boolValue {
            return try PEFTFolder(path: path).read(for: checkpoint)
        }
        switch FileContent(try MappedFile(path: path).bytes) {
        case .gguf: return try GGUFAdapterFile(path: path).read(for: checkpoint)
        case .safetensors: return try PEFTFolder(weights: path).read(for: checkpoint)
        case let content:
            throw AdapterError.notAnAdapter(
                path: path,
                reason: content.map { "it is \($0.words)" }
                    ?? "it begins neither like a GGUF nor like a safetensors file")
        }
    }

    /// Writes a llama.cpp LoRA file where the name ends in `.gguf`, else a PEFT folder. It appears when it is complete.
    ///
    /// - Parameters:
    ///   - checkpoint: the base
    ///   - baseName: what the files call the base
    ///   - replacing: whether an existing output is replaced
    /// - Throws: `AdapterError.doesNotFit` where an update is not one of the base's, `FileError` where the output
    ///   exists or cannot be written, `CheckpointError` where the base is not understood.
    package func write(
        to path: String, for checkpoint: Checkpoint, baseName: String?, replacing: Bool
    ) throws {
        if path.hasSuffix(".gguf") {
            try GGUFAdapterFile(path: path).write(
                self, for: checkpoint, baseName: baseName, replacing: replacing)
        } else {
            try PEFTFolder(path: path).write(
                self, for: checkpoint, baseName: baseName, replacing: replacing)
        }
    }
}
