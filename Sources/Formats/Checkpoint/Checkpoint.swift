import Foundation
import Synchronization

/// A language model on disk, whatever its format: tensors with their roles, numbers, tokenizer. Lazy: the files
/// are mapped, and nothing but metadata is read before it is asked for.
///
/// ```swift
/// let model = try Checkpoint.open("model.gguf")
/// let query = model.tensor(.block(0, .attentionQuery))
/// ```
package final class Checkpoint: Sendable {
    /// The files behind a checkpoint.
    package enum Source: Sendable {
        case gguf(GGUFFile)
        case huggingFace(HuggingFaceFiles)
    }

    /// The path as the user gave it.
    package let path: String
    package let source: Source
    /// Every weight in the order of the file or files, and what else they hold; the tensors that a packed weight is made
    /// of are parts of it, and those of all experts of a folder's block stand one by one.
    package let tensors: [WeightTensor]
    /// The model family, or nil where rtedit has no description of it.
    package let architecture: Architecture?
    /// What the file calls its family, or nil where it does not say.
    package let architectureName: String?
    /// What is odd about the files themselves but harmless.
    let fileWarnings: [String]
    /// How the weights are quantised; nil where each is one tensor's elements, as in GGUF files always.
    package let quantization: StoredQuantization?
    /// Where the configuration of a quantised folder names the layers that are not packed; nil where it cannot.
    let skipList: SkipList?
    /// What of blocks that predict further tokens files of the other format can have.
    let prediction: PredictionBlocks
    private let places: [WeightRole: Int]
    /// What the files say of the model's numbers, not yet held against the tensors.
    let statedNumbers: Result<Hyperparameters, any Error>
    let headCache = Mutex<OutputHead?>(nil)
    /// The SHA-256 of the weights once it has been computed.
    let knownHash = Mutex<String?>(nil)

    package var format: FileFormat { if case .gguf = source { .gguf } else { .safetensors } }

    /// Opens a GGUF file (the first of a split one), a safetensors file, a `.safetensors.index.json`, or a Hugging Face
    /// folder. A file is opened as what it is, whatever its name ends in.
    ///
    /// - Throws: `FileError`, `GGUFError`, `SafetensorsError` or `JSONError` for a file that cannot be read or is
    ///   malformed, `CheckpointError.notAModel` for anything else.
    package static func open(_ path: String) throws -> Checkpoint {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        return try FileSetReading.whole(path, isFolder: exists && isFolder.boolValue) {
            try open(path, isFolder: exists && isFolder.boolValue)
        }
    }

    private static func open(_ path: String, isFolder: Bool) throws -> Checkpoint {
        if isFolder { return try Checkpoint(path: path, files: HuggingFaceFiles(folder: path)) }
        if path.hasSuffix(".index.json") {
            return try Checkpoint(path: path, files: HuggingFaceFiles(index: path))
        }
        let content = FileContent(try MappedFile(path: path).bytes)
        switch content {
        case .gguf: return try Checkpoint(path: path, model: GGUFFile.open(path))
        case .safetensors: return try Checkpoint(path: path, files: HuggingFaceFiles(weights: path))
        case let other?:
            throw CheckpointError.notAModel(path: path, reason: "it is \(other.words)")
        case nil: break
        }
        // What begins like nothing known: the reader of the named format says what is wrong with it.
        if path.hasSuffix(".gguf") { return try Checkpoint(path: path, model: GGUFFile.open(path)) }
        guard path.hasSuffix(".safetensors") else {
            throw CheckpointError.notAModel(
                path: path, reason: "it begins neither like a GGUF nor like a safetensors file")
        }
        return try Checkpoint(path: path, files: HuggingFaceFiles(weights: path))
    }

    private convenience init(path: String, model gguf: GGUFFile) throws {
        if let reason = GGUFContent(gguf.metadata).refusal {
            throw CheckpointError.notAModel(path: path, reason: reason)
        }
        try self.init(path: path, gguf: gguf)
    }

    private convenience init(path: String, gguf: GGUFFile) throws {
        let name = gguf.metadata["general.architecture"]?.text
        let family = name.flatMap { Architecture.named($0, metadata: gguf.metadata) }
        self.init(
            path: path, source: .gguf(gguf), architectureName: name, architecture: family,
            warnings: gguf.warnings,
            content: gguf.tensors.map { .plain(family?.inRows($0) ?? $0) }, quantization: nil,
            skipList: nil)
    }

    private convenience init(path: String, files: HuggingFaceFiles) throws {
        let name = files.config?["model_type"]?.string
        let family = files.architecture
        let content = FolderContent(files)
        self.init(
            path: path, source: .huggingFace(files), architectureName: name,
            architecture: family, warnings: files.warnings,
            content: content.weights.flatMap { family?.separated($0) ?? [$0] },
            quantization: content.quantization, skipList: content.skipList)
    }

    private init(
        path: String, source: Source, architectureName: String?, architecture: Architecture?,
        warnings: [String], content: [WeightStorage], quantization: StoredQuantization?,
        skipList: SkipList?
    ) {
        self.path = path
        self.source = source
        self.architectureName = architectureName
        self.architecture = architecture
        fileWarnings = warnings
        let format: FileFormat = if case .gguf = source { .gguf } else { .safetensors }
        let scales =
            if case .gguf(let gguf) = source { Self.scales(gguf.tensors, architecture) } else {
                [WeightRole: [Float]]()
            }
        func weight(
            _ bare: WeightTensor, _ role: WeightRole?, _ model: Hyperparameters?
        ) -> WeightTensor {
            guard let role, var form = architecture?.form(of: role, in: format, model) else {
                return bare
            }
            if !form.rows.isPermutation(ofRows: bare.shape.first ?? 0) { form.rows = .same }
            if !form.columns.isPermutation(ofRows: bare.shape.last ?? 0) { form.columns = .same }
            // Packed matrices have their outputs first in every family.
            if bare.packed != nil, role.slot.isOfExperts { form.isTransposed = false }
            let own = role.part == .weight ? scales[WeightRole(role.slot, .scale)] : nil
            return WeightTensor(bare.storage, role: role, form: form, scales: own)
        }
        func isOfPredictors(_ tensor: WeightTensor, _ model: Hyperparameters?) -> Bool {
            architecture?.isOfPredictors(tensor.name, in: format, model) ?? false
        }
        func tensors(_ model: Hyperparameters?) -> [WeightTensor] {
            content.map { content in
                let bare = WeightTensor(content)
                guard !isOfPredictors(bare, model) else { return bare }
                return weight(bare, architecture?.role(of: bare.name, in: format), model)
            }
        }
        let unordered = tensors(nil)
        var places: [WeightRole: Int] = [:]
        for (index, tensor) in unordered.enumerated() {
            if let role = tensor.role { places[role] = index }
        }
        self.places = places
        let stated = Result {
            guard let architecture else {
                throw CheckpointError.unsupportedArchitecture(
                    file: path, name: architectureName ?? "")
            }
            return try Self.statedNumbers(of: architecture, source, path) { role in
                places[role].map { unordered[$0] }
            }
        }
        let model = try? stated.get()
        self.tensors = model == nil ? unordered : tensors(model)
        let prediction =
            if let architecture, let model {
                PredictionBlocks(
                    self.tensors.filter { isOfPredictors($0, model) }.map { tensor in
                        let role = architecture.predictorRole(of: tensor.name, in: format, model)
                        return weight(tensor, role, model)
                    }, in: format, of: architecture, model)
            } else { PredictionBlocks.none }
        self.prediction = prediction
        statedNumbers = stated.map { numbers in
            var numbers = numbers
            if format == .safetensors { numbers.predictionBlocks = prediction.count }
            return numbers
        }
        self.skipList = skipList
        self.quantization =
            switch source {
            case .gguf: nil
            case .huggingFace(let files):
                quantization
                    ?? StoredQuantization(
                        tensors: self.tensors, metadata: files.shards.flatMap(\.file.metadata))
            }
    }

    /// What people call the model: `general.name` of a GGUF file or else its file's name; of a folder the name in its
    /// `rtedit.json` or its own.
    package var name: String {
        switch source {
        case .gguf(let gguf):
            if let name = gguf.metadata["general.name"]?.text, !name.isEmpty { return name }
            return PathParts(path).name
        case .huggingFace(let files):
            if let name = (try? files.history())?.name { return name }
            return PathParts.name(ofFolder: files.folder) ?? "model"
        }
    }

    /// The tensor with this role, or nil. An expert's matrix is found where it has a tensor of its own and where it is
    /// a part of one.
    package func tensor(_ role: WeightRole) -> WeightTensor? {
        if let place = places[role] { return tensors[place] }
        guard let expert = role.expert, let all = places[WeightRole(role.slot, role.part)] else {
            return nil
        }
        return tensors[all].matrix(ofExpert: expert)
    }

    /// The architecture, for work that cannot do without.
    ///
    /// - Throws: `CheckpointError.unsupportedArchitecture`, or `.missingKey` where the files do not name one.
    package func requireArchitecture() throws(CheckpointError) -> Architecture {
        if let architecture { return architecture }
        if let architectureName {
            if let wrapper = wrapper(named: architectureName) { throw wrapper }
            throw .unsupportedArchitecture(file: path, name: architectureName)
        }
        switch source {
        case .gguf: throw .missingKey(file: path, key: "general.architecture")
        case .huggingFace(let files):
            guard files.config != nil else {
                throw .missingFile(
                    path: files.folder + "/config.json",
                    need: "it names the architecture of \(path)")
            }
            throw .missingKey(file: files.folder + "/config.json", key: "model_type")
        }
    }

    /// The numbers that shape the model, checked against every tensor that has a role.
    ///
    /// - Throws: `CheckpointError` where a number is missing or wrong, a required tensor is missing, a tensor's shape
    ///   contradicts the numbers, or the tensors are not the weights because they are quantised.
    package func hyperparameters() throws -> Hyperparameters {
        try requireValues()
        return try storedHyperparameters()
    }

    /// The same for a checkpoint whose weights may be quantised, if it keeps their names and shapes.
    ///
    /// - Throws: as `hyperparameters`.
    package func storedHyperparameters() throws -> Hyperparameters {
        let architecture = try requireArchitecture()
        let numbers = try statedNumbers.get()
        try check(architecture, numbers)
        if case .huggingFace(let files) = source { try checkFlags(architecture, numbers, files) }
        return numbers
    }

    /// The numbers as the files say them, not held against the tensors.
    ///
    /// - Parameter tensor: finds a tensor by its role.
    private static func statedNumbers(
        of architecture: Architecture, _ source: Source, _ path: String,
        tensor: (WeightRole) -> WeightTensor?
    ) throws -> Hyperparameters {
        let hasOwnHead = tensor(WeightRole(.output)) != nil
        switch source {
        case .gguf(let gguf):
            let role = WeightRole(.tokenEmbedding)
            guard let embedding = tensor(role) else {
                throw CheckpointError.missingTensor(
                    file: path, name: architecture.name(of: role, in: .gguf) ?? "embedding")
            }
            let keyed = (0..<Hyperparameters.largestTable).first {
                tensor(.block($0, .attentionNorm)) == nil
            }
            let divisors = RopeParameters.Divisors(
                frequencies: try tensor(WeightRole(.ropeFrequencies))?.values(),
                short: try tensor(WeightRole(.ropeFactorsShort))?.values(),
                long: try tensor(WeightRole(.ropeFactorsLong))?.values())
            return try Hyperparameters(
                metadata: gguf.metadata, architecture: architecture, file: path,
                tensors: Hyperparameters.TensorFacts(
                    vocabularySize: embedding.shape.first ?? 0,
                    tiesEmbeddings: !hasOwnHead, divisors: divisors,
                    lacksFeedForwardNorm: tensor(.block(0, .feedForwardNorm)) == nil,
                    blocksWithoutValues: Set(
                        (0..<(keyed ?? 0)).filter { block in
                            tensor(.block(block, .attentionKey)) != nil
                                && tensor(.block(block, .attentionValue)) == nil
                        })))
        case .huggingFace(let files):
            var numbers = try Hyperparameters(
                config: files.modelConfig ?? JSONObject(), architecture: architecture,
                file: files.modelConfigName)
            if hasOwnHead { numbers.tiesEmbeddings = false }
            return numbers
        }
    }

    /// How a file of this model lays a weight out, whether it has the weight or not; canonical where the family is not
    /// known.
    ///
    /// - Parameter other: the format of the file; nil for the checkpoint's own.
    package func form(of role: WeightRole, in other: FileFormat? = nil) -> StorageForm {
        architecture?.form(of: role, in: other ?? format, try? statedNumbers.get()) ?? .canonical
    }

    private func check(_ architecture: Architecture, _ numbers: Hyperparameters)
        throws(CheckpointError)
    {
        // Before anything is made for every block.
        guard numbers.blockCount <= tensors.count else {
            throw .contradiction(
                file: path,
                fact: "its numbers say \(numbers.blockCount) blocks, but it has only "
                    + "\(tensors.count) tensors")
        }
        if let last = tensors.compactMap(\.role?.block).max(), last >= numbers.blockCount {
            throw .contradiction(
                file: path,
                fact:
                    "it has tensors of block \(last), but its numbers say \(numbers.blockCount) blocks"
            )
        }
        let experts = numbers.experts?.count ?? 0
        if let last = tensors.compactMap(\.role?.expert).max(), last >= experts {
            throw .contradiction(
                file: path,
                fact: "it has tensors of expert \(last), but its numbers say \(experts) experts")
        }
        for rule in architecture.weights
        where rule.presence == .unlessParallel && numbers.isParallel {
            for role in rule.roles(in: numbers, part: .weight) {
                guard let extra = tensor(role) else { continue }
                throw .contradiction(
                    file: path,
                    fact: "its sub-layers are parallel, and those of the family have no tensor "
                        + "'\(extra.name)' then")
            }
        }
        for rule in architecture.weights where isRequired(rule, in: numbers) {
            let parts: [WeightRole.Part] = rule.bias == .always ? [.weight, .bias] : [.weight]
            for role in parts.flatMap({
                rule.roles(in: numbers, part: $0, format: format)
            }) where tensor(role) == nil {
                throw absence(
                    of: role, named: architecture.name(of: role, in: format),
                    blocks: numbers.blockCount)
            }
        }
        for tensor in tensors {
            guard let role = tensor.role, let rule = architecture.rule(for: role.slot) else {
                // llama.cpp refuses tensors that it does not load; transformers passes them over.
                guard
                    format == .safetensors || takesNoPart(tensor)
                        || architecture.isOfPredictors(tensor.name, in: format, numbers)
                else {
                    throw .unknownTensor(
                        file: path, name: tensor.name, architecture: architecture.name)
                }
                continue
            }
            if let block = role.block, !rule.stands(inBlock: block, of: numbers),
                !rule.isSpare(inBlock: block, of: numbers)
            {
                throw .contradiction(
                    file: path,
                    fact: "its numbers say that block \(block), which is of "
                        + "\(numbers.kind(ofBlock: block).mixer)\(numbers.expertsText(ofBlock: block)), "
                        + "has no tensor '\(tensor.name)'")
            }
            let canonical = rule.shape(of: role, in: numbers)
            let expected = tensor.form.shape(
                of: role.expert == nil ? canonical : Array(canonical.dropFirst()))
            guard tensor.shape == expected else {
                try requireValues()
                throw .wrongShape(
                    file: path, tensor: tensor.name, found: tensor.shape, expected: expected)
            }
            if !role.part.isOfValues { try check(scale: tensor, role, architecture) }
            if case .block(_, .deltaRate) = role.slot { try check(rate: tensor) }
        }
    }

    /// Refuses rates by which the states of a delta net would not fade: a GGUF file has −exp of what a folder has.
    private func check(rate tensor: WeightTensor) throws(CheckpointError) {
        guard format == .gguf, let values = try? tensor.values(),
            let index = values.firstIndex(where: { !($0 < 0 && $0.isFinite) })
        else { return }
        throw .contradiction(
            file: path,
            fact:
                "tensor '\(tensor.name)' holds the rate \(values[index]) at \(index), which is not below 0"
        )
    }

    private func isRequired(_ rule: WeightRule, in numbers: Hyperparameters) -> Bool {
        guard rule.hasName(in: format) else { return false }
        return switch rule.presence {
        case .required: true
        case .optional: false
        case .unlessTied: !numbers.tiesEmbeddings
        case .unlessTiedInHuggingFace: format == .gguf || !numbers.tiesEmbeddings
        case .unlessParallel: !numbers.isParallel
        }
    }

    /// Checks that the biases are those `config.json` announces: transformers drops others in silence, and makes up
    /// those that are missing.
    private func checkFlags(
        _ architecture: Architecture, _ numbers: Hyperparameters, _ files: HuggingFaceFiles
    ) throws(CheckpointError) {
        let keys = ConfigKeys(
            config: files.modelConfig ?? JSONObject(), file: files.modelConfigName)
        for rule in architecture.weights {
            guard let flag = rule.bias?.huggingFaceFlag else { continue }
            let isAnnounced = try keys.flag(flag) ?? rule.bias?.isDefault ?? false
            for role in rule.roles(in: numbers, part: .bias) {
                guard let name = architecture.name(of: role, in: .safetensors),
                    (tensor(role) != nil) != isAnnounced
                else { continue }
                throw .contradiction(
                    file: files.modelConfigName,
                    fact: isAnnounced
                        ? "'\(flag)' is true, but tensor '\(name)' is missing"
                        : "'\(flag)' is not true, so transformers would drop tensor '\(name)' in silence"
                )
            }
        }
    }

    /// The tokenizer, read from the GGUF metadata or from the folder's tokenizer files.
    ///
    /// - Throws: `TokenizerError` where there is none, it is malformed, or of a kind that is not supported.
    package func tokenizer() throws -> TokenizerDefinition {
        switch source {
        case .gguf(let gguf): try TokenizerDefinition(metadata: gguf.metadata, file: path)
        case .huggingFace(let files):
            try TokenizerDefinition.read(
                folder: files.folder, vocabularySize: files.modelConfig?["vocab_size"]?.integer)
        }
    }
}
