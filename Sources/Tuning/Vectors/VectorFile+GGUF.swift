import Formats
import Transformer

/// Steering vectors as GGUF: what llama.cpp applies at the output of block N ≥ 1 is a tensor `direction.N`. Block 0, which
/// its loader refuses, and all blocks of other sites, which it would apply at the wrong place, are metadata arrays
/// `rtedit.direction.N`.
extension VectorFile {
    private enum Key {
        static let layerCount = "controlvector.layer_count"
        static let modelHint = "controlvector.model_hint"
    }

    // MARK: - Reading

    /// Reads a GGUF file of rtedit, repeng or llama.cpp.
    ///
    /// - Throws: `GGUFError` and `FileError` for a file that is no GGUF; `VectorError` for one that holds no vector,
    ///   tensors that are not one-dimensional f32 of one width, or values that are not finite.
    static func readGGUF(_ path: String, _ reading: Reading) throws -> SteeringVector {
        let file = try GGUFFile.open(path)
        let architecture = file.metadata["general.architecture"]?.text
        guard architecture == "controlvector" else {
            throw VectorError.notAVector(
                file: path,
                reason:
                    "general.architecture is '\(architecture ?? "missing")', not 'controlvector'")
        }
        guard reading.firstBlock == nil else { throw VectorError.blocksAreNamed(file: path) }
        // Files of rtedit number blocks in one way, and say who wrote them.
        if reading.convention == .generator, file.metadata[VectorKey.site] != nil {
            throw VectorError.otherConvention(file: path)
        }
        var directions: [Int: [Float]] = [:]
        for tensor in file.tensors {
            let block = try block(
                of: tensor.description, in: path, convention: reading.convention)
            guard directions[block] == nil else {
                throw VectorError.badTensor(
                    file: path, name: tensor.description.name,
                    reason: "names block \(block), which another tensor names too")
            }
            directions[block] = try tensor.values()
        }
        for entry in file.metadata.entries where entry.key.hasPrefix(VectorKey.direction) {
            guard let block = Int(entry.key.dropFirst(VectorKey.direction.count)), block >= 0,
                block < blockLimit, directions[block] == nil
            else {
                throw VectorError.badMetadata(
                    file: path, key: entry.key,
                    reason: "names no block, or one that a tensor names too")
            }
            guard let values = entry.value.array?.floats else {
                throw VectorError.badMetadata(file: path, key: entry.key, reason: "is no f32 array")
            }
            directions[block] = values
        }
        let text = try file.metadata[VectorKey.site].map { value throws(VectorError) in
            guard let text = value.text else {
                throw .badMetadata(file: path, key: VectorKey.site, reason: "is no string")
            }
            return text
        }
        let site = try site(text, key: VectorKey.site, reading, in: path)
        try check(directions, site: site, in: path)
        return SteeringVector(
            site: site, directions: directions,
            provenance: try provenance(file.metadata, in: path))
    }

    private static func block(
        of tensor: TensorDescription, in path: String, convention: Convention
    ) throws(VectorError) -> Int {
        let prefix = "direction."
        guard tensor.name.hasPrefix(prefix), let number = Int(tensor.name.dropFirst(prefix.count)),
            number >= 0, number < blockLimit
        else {
            throw .badTensor(file: path, name: tensor.name, reason: "is not named direction.N")
        }
        guard tensor.type == .f32, tensor.shape.count == 1 else {
            throw .badTensor(
                file: path, name: tensor.name,
                reason: "is \(tensor.type.name) of shape \(tensor.shape), not one-dimensional f32")
        }
        let block = convention == .generator ? number - 1 : number
        guard block >= 0, number >= 1 else {
            throw .badTensor(file: path, name: tensor.name, reason: "names block \(block)")
        }
        return block
    }

    private static func provenance(
        _ metadata: GGUFMetadata, in path: String
    ) throws(VectorError) -> SteeringVector.Provenance {
        let blocks = metadata[VectorKey.blocks]?.array?.integers ?? []
        func perBlock(_ key: String) throws(VectorError) -> [Int: Float] {
            guard let value = metadata[key] else { return [:] }
            guard let floats = value.array?.floats, floats.count == blocks.count,
                Set(blocks).count == blocks.count
            else {
                throw .badMetadata(
                    file: path, key: key,
                    reason: "is no f32 array of the \(blocks.count) blocks in \(VectorKey.blocks)")
            }
            return Dictionary(uniqueKeysWithValues: zip(blocks, floats))
        }
        func names(_ key: String) -> [String] {
            let names = metadata[key]?.array?.strings ?? ByteStringList()
            return names.indices.map { names.text($0) }
        }
        return SteeringVector.Provenance(
            modelHint: metadata[Key.modelHint]?.text ?? "",
            method: metadata[VectorKey.method]?.text, token: metadata[VectorKey.token]?.text,
            normalization: metadata[VectorKey.normalization]?.text,
            baseName: metadata[VectorKey.baseName]?.text,
            baseHash: metadata[VectorKey.baseHash]?.text,
            baseSample: try sample(metadata, in: path),
            pairCount: metadata[VectorKey.pairCount]?.integer,
            projectedOut: names(VectorKey.projectedOut), operations: names(VectorKey.operations),
            lengthLost: try perBlock(VectorKey.prefix + "length_lost"),
            signAgreement: try perBlock(VectorKey.prefix + "sign_agreement"),
            activationNorm: try perBlock(VectorKey.prefix + "activation_norm"))
    }

