import Formats
import Transformer
import Tuning

/// `rtedit inspect`
struct InspectCommand: Command {
    static let model = Positional(
        "MODEL", "A GGUF file, a safetensors file or a Hugging Face folder.")
    static let tensors = Option.flag("tensors", "List every tensor.")
    static let digests = Option.flag(
        "digests", "With --tensors: the SHA-256 of every tensor's bytes.")
    static let metadata = Option.flag("metadata", "List the metadata.")
    static let check = Option.flag(
        "check",
        "Read all data: NaN, infinities, zero tensors and zero tails; exit code 1 where values are not finite."
    )

    let name = "inspect"
    let summary = "Show what a checkpoint is and how it can be edited."
    let positionals = [Self.model]
    let options = [Self.tensors, Self.digests, Self.metadata, Self.check]
    let examples = [
        Example("An overview:", "rtedit inspect model.gguf"),
        Example("Everything, as JSON:", "rtedit inspect model.gguf --tensors --metadata --json"),
    ]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let session = try ModelSession(arguments.text(Self.model), arguments, console)
        let checkpoint = session.checkpoint
        let facts = ModelFacts(checkpoint)
        for (name, value) in facts.lines { console.print("\(name.padded(to: 14))\(value)") }
        var report = facts.json
        if arguments.has(Self.metadata) {
            report["metadata"] = .object(showMetadata(checkpoint, console))
        }
        if arguments.has(Self.tensors) {
            let digests = arguments.has(Self.digests) ? session.digests() : []
            report["tensors"] = .array(showTensors(checkpoint, digests: digests, console))
        }
        var isFinite = true
        if arguments.has(Self.check) {
            let total = checkpoint.tensors.reduce(0) { $0 + $1.bytes.count }
            let progress = console.progress("checking", total: total, unit: .bytes)
            let check = TensorCheck(checkpoint, crew: session.crew) { progress.advance(by: $0) }
            progress.finish()
            isFinite = check.isFinite
            report["check"] = .object(show(check, console))
        }
        console.report(report)
        return isFinite ? .done : .checkFailed
    }

    /// - Parameter digests: of the tensors' bytes in their order, or none.
    private func showTensors(
        _ checkpoint: Checkpoint, digests: [String], _ console: Console
    ) -> [JSONValue] {
        var table = Table(
            [.left("tensor"), .left("type"), .left("shape"), .right("bytes"), .left("role")]
                + (digests.isEmpty ? [] : [.left("sha256")]))
        var objects: [JSONValue] = []
        for (index, tensor) in checkpoint.tensors.enumerated() {
            let digest = digests.isEmpty ? nil : digests[index]
            table.add(
                [
                    tensor.name, tensor.type.name,
                    tensor.shape.map(String.init).joined(separator: "x"),
                    "\(tensor.bytes.count)", tensor.role?.description ?? "",
                ] + (digest.map { [$0] } ?? []))
            objects.append(
                .object(
                    JSONObject(
                        [
                            .init("name", .string(tensor.name)),
                            .init("type", .string(tensor.type.name)),
                            .init("shape", .array(tensor.shape.map { .integer($0) })),
                            .init("offset", .integer(tensor.bytes.range.lowerBound)),
                            .init("bytes", .integer(tensor.bytes.count)),
                            .init("role", tensor.role.map { .string($0.description) } ?? .null),
                        ] + (digest.map { [.init("sha256", .string($0))] } ?? []))))
        }
        console.print()
        console.print(table)
        return objects
    }

    private func showMetadata(_ checkpoint: Checkpoint, _ console: Console) -> JSONObject {
        let members: [(member: JSONObject.Member, text: String)] =
            switch checkpoint.source {
            case .gguf(let gguf):
                gguf.metadata.entries.map {
                    (.init($0.key, $0.value.json), MetadataView.text($0.value))
                }
            case .huggingFace(let files):
                (files.config?.members ?? []).map { ($0, MetadataView.text($0.value)) }
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

extension ModelSession {
    /// The SHA-256 of every tensor's bytes, the crew's threads a tensor each.
    fileprivate func digests() -> [String] {
        let tensors = checkpoint.tensors
        return crew.map(tensors.count) { index in
            var hash = SHA256()
            tensors[index].bytes.withUnsafeBytes { hash.update($0) }
            tensors[index].releasePages()
            return hash.hexDigest()
        }
    }
}
