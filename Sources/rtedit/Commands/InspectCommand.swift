import Formats
import Transformer
import Tuning

/// `rtedit inspect`
struct InspectCommand: Command {
    static let model = Positional(
        "MODEL",
        "A GGUF file, a safetensors file or a Hugging Face folder; also a steering vector, a scaling, a patch, "
            + "a low-rank adapter or an importance matrix.")
    static let tensors = Option.flag("tensors", "List every tensor.")
    static let digests = Option.flag(
        "digests", "With --tensors: the SHA-256 of every tensor's bytes.")
    static let metadata = Option.flag("metadata", "List the metadata.")
    static let check = Option.flag(
        "check",
        "Read all data: NaN, infinities, zero tensors and zero tails; exit code 1 where values are not finite."
    )

    let name = "inspect"
    let summary =
        "Show what a model, a vector, a scaling, a patch, an adapter or an importance matrix is, and its uses."
    let details = """
        A file is what its content says, whatever its name ends in. A bake is promised where the output was planned: into a \
        format of which nothing would be refused. Exit code 3 where the model's numbers are impossible or contradict its \
        tensors, after all that can be said of it; the other commands refuse it.
        """
    let positionals = [Self.model]
    let options = [Self.tensors, Self.digests, Self.metadata, Self.check]
    let examples = [
        Example("An overview:", "rtedit inspect model.gguf"),
        Example("Everything, as JSON:", "rtedit inspect model.gguf --tensors --metadata --json"),
        Example("What a vector was made from:", "rtedit inspect mood.gguf"),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let path = try arguments.text(Self.model)
        switch try CheckpointContent.of(path) {
        case .model where FileContent.of(path) == nil && Self.isImportance(path),
            .importanceMatrix:
            return try inspectImportance(path, arguments, console)
        case .model: return try inspectModel(path, arguments, console)
        case .steeringVector:
            let view = try VectorView(path)
            view.show(on: console)
            let uses = FileUses.ofVector(path, runsInLlamaCpp: view.runsInLlamaCpp)
            uses.show(on: console)
            let stored = try StoredVector(path)
            if stored.isNumPy {
                for option in options where arguments.has(option) {
                    console.note("\(option.flagText) says nothing about arrays of NumPy")
                }
            }
            return try finish(
                view.json.adding(uses.member), stored.tensors.map { WeightTensor($0) },
                stored.settings, arguments,
                console)
        case .scaling:
            let view = ScalingFileView(try ScalingFile.read(path))
            view.show(on: console)
            let uses = FileUses.ofScaling(path)
            uses.show(on: console)
            let file = try SafetensorsFile(path: path)
            let texts = file.metadata.map { JSONObject.Member($0.key, .string($0.value)) }
            return try finish(
                view.json.adding(uses.member), file.tensors.map { WeightTensor($0) },
                .config(JSONObject(texts)),
                arguments, console)
        case .adapter:
            let summary = try AdapterSummary(path: path)
            let view = AdapterView(summary)
            view.show(on: console)
            let uses = FileUses.ofAdapter(path)
            uses.show(on: console)
            return try finish(
                view.json.adding(uses.member), summary.tensors.map { WeightTensor($0) },
                summary.settings, arguments,
                console)
        case .patch:
            for option in options where arguments.has(option) {
                console.note(
                    "\(option.flagText) says nothing about a patch, whose parts are all listed")
            }
            let view = PatchView(try PatchFile(path: path))
            view.show(on: console)
            let uses = FileUses.ofPatch(path)
            uses.show(on: console)
            console.report(view.json.adding(uses.member))
            return .done
        }
    }

    /// Whether a file that begins like nothing known is one of the older layout of llama.cpp's matrices.
    private static func isImportance(_ path: String) -> Bool {
        !Folder.exists(path) && (try? ImportanceMatrix(contentsOf: path)) != nil
    }

