import Formats

/// `rtedit hash`
struct HashCommand: Command {
    static let model = Positional(
        "MODEL", "A GGUF file (of a split model the first), a Hugging Face folder, or any one file."
    )
    static let tensors = Option.flag("tensors", "The hash of every tensor too.")
    static let noFiles = Option.flag("no-files", "No hashes of whole files.")
    static let check = Option.value(
        "check", "FILE",
        "Compare with a listing of this command, of sha256sum or of llama-gguf-hash; exit code 1 where they differ."
    )

    let name = "hash"
    let summary = "SHA-256 of a model's files, of its tensors, and of what they hold."
    let details = """
        Lines of files are those of sha256sum; lines of tensors those of llama-gguf-hash. 'weights' is a hash of \
        all tensors' names, types, shapes and bytes that does not depend on their order, on padding, on metadata or on \
        the number of files; 'metadata' one of a GGUF file's keys that does not depend on their order. docs/publishing.md \
        says how both are made.
        """
    let positionals = [Self.model]
    let options = [Self.tensors, Self.noFiles, Self.check]
    let examples = [
        Example("All files, and their contents:", "rtedit hash model.gguf"),
        Example("Tensor by tensor:", "rtedit hash model.gguf --tensors --no-files"),
        Example("Whether a download is what was published:", "rtedit hash m.gguf --check list"),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let listing = try arguments.textIfGiven(Self.check).map { try HashListing($0) }
        if listing != nil {
            for option in [Self.tensors, Self.noFiles] where arguments.has(option) {
                throw UsageError.conflict([Self.check.flagText, option.flagText])
            }
        }
        let target = try HashTarget(arguments.text(Self.model))
        let hashes = try Hashes(
            target, hasFiles: !arguments.has(Self.noFiles),
            hasData: listing?.hashes.contains { $0.subject == .data } ?? false,
            crew: WorkCrew(threads: arguments.threads), console)
        if let listing { return compare(hashes, with: listing, of: target.path, console) }
        let hasTensors = arguments.has(Self.tensors)
        for (subject, hash) in hashes.all {
            if case .tensor = subject, !hasTensors { continue }
            let (start, end) = subject.words(target.path, in: target.folder)
            console.print(start + hash + "  " + end)
        }
        console.report(hashes.json(of: target, hasTensors: hasTensors))
        return .done
    }

    private func compare(
        _ hashes: Hashes, with listing: HashListing, of path: String, _ console: Console
    ) -> ExitCode {
        let own = Dictionary(hashes.all.map { ($0.subject, $0.sha256) }) { first, _ in first }
        var failed: [String] = []
        for (subject, hash) in listing.hashes {
            let name = Self.name(of: subject, path)
            guard let found = own[subject] else {
                failed.append(name)
                console.print("\(name): not there", style: .bad)
                continue
            }
            guard found == hash.lowercased() else {
                failed.append(name)
                console.print("\(name): \(found), but \(hash) is listed", style: .bad)
                continue
            }
        }
        // A listing of tensors is one of all of them.
        let listed = Set(listing.hashes.map(\.subject))
        let hasTensors = listed.contains { if case .tensor = $0 { true } else { false } }
        for (subject, _) in hashes.all where hasTensors && !listed.contains(subject) {
            guard case .tensor = subject else { continue }
            let name = Self.name(of: subject, path)
            failed.append(name)
            console.print("\(name): not listed", style: .bad)
        }
        if listing.skipped > 0 {
            console.note("not compared: \(listing.skipped) lines of other hash functions")
        }
        if failed.isEmpty {
            console.print(
                "\(path): all \(listing.hashes.count) hashes are those listed", style: .good)
        }
        console.report(
            JSONObject([
                .init("model", .string(path)), .init("same", .bool(failed.isEmpty)),
                .init("compared", .integer(listing.hashes.count)),
                .init("skipped", .integer(listing.skipped)),
                .init("failed", .array(failed.map { .string($0) })),
            ]))
        return failed.isEmpty ? .done : .checkFailed
    }

    private static func name(of subject: HashListing.Subject, _ path: String) -> String {
        switch subject {
        case .file(let name): name
        case .tensor(let name): "tensor '\(name)'"
        case .weights: "\(path), weights"
        case .metadata: "\(path), metadata"
        case .data: "\(path), the bytes of all tensors"
        }
    }
}

/// The hashes of a model.
private struct Hashes {
    private(set) var all: [(subject: HashListing.Subject, sha256: String)] = []
    private var content: ContentHash

    init(
        _ target: HashTarget, hasFiles: Bool, hasData: Bool, crew: WorkCrew, _ console: Console
    ) throws {
        let bytes = target.tensors.reduce(0) { $0 + $1.bytes.count }
        let files = hasFiles ? target.files : []
        let progress = console.progress(
            "hashing", total: bytes + files.reduce(0) { $0 + $1.file.size }, unit: .bytes)
        let hashes = crew.map(files.count) { index in
            files[index].file.sha256 { progress.advance(by: $0) }
        }
        all = zip(files, hashes).map { (.file($0.name), $1) }
        content = ContentHash(target.tensors, crew: crew) { progress.advance(by: $0) }
        if !target.tensors.isEmpty { all.append((.weights, content.weights)) }
        if let metadata = target.metadata {
            all.append((.metadata, try ContentHash.metadata(metadata, file: target.path)))
        }
        if hasData { all.append((.data, ContentHash.data(target.tensors))) }
        all += content.tensors.map { (.tensor($0.description.name), $0.sha256) }
        progress.finish()
    }

    func json(of target: HashTarget, hasTensors: Bool) -> JSONObject {
        func hash(_ subject: HashListing.Subject) -> JSONValue {
            all.first { $0.subject == subject }.map { .string($0.sha256) } ?? .null
        }
        var object = JSONObject([
            .init("model", .string(target.path)),
            .init(
                "files",
                .array(
                    target.files.filter { hash(.file($0.name)) != .null }.map { file in
                        .object(
                            JSONObject([
                                .init("name", .string(file.name)),
                                .init("bytes", .integer(file.file.size)),
                                .init("sha256", hash(.file(file.name))),
                            ]))
                    })),
            .init("weights", hash(.weights)), .init("metadata", hash(.metadata)),
        ])
        if hasTensors {
            object["tensors"] = .array(
                content.tensors.map { tensor in
                    .object(
                        JSONObject([
                            .init("name", .string(tensor.description.name)),
                            .init("type", .string(tensor.description.type.name)),
                            .init("shape", .array(tensor.description.shape.map { .integer($0) })),
                            .init("bytes", .integer(tensor.byteCount)),
                            .init("sha256", .string(tensor.sha256)),
                        ]))
                })
        }
        return object
    }
}
