package import Formats

/// What a verification compared and found, so that others can repeat it: hashes of all files, the interventions, the
/// tokens, the settings, the machine, and every figure.
///
/// A file holds one JSON object with sorted keys. Its `digest` is the SHA-256 of the object without that key, written without
/// spaces: it shows that the file was changed by accident, and is no signature. Nothing in it depends on the time, on paths
/// or on the number of threads, but for that number itself.
package struct Certificate: Sendable, Equatable {
    static let schema = "rtedit.certificate"
    static let schemaVersion = 1

    /// What was compared.
    package struct Subject: Sendable, Equatable {
        package var base: CertifiedModel
        package var edited: CertifiedModel
        /// In the order of the call.
        package var vectors: [CertifiedVector]
        /// The prompts' file; nil for the built-in ones.
        package var promptFile: CertifiedFile?

        package init(
            base: CertifiedModel, edited: CertifiedModel, vectors: [CertifiedVector],
            promptFile: CertifiedFile?
        ) {
            self.base = base
            self.edited = edited
            self.vectors = vectors
            self.promptFile = promptFile
        }
    }

    package let subject: Subject
    package let interventions: [CertifiedIntervention]
    package let prompts: CertifiedPrompts
    package let settings: VerificationSettings
    package let machine: CertifiedMachine
    /// As `verify --json` prints them.
    package let figures: JSONObject

    package init(
        _ subject: Subject, interventions: [CertifiedIntervention], tokens: [[Int]],
        settings: VerificationSettings, machine: CertifiedMachine, figures: VerificationFigures
    ) {
        self.subject = subject
        self.interventions = interventions
        prompts = CertifiedPrompts(file: subject.promptFile, tokens: tokens)
        self.settings = settings
        self.machine = machine
        self.figures = figures.figures.json.object ?? JSONObject()
    }

    // MARK: - Writing

    private static let canonical = JSONWriter(.compact, sortsKeys: true, notFinite: .text)

    /// The SHA-256 of an object's members but `digest`, in canonical form.
    static func digest(of object: JSONObject) -> String {
        var object = object
        object["digest"] = nil
        var hash = SHA256()
        canonical.bytes(.object(object)).withUnsafeBytes { hash.update($0) }
        return hash.hexDigest()
    }

    private var json: JSONObject {
        JSONObject([
            .init("base", subject.base.json), .init("edited", subject.edited.json),
            .init("figures", .object(figures)),
            .init("interventions", .array(interventions.map(\.json))),
            .init("machine", machine.json), .init("prompts", prompts.json),
            .init("schema", .string(Self.schema)),
            .init("schema_version", .integer(Self.schemaVersion)),
            .init("settings", settings.json),
            .init("vectors", .array(subject.vectors.map(\.json))),
        ])
    }

    /// The file's bytes: the same certificate always gives the same.
    package var bytes: [UInt8] {
        var object = json
        object["digest"] = .string(Self.digest(of: object))
        let writer = JSONWriter(.indented, sortsKeys: true, notFinite: .text)
        return writer.bytes(.object(object)) + [UInt8(ascii: "\n")]
    }

    /// Writes the file.
    ///
    /// - Parameter replacing: whether an existing file is replaced.
    /// - Throws: `FileError` where it exists already or cannot be written.
    package func write(to path: String, replacing: Bool) throws(FileError) {
        let file = try AtomicFile(path: path, replacing: replacing)
        try file.append(bytes)
        try file.commit()
    }

    // MARK: - Reading

    /// Reads a file strictly.
    ///
    /// - Throws: `FileError` and `JSONError` where it cannot be read; `CertificateError` where it is something else, of
    ///   another version, was changed, or has a key that is not known or a value that is none.
    package static func read(_ path: String) throws -> Certificate {
        guard let object = try JSONReader.parse(MappedFile(path: path).bytes).object else {
            throw CertificateError.notACertificate(file: path, reason: "it is no JSON object")
        }
        guard object["schema"]?.string == schema else {
            throw CertificateError.notACertificate(
                file: path, reason: "its key 'schema' is not '\(schema)'")
        }
        var file = StrictObject(object, file: path)
        _ = try file.text("schema")
        let version = try file.integer("schema_version", in: 1...Int.max)
        guard version == schemaVersion else {
            throw CertificateError.otherVersion(file: path, version: version, known: schemaVersion)
        }
        let (stated, found) = (try file.digest("digest"), digest(of: object))
        guard stated == found else {
            throw CertificateError.wrongDigest(file: path, stated: stated, found: found)
        }
        let certificate = try Certificate(&file)
        var figures = StrictObject(certificate.figures, file: path, place: "figures")
        for name in VerificationFigures.names { try figures.pass(name) }
        try figures.end()
        return certificate
    }

    private init(_ file: inout StrictObject) throws(CertificateError) {
        var vectors: [CertifiedVector] = []
        for vector in try file.objects("vectors") { vectors.append(try CertifiedVector(vector)) }
        var interventions: [CertifiedIntervention] = []
        for intervention in try file.objects("interventions") {
            interventions.append(try CertifiedIntervention(intervention))
        }
        let prompts = try CertifiedPrompts(try file.object("prompts"))
        subject = Subject(
            base: try CertifiedModel(try file.object("base")),
            edited: try CertifiedModel(try file.object("edited")), vectors: vectors,
            promptFile: prompts.file)
        self.interventions = interventions
        self.prompts = prompts
        settings = try VerificationSettings(try file.object("settings"))
        machine = try CertifiedMachine(try file.object("machine"))
        figures = try file.members("figures")
        try file.end()
    }
}

