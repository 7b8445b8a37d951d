import Formats
import Transformer

/// The texts that were compared, by their tokens.
package struct CertifiedPrompts: Sendable, Hashable {
    /// The file they came from; nil for the built-in ones.
    package let file: CertifiedFile?
    package let texts: Int
    /// SHA-256 of the tokens as JSON without spaces: `[[1,5,9],[2,7]]`.
    package let tokensHash: String

    package init(file: CertifiedFile?, tokens: [[Int]]) {
        self.file = file
        texts = tokens.count
        let lists = JSONValue.array(tokens.map { .array($0.map { .integer($0) }) })
        var hash = SHA256()
        JSONWriter().bytes(lists).withUnsafeBytes { hash.update($0) }
        tokensHash = hash.hexDigest()
    }

    init(_ object: StrictObject) throws(CertificateError) {
        var object = object
        file = try object.objectIfAny("file").map { (file) throws(CertificateError) in
            try CertifiedFile(file)
        }
        texts = try object.integer("texts", in: 1...Int.max)
        tokensHash = try object.digest("tokens_sha256")
        try object.end()
    }

    var json: JSONValue {
        .object(
            JSONObject([
                .init("file", file?.json ?? .null), .init("texts", .integer(texts)),
                .init("tokens_sha256", .string(tokensHash)),
            ]))
    }
}

/// Everything else in a call of `verify` that has a say in its figures.
package struct VerificationSettings: Sendable, Hashable {
    /// Nil: derived.
    package var tolerance: Double?
    /// Nil: all.
    package var positions: Int?
    package var textLength: Int
    package var asChat: Bool
    /// The day that the chat template wrote, `2026-11-27`; nil where it wrote none.
    package var day: String?
    package var isEverywhere: Bool
    /// The blocks at whose sites directions are removed; nil where their files or `isEverywhere` say.
    package var ablationBlocks: [Int]?
    /// Whether directions are removed from what is written to the stream.
    package var isWritten: Bool
    package var convention: VectorFile.Convention

    package init(
        tolerance: Double?, positions: Int?, textLength: Int, asChat: Bool, day: String?,
        isEverywhere: Bool, ablationBlocks: [Int]?, isWritten: Bool,
        convention: VectorFile.Convention
    ) {
        self.tolerance = tolerance
        self.positions = positions
        self.textLength = textLength
        self.asChat = asChat
        self.day = day
        self.isEverywhere = isEverywhere
        self.ablationBlocks = ablationBlocks
        self.isWritten = isWritten
        self.convention = convention
    }

    init(_ object: StrictObject) throws(CertificateError) {
        var object = object
        tolerance = try object.numberIfAny("tolerance", in: 0...1)
        positions = try object.integerIfAny("positions", in: 1...10_000_000)
        textLength = try object.integer("max_tokens", in: 1...100_000)
        asChat = try object.flag("chat")
        day = try object.textIfAny("date", "a day such as 2026-11-27") { text in
            TemplateMoment(day: text).map(\.description)
        }
        isEverywhere = try object.flag("everywhere")
        ablationBlocks = try object.textIfAny("ablate_blocks", "a list of blocks") {
            BlockSet.parse($0)
        }
        isWritten = try object.flag("written")
        convention = try object.text("vector_convention", "a convention of vectors") {
            VectorFile.Convention(rawValue: $0)
        }
        try object.end()
    }

    var json: JSONValue {
        .object(
            JSONObject([
                .init("ablate_blocks", ablationBlocks.map { .string(BlockSet.text($0)) } ?? .null),
                .init("chat", .bool(asChat)), .init("date", day.map { .string($0) } ?? .null),
                .init("everywhere", .bool(isEverywhere)), .init("max_tokens", .integer(textLength)),
                .init("positions", positions.map { .integer($0) } ?? .null),
                .init("tolerance", tolerance.map { .number($0) } ?? .null),
                .init("vector_convention", .string(convention.rawValue)),
                .init("written", .bool(isWritten)),
            ]))
    }
}

/// The program and the machine that measured.
package struct CertifiedMachine: Sendable, Hashable {
    /// The version of rtedit.
    package let program: String
    /// The processor's name.
    package let processor: String
    /// OpenBLAS's kernels and version: "SkylakeX of OpenBLAS 0.3.21".
    package let kernels: String
    /// The library of elementary functions: "glibc 2.36".
    package let library: String
    package let threads: Int

    package init(program: String, processor: String, kernels: String, library: String, threads: Int)
    {
        self.program = program
        self.processor = processor
        self.kernels = kernels
        self.library = library
        self.threads = threads
    }

    init(_ object: StrictObject) throws(CertificateError) {
        var object = object
        program = try object.text("rtedit")
        processor = try object.text("processor")
        kernels = try object.text("kernels")
        library = try object.text("c_library")
        threads = try object.integer("threads", in: 1...1024)
        try object.end()
    }

    var json: JSONValue {
        .object(
            JSONObject([
                .init("c_library", .string(library)), .init("kernels", .string(kernels)),
                .init("processor", .string(processor)), .init("rtedit", .string(program)),
                .init("threads", .integer(threads)),
            ]))
    }

    /// Whether another one computes the same bits; the number of threads has no say, nor has the processor but by its
    /// kernels.
    package func computesTheSame(as other: CertifiedMachine) -> Bool {
        program == other.program && kernels == other.kernels && library == other.library
    }
}
