/// What the tensors of a Hugging Face folder are: weights by themselves, or parts of packed ones.
struct FolderContent {
    /// In the order of the files.
    let weights: [WeightStorage]
    /// What the folder says of how it is quantised; nil where it says nothing.
    let quantization: StoredQuantization?
    let skipList: SkipList?

    init(_ files: HuggingFaceFiles) {
        let tensors = files.shards.flatMap(\.file.tensors)
        let plain = tensors.map { WeightStorage.plain($0) }
        guard
            let declaration = QuantizationDeclaration(
                config: files.config, beside: files.quantizationFiles)
        else {
            (weights, quantization, skipList) = (plain, nil, nil)
            return
        }
        do throws(PackingProblem) {
            let folder = try PackedFolder(
                declaration, tensors: tensors, metadata: files.shards.flatMap(\.file.metadata))
            weights = folder.weights
            skipList = folder.scheme.skipList
            quantization = StoredQuantization(
                declaration, problem: nil, holdsPlainLayers: skipList != nil)
        } catch {
            (weights, skipList) = (plain, nil)
            quantization = StoredQuantization(
                declaration, problem: error, holdsPlainLayers: false)
        }
    }
}

extension Checkpoint {
    /// Whether a tensor without a role takes no part in what the model computes: tables that every runtime computes anew,
    /// and scales of what attention keeps of past tokens in fewer bits.
    package func takesNoPart(_ tensor: WeightTensor) -> Bool {
        Architecture.isRecomputed(tensor.name)
            || quantization != nil && PackedFolder.isCacheScale(tensor.name)
    }

    /// Whether the model does not compute with a weight of its family that the files hold all the same.
    package func isSpare(_ tensor: WeightTensor) -> Bool {
        guard let role = tensor.role, let block = role.block,
            let rule = architecture?.rule(for: role.slot),
            let numbers = try? storedHyperparameters()
        else { return false }
        return rule.isSpare(inBlock: block, of: numbers)
    }
}