// MARK: - Comparing

extension Certificate {
    /// Which files are not those of the certificate.
    package func differences(from found: Subject) -> [CertificateDifference] {
        let vectors = zip(subject.vectors, found.vectors).compactMap { certified, found in
            CertificateDifference.of("vector \(found.file.name)", certified.file, found.file)
        }
        let prompts = CertificateDifference.of(
            "prompts \((found.promptFile ?? subject.promptFile)?.name ?? "")", subject.promptFile,
            found.promptFile)
        return CertificateDifference.of("base", subject.base, found.base)
            + CertificateDifference.of("edited", subject.edited, found.edited) + vectors
            + (prompts.map { [$0] } ?? [])
    }

    /// What of the same files is taken otherwise: the interventions and the tokens that they give.
    package func differences(
        from interventions: [CertifiedIntervention], tokens: [[Int]]
    ) -> [CertificateDifference] {
        let found = CertifiedPrompts(file: prompts.file, tokens: tokens)
        var differences: [CertificateDifference] = []
        if found.tokensHash != prompts.tokensHash {
            differences.append(
                CertificateDifference(
                    what: "tokens of the prompts",
                    certified: "\(prompts.texts) texts, SHA-256 \(prompts.tokensHash)",
                    found: "\(found.texts) texts, SHA-256 \(found.tokensHash)"))
        }
        for index in 0..<max(self.interventions.count, interventions.count) {
            let old = index < self.interventions.count ? self.interventions[index] : nil
            let new = index < interventions.count ? interventions[index] : nil
            guard old != new else { continue }
            differences.append(
                CertificateDifference(
                    what: "intervention \(index + 1)", certified: old?.facts ?? "none",
                    found: new?.facts ?? "none"))
        }
        return differences
    }

    /// Which figures are not those of the certificate: where the same program computes with the same kernels they must have
    /// the same bits; elsewhere numbers may be as far off as another order of sums moves them.
    package func differences(
        from figures: VerificationFigures, on machine: CertifiedMachine
    ) -> [FigureDifference] {
        figures.figures.differences(
            from: .object(self.figures), exactly: machine.computesTheSame(as: self.machine))
    }
}