    private static func sample(
        _ metadata: GGUFMetadata, in path: String
    ) throws(VectorError) -> [Float] {
        guard let value = metadata[VectorKey.baseSample] else { return [] }
        guard let floats = value.array?.floats else {
            throw .badMetadata(file: path, key: VectorKey.baseSample, reason: "is no f32 array")
        }
        return floats
    }

    // MARK: - Writing

    /// Writes a GGUF file that llama.cpp's `--control-vector` accepts unchanged.
    ///
    /// - Throws: `FileError` where the file exists already or cannot be written.
    static func writeGGUF(_ vector: SteeringVector, to path: String, replacing: Bool) throws {
        let isTensor = { (block: Int) in vector.site == .residPost && block >= 1 }
        let tensors = vector.blocks.filter(isTensor).map { block in
            TensorFile.Tensor.floats("direction.\(block)", shape: [vector.width]) {
                vector.directions[block] ?? []
            }
        }
        let metadata = metadata(vector, arrays: vector.blocks.filter { !isTensor($0) })
        try TensorFile(tensors, metadata: metadata, path: path)
            .write(to: path, replacing: replacing)
    }

    /// Writes a GGUF file as llama.cpp's own generator does: block N's direction is `direction.(N+1)`, and nothing else is
    /// said of it.
    ///
    /// - Throws: `FileError` where the file exists already or cannot be written.
    static func writeAsGenerator(
        _ vector: SteeringVector, to path: String, replacing: Bool
    ) throws {
        let tensors = vector.blocks.map { block in
            TensorFile.Tensor.floats("direction.\(block + 1)", shape: [vector.width]) {
                vector.directions[block] ?? []
            }
        }
        let metadata = GGUFMetadata([
            .init("general.architecture", .string(ByteString("controlvector"))),
            .init(Key.modelHint, .string(ByteString(vector.provenance.modelHint))),
            .init(Key.layerCount, .i32(Int32(clamping: tensors.count))),
        ])
        try TensorFile(tensors, metadata: metadata, path: path)
            .write(to: path, replacing: replacing)
    }

    private static func metadata(_ vector: SteeringVector, arrays: [Int]) -> GGUFMetadata {
        let provenance = vector.provenance
        let blocks = vector.blocks
        var metadata = GGUFMetadata([
            .init("general.architecture", .string(ByteString("controlvector"))),
            .init(Key.modelHint, .string(ByteString(provenance.modelHint))),
            .init(Key.layerCount, .u32(UInt32(clamping: (blocks.last ?? 0) + 1))),
            .init(VectorKey.site, .string(ByteString(vector.site.rawValue))),
        ])
        let texts = [
            (VectorKey.method, provenance.method), (VectorKey.token, provenance.token),
            (VectorKey.normalization, provenance.normalization),
            (VectorKey.baseName, provenance.baseName),
            (VectorKey.baseHash, provenance.baseHash),
        ]
        for (key, text) in texts { metadata[key] = text.map { .string(ByteString($0)) } }
        if !provenance.baseSample.isEmpty {
            metadata[VectorKey.baseSample] = .array(.f32(provenance.baseSample))
        }
        metadata[VectorKey.pairCount] = provenance.pairCount.map { .u32(UInt32(clamping: $0)) }
        metadata[VectorKey.blocks] = .array(.u32(blocks.map { UInt32(clamping: $0) }))
        for (key, names) in [
            (VectorKey.projectedOut, provenance.projectedOut),
            (VectorKey.operations, provenance.operations),
        ] where !names.isEmpty {
            metadata[key] = .array(.strings(ByteStringList(names)))
        }
        for (key, values) in [
            (VectorKey.prefix + "length_lost", provenance.lengthLost),
            (VectorKey.prefix + "sign_agreement", provenance.signAgreement),
            (VectorKey.prefix + "activation_norm", provenance.activationNorm),
        ] where blocks.allSatisfy({ values[$0] != nil }) {
            metadata[key] = .array(.f32(blocks.map { values[$0] ?? 0 }))
        }
        for block in arrays {
            metadata[VectorKey.direction + String(block)] = vector.directions[block].map {
                .array(.f32($0))
            }
        }
        return metadata
    }
}