    private func inspectImportance(
        _ path: String, _ arguments: ParsedArguments, _ console: Console
    ) throws -> ExitCode {
        for option in options where arguments.has(option) {
            console.note("\(option.flagText) says nothing about an importance matrix")
        }
        let matrix = try ImportanceMatrix(contentsOf: path)
        console.print("format        importance matrix of llama.cpp")
        var report = ImportanceView(console: console).show(matrix)
        report["output"] = nil
        for text in matrix.datasets { console.print("text          \(text)") }
        let uses = FileUses.ofImportance(path)
        uses.show(on: console)
        console.report(
            JSONObject([.init("kind", .string("importance matrix"))] + report.members)
                .adding(uses.member))
        return .done
    }

    private func inspectModel(
        _ path: String, _ arguments: ParsedArguments, _ console: Console
    ) throws -> ExitCode {
        let session = try ModelSession(
            path, arguments, console, refusesContradictions: false)
        let checkpoint = session.checkpoint
        let facts = ModelFacts(checkpoint)
        let width = facts.lines.map(\.name.count).max() ?? 0
        for (name, value) in facts.lines {
            console.print("\(name.padded(to: max(14, width + 2)))\(value)")
        }
        let settings: AdapterSummary.Settings =
            switch checkpoint.source {
            case .gguf(let gguf): .metadata(gguf.metadata)
            case .huggingFace(let files): .config(files.config ?? JSONObject())
            }
        let code = try finish(facts.json, checkpoint.tensors, settings, arguments, console)
        guard let contradiction = facts.contradiction else { return code }
        // The report has it too, as its problem: not thrown, it stays the only object.
        console.error(contradiction.description)
        return ExitCode(contradiction.kind)
    }

    /// Shows what the options ask for beside the overview, and reports both.
    private func finish(
        _ overview: JSONObject, _ tensors: [WeightTensor],
        _ settings: AdapterSummary.Settings, _ arguments: ParsedArguments, _ console: Console
    ) throws -> ExitCode {
        var report = overview
        let crew = try WorkCrew(threads: arguments.threads)
        if arguments.has(Self.metadata) {
            report["metadata"] = .object(showMetadata(settings, console))
        }
        if arguments.has(Self.tensors) {
            let digests = arguments.has(Self.digests) ? crew.digests(of: tensors) : []
            report["tensors"] = .array(showTensors(tensors, digests: digests, console))
        }
        var isFinite = true
        if arguments.has(Self.check) {
            let total = tensors.reduce(0) { $0 + $1.byteCount }
            let progress = console.progress("checking", total: total, unit: .bytes)
            let check = TensorCheck(tensors, crew: crew) { progress.advance(by: $0) }
            progress.finish()
            isFinite = check.isFinite
            report["check"] = .object(show(check, console))
        }
        console.report(report)
        return isFinite ? .done : .checkFailed
    }

    /// - Parameter digests: of the tensors' bytes in their order, or none.
    private func showTensors(
        _ tensors: [WeightTensor], digests: [String], _ console: Console
    ) -> [JSONValue] {
        var table = Table(
            [.left("tensor"), .left("type"), .left("shape"), .right("bytes"), .left("role")]
                + (digests.isEmpty ? [] : [.left("sha256")]))
        var objects: [JSONValue] = []
        for (index, tensor) in tensors.enumerated() {
            let digest = digests.isEmpty ? nil : digests[index]
            table.add(
                [
                    tensor.name, tensor.storageName,
                    tensor.shape.map(String.init).joined(separator: "x"),
                    "\(tensor.byteCount)", tensor.role?.description ?? "",
                ] + (digest.map { [$0] } ?? []))
            objects.append(
                .object(
                    JSONObject(
                        [
                            .init("name", .string(tensor.name)),
                            .init("type", .string(tensor.storageName)),
                            .init("shape", .array(tensor.shape.map { .integer($0) })),
                            .init(
                                "offset", .integer(tensor.parts.first?.bytes.range.lowerBound ?? 0)),
                            .init("bytes", .integer(tensor.byteCount)),
                            .init("role", tensor.role.map { .string($0.description) } ?? .null),
                        ] + (tensor.packed == nil ? [] : [parts(of: tensor)])
                            + (digest.map { [.init("sha256", .string($0))] } ?? []))))
        }
        console.print()
        console.print(table)
        return objects
    }

