import Formats
package import Transformer

/// Steering vectors on disk: GGUF files, safetensors files and NumPy archives, told apart by their content.
package enum VectorFile {
    /// Which block a file's `direction.N` belongs to.
    package enum Convention: String, Sendable, CaseIterable {
        /// Block N: llama.cpp's loader, repeng, rtedit.
        case llamaCpp = "llama.cpp"
        /// Block N − 1: llama.cpp's own generator, whose files its loader applies one block too late.
        case generator
    }

    /// What a caller knows of a file that the file may not say.
    package struct Reading: Sendable {
        package var convention = Convention.llamaCpp
        /// Where the vector acts; a file that says otherwise is refused.
        package var site: Site?
        /// The block of the first row of an array (blocks, hidden size); −1 for one that begins with the embeddings.
        package var firstBlock: Int?

        package init(
            convention: Convention = .llamaCpp, site: Site? = nil, firstBlock: Int? = nil
        ) {
            self.convention = convention
            self.site = site
            self.firstBlock = firstBlock
        }
    }

    /// A kind of file that is written.
    package enum Format: String, Sendable, CaseIterable {
        case gguf, safetensors
        case numpy = "npz"

        /// By the end of the file's name; GGUF where it ends in nothing known.
        package init(ofName path: String) {
            let end = path.split(separator: ".").last.map { $0.lowercased() }
            self = end.flatMap(Self.init(rawValue:)) ?? .gguf
        }

        /// By the file's first bytes; GGUF where they are nothing known.
        package init(ofContent path: String) {
            self =
                switch FileContent.of(path) {
                case .safetensors?: .safetensors
                case .zip?, .numpy?: .numpy
                default: .gguf
                }
        }
    }

    /// The largest block number a file may name.
    static let blockLimit = 100_000

    // MARK: - Reading

    /// Reads a vector file of rtedit, repeng, llama.cpp or Python.
    ///
    /// - Throws: what opening the file throws, by its format; `VectorError` for one that holds no vector, directions that
    ///   are not of one width, values that are not finite, and what the file does not say or says otherwise than the
    ///   caller.
    package static func read(_ path: String, _ reading: Reading) throws -> SteeringVector {
        switch Format(ofContent: path) {
        case .safetensors: try VectorArrays(SafetensorsFile(path: path)).vector(reading)
        case .numpy: try VectorArrays(NumPyFile(path: path)).vector(reading)
        case .gguf: try readGGUF(path, reading)
        }
    }

    /// Reads a vector file that says all itself, but for how it numbers blocks.
    ///
    /// - Throws: as `read(_:_:)`.
    package static func read(_ path: String, convention: Convention = .llamaCpp) throws
        -> SteeringVector
    {
        try read(path, Reading(convention: convention))
    }

    /// What a vector file says about the model it was found in.
    ///
    /// - Throws: as `read`.
    package static func base(_ path: String, convention: Convention = .llamaCpp) throws
        -> BaseIdentity
    {
        try read(path, convention: convention).provenance.base
    }

    /// The site that a file names or the caller does.
    static func site(
        _ text: String?, key: String, _ reading: Reading, in path: String
    ) throws(VectorError) -> Site {
        guard let text else { return reading.site ?? .residPost }
        guard let site = Site(rawValue: text) else {
            throw .badMetadata(
                file: path, key: key,
                reason: "is none of \(Site.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        if let asked = reading.site, asked != site {
            throw .otherSite(file: path, site: site, wanted: asked)
        }
        return site
    }

    static func check(
        _ directions: [Int: [Float]], site: Site, in path: String
    ) throws(VectorError) {
        guard let (first, direction) = directions.min(by: { $0.key < $1.key }) else {
            throw .notAVector(file: path, reason: "it has no direction of any block")
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
        if site == .embed, let block = directions.keys.sorted().last, block > 0 {
            throw .notAVector(
                file: path,
                reason: "it acts at the embedding, but has a direction of block \(block)")
        }
    }

    // MARK: - Writing

    /// Writes a vector in the format that the file's name ends in; the same vector gives the same bytes.
    ///
    /// - Parameters:
    ///   - convention: how blocks are numbered. A file in the generator's has nothing but directions: nothing would tell
    ///     that it is numbered so.
    ///   - replacing: whether an existing file is replaced.
    /// - Throws: `FileError` where the file exists already or cannot be written; `VectorError.notInConvention` where the
    ///   format has no such convention.
    package static func write(
        _ vector: SteeringVector, to path: String, convention: Convention = .llamaCpp,
        replacing: Bool
    ) throws {
        let format = Format(ofName: path)
        if convention == .generator {
            guard format == .gguf, vector.site == .residPost else {
                throw VectorError.notInConvention(file: path, site: vector.site)
            }
            return try writeAsGenerator(vector, to: path, replacing: replacing)
        }
        switch format {
        case .gguf: try writeGGUF(vector, to: path, replacing: replacing)
        case .safetensors:
            try VectorArrays(vector, path: path).writeSafetensors(replacing: replacing)
        case .numpy: try VectorArrays(vector, path: path).writeNumPy(replacing: replacing)
        }
    }

    /// What of a vector a file in a convention does not hold, in words.
    package static func lost(
        of vector: SteeringVector, in convention: Convention
    ) -> [String] {
        guard convention == .generator else { return [] }
        let provenance = vector.provenance
        let parts: [(String, Bool)] = [
            ("method", provenance.method != nil), ("token", provenance.token != nil),
            ("normalisation", provenance.normalization != nil),
            (
                "base model",
                provenance.baseName != nil || provenance.baseHash != nil
                    || !provenance.baseSample.isEmpty
            ),
            ("number of pairs", provenance.pairCount != nil),
            ("what was projected out", !provenance.projectedOut.isEmpty),
            ("what was done with it", !provenance.operations.isEmpty),
            ("sign agreement", !provenance.signAgreement.isEmpty),
            ("activation norm", !provenance.activationNorm.isEmpty),
            ("length lost", !provenance.lengthLost.isEmpty),
        ]
        return parts.filter(\.1).map(\.0)
    }
}
