import Formats
import Foundation
import TestSupport
import Testing

/// Outputs hold byte for byte: conversions of every family both ways, bakes, merges and patches of each kind, as the
/// program writes them, against the digests in `digests.txt`.
///
/// A change that is meant to change outputs runs the suite with `RTEDIT_GOLDEN=write`, which writes the file anew, and
/// says in its commit which lines moved and why.
@Suite(.serialized) struct GoldenOutputTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// Names and digests of one kind of job, as they come.
    private final class Record {
        var lines: [(name: String, digest: String)] = []
    }

    /// Runs the program and notes what it wrote, or that it refused.
    private func run(_ record: Record, _ name: String, _ arguments: [String], output: String) throws
    {
        let run = try ProgramRun.rtedit(
            arguments + Self.plainly(arguments) + ["--quiet", "--threads", "2"])
        guard run.exitCode == 0 else {
            record.lines.append((name, "exit \(run.exitCode)"))
            return
        }
        record.lines.append((name, try Self.digest(output)))
    }

    /// Without the note of an edit, which has the program's version.
    private static func plainly(_ arguments: [String]) -> [String] {
        ["bake", "merge"].contains(arguments.first) ? ["--no-note"] : []
    }

    /// The SHA-256 of a file, or of a folder's names and files in their order.
    private static func digest(_ path: String) throws -> String {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            return "missing"
        }
        var hash = SHA256()
        let names =
            isFolder.boolValue
            ? try FileManager.default.contentsOfDirectory(atPath: path).sorted() : [""]
        for name in names {
            for part in [Array((name + "\n").utf8), try bytes(ofFile: path + "/" + name)] {
                part.withUnsafeBytes { hash.update($0) }
            }
        }
        return hash.hexDigest()
    }

    // MARK: - Inputs

    /// A vector for block 1 of a model, as other tools write it, or for block 0 at a site of rtedit's; nothing names a
    /// base.
    private func vector(width: Int, site: String = "resid_post") throws -> String {
        var generator = SeededGenerator(seed: 1)
        let values = (0..<width).flatMap { _ in
            le(Float(Int64.random(in: -512...512, using: &generator)).bitPattern)
        }
        let isPost = site == "resid_post"
        let head = GGUFBuilder(tensors: isPost ? 1 : 0, keys: isPost ? 2 : 4)
            .key("general.architecture", type: 8, value: ggufString("controlvector"))
            .key("controlvector.layer_count", type: 4, value: le(UInt32(2)))
        let file =
            isPost
            ? head.tensor("direction.1", ne: [UInt64(width)]).padded().raw(values)
            : head.key("rtedit.site", type: 8, value: ggufString(site))
                .key(
                    "rtedit.direction.1", type: 9, value: le(UInt32(6)) + le(UInt64(width)) + values
                )
        return try folder.write(file.padded().bytes, as: "\(site)-\(width).gguf")
    }

    private static func adapter(_ name: String) -> String {
        Samples.path("../Tests/FormatsTests/Fixtures/Adapters/" + name)
    }

    private static func width(of family: String) throws -> Int {
        try Checkpoint.open(Families.folder(family)).hyperparameters().hiddenSize
    }

    // MARK: - Jobs

    @Test(arguments: Families.all)
    func conversionsAndBakesOf(_ family: String) throws {
        let record = Record()
        let source = Families.folder(family)
        let width = try Self.width(of: family)
        let file = folder.path("m.gguf")
        try run(record, "to GGUF", ["convert", source, file], output: file)
        for type in ["f16", "bf16", "f32"] {
            let other = folder.path(type + ".gguf")
            try run(
                record, "to GGUF in \(type)", ["convert", source, other, "--type", type],
                output: other)
        }
        let split = folder.path("split")
        try run(
            record, "split", ["convert", source, split, "--shard-size", "40KB"],
            output: split)
        for (kind, input) in [("GGUF", file), ("f16", folder.path("f16.gguf"))]
        where FileManager.default.fileExists(atPath: input) {
            let back = folder.path("back-" + kind)
            try run(record, "back from \(kind)", ["convert", input, back], output: back)
        }
        for site in ["resid_post", "resid_mid"] {
            let vector = try vector(width: width, site: site)
            for (kind, input) in [("GGUF", file), ("folder", source)]
            where FileManager.default.fileExists(atPath: input) {
                let output = folder.path("baked-\(site)-\(kind)" + (kind == "GGUF" ? ".gguf" : ""))
                try run(
                    record, "\(kind) bake \(site)",
                    ["bake", input, output, "--vector", vector + ":0.25"],
                    output: output)
            }
        }
        try GoldenDigests.compare(record.lines, ofGroup: family)
    }

    @Test func merges() throws {
        let record = Record()
        let tiny = Samples.tinyModel
        for (adapter, name) in [
            ("plain", "peft"), ("plain.gguf", "lora"), ("patterned", "patterns"),
        ] {
            for type in [nil, "f32", "q8_0", "q4_0"] {
                let output = folder.path("\(name)-\(type ?? "own").gguf")
                try run(
                    record, "merge \(name) \(type ?? "own")",
                    ["merge", tiny, Self.adapter(adapter), output]
                        + (type.map { ["--type", $0] } ?? []), output: output)
            }
        }
        for family in ["mixtral", "qwen3_moe", "olmo2", "qwen2"] {
            for ending in ["", ".gguf"] {
                let output = folder.path(family + ending)
                try run(
                    record, "merge \(family)\(ending)",
                    [
                        "merge", Families.folder(family), Self.adapter("layout-\(family)"), output,
                        "--scale", "0.5",
                    ], output: output)
            }
        }
        try GoldenDigests.compare(record.lines, ofGroup: "merge")
    }

    /// One patch of each kind: the same tensors, small changes, another type, another format, a folder, a quantised file.
    @Test func patches() throws {
        let record = Record()
        let tiny = Samples.tinyModel
        let vector = try vector(width: try Checkpoint.open(tiny).hyperparameters().hiddenSize)
        let llama = Families.folder("llama")
        let biased = Families.folder("llama-biased")
        func file(_ name: String, _ arguments: [String]) throws -> String {
            let output = folder.path(name)
            let run = try ProgramRun.rtedit(
                [arguments[0], arguments[1], output] + arguments.dropFirst(2)
                    + Self.plainly(arguments))
            try #require(run.exitCode == 0, "\(run.errors)")
            return output
        }
        let merged = folder.path("merged.gguf")
        _ = try ProgramRun.rtedit(["merge", tiny, Self.adapter("plain"), merged, "--no-note"])
        let quantised = folder.path("quantised.gguf")
        _ = try ProgramRun.rtedit(
            [
                "merge", tiny, Self.adapter("plain"), quantised, "--type", "q8_0", "--no-note",
            ])
        let pairs: [(String, String, String)] = [
            ("bake", tiny, try file("baked.gguf", ["bake", tiny, "--vector", vector + ":0.25"])),
            ("merge", tiny, merged), ("requantised", merged, quantised),
            ("type", tiny, try file("f32.gguf", ["convert", tiny, "--type", "f32"])),
            ("format", llama, try file("llama.gguf", ["convert", llama])),
            ("format back", folder.path("llama.gguf"), llama), ("folder", llama, biased),
        ]
        for (name, base, target) in pairs {
            let patch = folder.path("\(name).rtdelta")
            try run(
                record, "patch \(name)", ["delta", "create", base, target, patch], output: patch)
            let output = folder.path("\(name) applied" + (target.hasSuffix(".gguf") ? ".gguf" : ""))
            try run(
                record, "applied \(name)", ["delta", "apply", base, patch, output], output: output)
        }
        for (name, arguments) in [
            ("bake", ["bake", tiny, "", "--vector", vector + ":0.25"]),
            ("merge", ["merge", tiny, Self.adapter("plain"), ""]),
            ("convert", ["convert", llama, "", "--type", "f16"]),
        ] {
            let patch = folder.path("planned \(name).rtdelta")
            try run(
                record, "patch of a planned \(name)", arguments.map { $0.isEmpty ? patch : $0 },
                output: patch)
        }
        try GoldenDigests.compare(record.lines, ofGroup: "patch", dependsOnZstandard: true)
    }
}