    /// The names of the tensors that a packed weight is made of.
    private func parts(of tensor: WeightTensor) -> JSONObject.Member {
        .init("parts", .array(tensor.parts.map { .string($0.name) }))
    }

    private func showMetadata(
        _ settings: AdapterSummary.Settings, _ console: Console
    ) -> JSONObject {
        let members: [(member: JSONObject.Member, text: String)] =
            switch settings {
            case .metadata(let metadata):
                metadata.entries.map {
                    (.init($0.key, $0.value.json), MetadataView.text($0.value))
                }
            case .config(let config): config.members.map { ($0, MetadataView.text($0.value)) }
            }
        console.print()
        for (member, text) in members {
            console.print("\(member.key) = \(text.clipped(to: 200))")
        }
        return JSONObject(members.map(\.member))
    }

    private func show(_ check: TensorCheck, _ console: Console) -> JSONObject {
        console.print()
        for finding in check.findings {
            var words: [String] = []
            if finding.nanCount > 0 { words.append("\(finding.nanCount) NaN") }
            if finding.infinityCount > 0 { words.append("\(finding.infinityCount) infinite") }
            if finding.isZero { words.append("all zero") }
            if finding.zeroTailRows > 0 {
                words.append("\(finding.zeroTailRows) zero rows at the end")
            }
            console.print("\(finding.tensor): \(words.joined(separator: ", "))")
        }
        if !check.skipped.isEmpty {
            console.print(
                "not looked at, their types cannot be read: \(check.skipped.count) tensors")
        }
        if check.findings.isEmpty {
            console.print("check: nothing odd in any tensor", style: .good)
        }
        return JSONObject([
            .init("finite", .bool(check.isFinite)), .init("skipped", .integer(check.skipped.count)),
            .init(
                "findings",
                .array(
                    check.findings.map { finding in
                        .object(
                            JSONObject([
                                .init("tensor", .string(finding.tensor)),
                                .init("nan", .integer(finding.nanCount)),
                                .init("infinite", .integer(finding.infinityCount)),
                                .init("zero", .bool(finding.isZero)),
                                .init("zero_tail_rows", .integer(finding.zeroTailRows)),
                            ]))
                    })),
        ])
    }
}

extension JSONObject {
    /// The object with one more member.
    fileprivate func adding(_ member: Member) -> JSONObject { JSONObject(members + [member]) }
}

extension WorkCrew {
    /// The SHA-256 of every tensor's bytes, those of a packed weight's parts one after the other, the threads a tensor each.
    fileprivate func digests(of tensors: [WeightTensor]) -> [String] {
        map(tensors.count) { index in
            var hash = SHA256()
            for part in tensors[index].parts { part.bytes.withUnsafeBytes { hash.update($0) } }
            tensors[index].releasePages()
            return hash.hexDigest()
        }
    }
}

/// What the file of a vector holds.
private struct StoredVector {
    /// None of a NumPy archive, whose arrays may be compressed.
    var tensors: [StoredTensor] = []
    var settings = AdapterSummary.Settings.config(JSONObject())
    var isNumPy = false

    init(_ path: String) throws {
        switch VectorFile.Format(ofContent: path) {
        case .gguf:
            let file = try GGUFFile.open(path)
            (tensors, settings) = (file.tensors, .metadata(file.metadata))
        case .safetensors:
            let file = try SafetensorsFile(path: path)
            tensors = file.tensors
            settings = .config(
                JSONObject(file.metadata.map { .init($0.key, .string($0.value)) }))
        case .numpy: isNumPy = true
        }
    }
}
