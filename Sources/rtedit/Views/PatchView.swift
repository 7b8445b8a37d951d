import Formats

/// What a patch holds, as `delta inspect` shows it.
struct PatchView {
    private let patch: PatchFile

    init(_ patch: PatchFile) {
        self.patch = patch
    }

    func show(on console: Console) {
        let share = Double(patch.size) / Double(max(1, patch.targetByteCount))
        console.print(
            "\(patch.path): \(Quantity.bytes(patch.size)), \(Quantity.percent(share)) of the "
                + "\(Quantity.bytes(patch.targetByteCount)) it makes")
        console.print()
        var sources = Table([.left("of the base"), .right("bytes"), .left("SHA-256")])
        for source in patch.sources {
            sources.add(source.name, "\(source.byteCount)", "\(source.digest)…")
        }
        if !sources.rows.isEmpty {
            console.print(sources)
            console.print()
        }
        for file in patch.files {
            console.print("\(file.name): \(file.byteCount) bytes, SHA-256 \(file.sha256)")
            var table = Table([
                .left("part"), .left("coding"), .right("bytes"), .right("stored"),
            ])
            for part in file.parts {
                table.add(
                    part.name, part.coding, "\(part.byteCount)", "\(part.storedByteCount)")
            }
            console.print(table)
            console.print()
        }
        var totals = Table([.left("coding"), .right("parts"), .right("bytes"), .right("stored")])
        for total in patch.totals {
            totals.add(
                total.coding, "\(total.count)", "\(total.byteCount)", "\(total.storedByteCount)")
        }
        console.print(totals)
    }

    var json: JSONObject {
        JSONObject([
            .init("patch", .string(patch.path)), .init("kind", .string("patch")),
            .init("bytes", .integer(patch.size)),
            .init("target_bytes", .integer(patch.targetByteCount)),
            .init(
                "sources",
                .array(
                    patch.sources.map { source in
                        .object(
                            JSONObject([
                                .init("name", .string(source.name)),
                                .init("bytes", .integer(source.byteCount)),
                                .init("sha256_prefix", .string(source.digest)),
                            ]))
                    })),
            .init("files", .array(patch.files.map { .object(Self.json(of: $0)) })),
            .init(
                "totals",
                .array(
                    patch.totals.map { total in
                        .object(
                            JSONObject([
                                .init("coding", .string(total.coding)),
                                .init("parts", .integer(total.count)),
                                .init("bytes", .integer(total.byteCount)),
                                .init("stored", .integer(total.storedByteCount)),
                            ]))
                    })),
        ])
    }

    private static func json(of file: PatchFile.TargetFile) -> JSONObject {
        JSONObject([
            .init("name", .string(file.name)), .init("bytes", .integer(file.byteCount)),
            .init("sha256", .string(file.sha256)),
            .init(
                "parts",
                .array(
                    file.parts.map { part in
                        .object(
                            JSONObject([
                                .init("name", .string(part.name)),
                                .init("is_tensor", .bool(part.isTensor)),
                                .init("coding", .string(part.coding)),
                                .init("bytes", .integer(part.byteCount)),
                                .init("stored", .integer(part.storedByteCount)),
                            ]))
                    })),
        ])
    }
}
