import Formats
import Transformer

/// Steering vectors on disk: a GGUF that llama.cpp's `--control-vector` accepts unchanged.
///
/// What llama.cpp applies at the output of block N ≥ 1 is a tensor `direction.N`. Block 0, which it refuses, and
/// all blocks of other sites, which it would apply at the wrong place, are metadata arrays `rtedit.direction.N`.
package enum VectorFile {
    /// Which block a file's `direction.N` belongs to.
    package enum Convention: String, Sendable, CaseIterable {
        /// Block N: llama.cpp's loader, repeng, rtedit.
        case llamaCpp = "llama.cpp"
        /// Block N − 1: llama.cpp's own generator, whose files its loader applies one block too late.
        case generator
    }

    private enum Key {
        static let layerCount = "controlvector.layer_count"
        static let modelHint = "controlvector.model_hint"
        static let site = "rtedit.site"
        static let method = "rtedit.method"
        static let token = "rtedit.token"
        static let normalization = "rtedit.normalize"
        static let baseName = "rtedit.base_name"
        static let baseHash = "rtedit.base_sha256"
        static let baseSample = "rtedit.base_sample"
        static let pairCount = "rtedit.pair_count"
        static let projectedOut = "rtedit.projected_out"
        static let lengthLost = "rtedit.length_lost"
        static let blocks = "rtedit.blocks"
        static let signAgreement = "rtedit.sign_agreement"
        static let activationNorm = "rtedit.activation_norm"
        static let direction = "rtedit.direction."
    }

    /// The largest block number a file may name.
    static let blockLimit = 100_000

    // MARK: - Reading

    /// Reads a vector file of rtedit, repeng or llama.cpp.
    ///
    /// - Throws: `GGUFError` and `FileError` for a file that is no GGUF; `VectorError` for one that holds no vector,
    ///   tensors that are not one-dimensional f32 of one width, or values that are not finite.
    package static func read(_ path: String, convention: Convention = .llamaCpp) throws
        -> SteeringVector
    {
        let file = try GGUFFile.open(path)
        let architecture = file.metadata["general.architecture"]?.text
        guard architecture == "controlvector" else {
            throw VectorError.notAVector(
                file: path,
                reason:
                    "general.architecture is '\(architecture ?? "missing")', not 'controlvector'")
        }
        var directions: [Int: [Float]] = [:]
        for tensor in file.tensors {
            let block = try block(of: tensor.description, in: path, convention: convention)
            guard directions[block] == nil else {
                throw VectorError.badTensor(
                    file: path, name: tensor.description.name,
                    reason: "names block \(block), which another tensor names too")
            }
            directions[block] = try tensor.values()
        }
        for entry in file.metadata.entries where entry.key.hasPrefix(Key.direction) {
            guard let block = Int(entry.key.dropFirst(Key.direction.count)), block >= 0,
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
        try check(directions, in: path)
        return SteeringVector(
            site: try site(file.metadata, in: path), directions: directions,
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

    private static func check(_ directions: [Int: [Float]], in path: String) throws(VectorError) {
        guard let (first, direction) = directions.min(by: { $0.key < $1.key }) else {
            throw .notAVector(file: path, reason: "it has no tensor direction.N")
        }
        for (block, values) in directions.sorted(by: { $0.key < $1.key }) {
            guard values.count == direction.count, !values.isEmpty else {
                throw .notAVector(
                    file: path,
                    reason:
                        "the direction of block \(block) is \(values.count) wide, that of block \(first) "
                        + "\(direction.count)")
            }
            if let index = values.firstIndex(where: { !$0.isFinite }) {
                throw .notFinite(file: path, block: block, index: index)
            }
        }
    }

    private static func site(_ metadata: GGUFMetadata, in path: String) throws(VectorError) -> Site
    {
        guard let value = metadata[Key.site] else { return .residPost }
        guard let site = value.text.flatMap(Site.init(rawValue:)) else {
            throw .badMetadata(
                file: path, key: Key.site,
                reason: "is none of \(Site.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return site
    }

    private static func provenance(
        _ metadata: GGUFMetadata, in path: String
    ) throws(VectorError) -> SteeringVector.Provenance {
        let blocks = metadata[Key.blocks]?.array?.integers ?? []
        func perBlock(_ key: String) throws(VectorError) -> [Int: Float] {
            guard let value = metadata[key] else { return [:] }
            guard let floats = value.array?.floats, floats.count == blocks.count,
                Set(blocks).count == blocks.count
            else {
                throw .badMetadata(
                    file: path, key: key,
                    reason: "is no f32 array of the \(blocks.count) blocks in \(Key.blocks)")
            }
            return Dictionary(uniqueKeysWithValues: zip(blocks, floats))
        }
        let names = metadata[Key.projectedOut]?.array?.strings ?? ByteStringList()
        let projectedOut = names.indices.map { names.text($0) }
        return SteeringVector.Provenance(
            modelHint: metadata[Key.modelHint]?.text ?? "",
            method: metadata[Key.method]?.text, token: metadata[Key.token]?.text,
            normalization: metadata[Key.normalization]?.text,
            baseName: metadata[Key.baseName]?.text, baseHash: metadata[Key.baseHash]?.text,
            baseSample: try sample(metadata, in: path),
            pairCount: metadata[Key.pairCount]?.integer,
            projectedOut: projectedOut, lengthLost: try perBlock(Key.lengthLost),
            signAgreement: try perBlock(Key.signAgreement),
            activationNorm: try perBlock(Key.activationNorm))
    }

    private static func sample(
        _ metadata: GGUFMetadata, in path: String
    ) throws(VectorError) -> [Float] {
        guard let value = metadata[Key.baseSample] else { return [] }
        guard let floats = value.array?.floats else {
            throw .badMetadata(file: path, key: Key.baseSample, reason: "is no f32 array")
        }
        return floats
    }

    /// What a vector file says about the model it was found in.
    ///
    /// - Throws: as `read`.
    package static func base(_ path: String) throws -> BaseIdentity {
        try provenance(GGUFFile.open(path).metadata, in: path).base
    }

    // MARK: - Writing

    /// Writes a vector; the same vector gives the same bytes.
    ///
    /// - Parameter replacing: whether an existing file is replaced.
    /// - Throws: `FileError` where the file exists already or cannot be written.
    package static func write(_ vector: SteeringVector, to path: String, replacing: Bool) throws {
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

    private static func metadata(_ vector: SteeringVector, arrays: [Int]) -> GGUFMetadata {
        let provenance = vector.provenance
        let blocks = vector.blocks
        var metadata = GGUFMetadata([
            .init("general.architecture", .string(ByteString("controlvector"))),
            .init(Key.modelHint, .string(ByteString(provenance.modelHint))),
            .init(Key.layerCount, .u32(UInt32(clamping: (blocks.last ?? 0) + 1))),
            .init(Key.site, .string(ByteString(vector.site.rawValue))),
        ])
        let texts = [
            (Key.method, provenance.method), (Key.token, provenance.token),
            (Key.normalization, provenance.normalization), (Key.baseName, provenance.baseName),
            (Key.baseHash, provenance.baseHash),
        ]
        for (key, text) in texts { metadata[key] = text.map { .string(ByteString($0)) } }
        if !provenance.baseSample.isEmpty {
            metadata[Key.baseSample] = .array(.f32(provenance.baseSample))
        }
        metadata[Key.pairCount] = provenance.pairCount.map { .u32(UInt32(clamping: $0)) }
        metadata[Key.blocks] = .array(.u32(blocks.map { UInt32(clamping: $0) }))
        if !provenance.projectedOut.isEmpty {
            metadata[Key.projectedOut] = .array(.strings(ByteStringList(provenance.projectedOut)))
        }
        for (key, values) in [
            (Key.lengthLost, provenance.lengthLost), (Key.signAgreement, provenance.signAgreement),
            (Key.activationNorm, provenance.activationNorm),
        ] where blocks.allSatisfy({ values[$0] != nil }) {
            metadata[key] = .array(.f32(blocks.map { values[$0] ?? 0 }))
        }
        for block in arrays {
            metadata[Key.direction + String(block)] = vector.directions[block].map {
                .array(.f32($0))
            }
        }
        return metadata
    }
}
