import Foundation
import TestSupport
import Testing
import Transformer
import Tuning

@testable import Formats
@testable import rtedit

/// `inspect` on what is no model, and on models that no other command takes.
struct InspectProgramTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func vector() throws -> String {
        let path = folder.path("v.gguf")
        try VectorFile.write(
            SteeringVector(
                site: .residPost,
                directions: [0: [Float](repeating: 1, count: 4), 2: [0, 3, 4, 0]],
                provenance: .init(modelHint: "llama", method: "mean", baseName: "Some Base")),
            to: path, replacing: false)
        return path
    }

    private func json(_ run: ProgramRun) throws -> JSONObject {
        let path = try folder.write(Array(run.output.utf8), as: "report.json")
        return try #require(try JSONReader.parse(MappedFile(path: path).bytes).object)
    }

    private var adapter: String {
        Samples.path("../Tests/FormatsTests/Fixtures/Adapters/plain")
    }

    /// What the families' tables say of a model is in the report: as a line, and by its name for scripts.
    @Test(arguments: ["gemma3", "granite", "qwen3_moe", "gpt_neox", "phi3"])
    func everyNumberIsShown(family: String) throws {
        let source = try Checkpoint.open(Families.folder(family))
        let facts = try source.requireArchitecture().facts(of: source.hyperparameters())
        let report = try json(try ProgramRun.rtedit(["inspect", source.path, "--json"]))
        let numbers = try #require(report["numbers"]?.object)
        let text = try ProgramRun.rtedit(["inspect", source.path]).output
        for fact in facts {
            #expect(numbers[fact.name] == .string(fact.text), "\(fact.name)")
            let isTold = ModelFacts.told.contains(fact.name) || text.contains(fact.name)
            #expect(isTold, "\(fact.name)")
        }
        #expect(numbers.members.count == facts.count)
        #expect(text.contains("norm epsilon") && text.contains("activation"))
    }

    @Test func aVectorIsShownWithItsBlocksNormsAndBase() throws {
        let path = try vector()
        let run = try ProgramRun.rtedit(["inspect", path])
        #expect(run.exitCode == 0, "\(run.errors)")
        for word in ["steering vector", "resid_post", "0,2 (2)", "Some Base", "5.0000", "2.0000"] {
            #expect(run.output.contains(word), "\(word)")
        }
        let report = try json(try ProgramRun.rtedit(["inspect", path, "--json"]))
        #expect(report["kind"] == .string("vector"))
        #expect(report["width"] == .integer(4))
        #expect(report["blocks"]?.array?.last?.object?["norm"]?.number == 5)
    }

    @Test func anAdapterIsShownWithItsRanksAndBase() throws {
        for path in [adapter, adapter + ".gguf"] {
            let report = try json(
                try ProgramRun.rtedit(["inspect", path, "--json", "--tensors", "--check"]))
            #expect(report["kind"] == .string("adapter"))
            #expect(report["ranks"] == .array([.integer(2)]))
            #expect(report["updates"]?.array?.count == 3)
            #expect(report["tensors"]?.array?.count == 6)
        }
    }

    @Test func aPatchIsShownWhateverItIsCalled() throws {
        let patch = folder.path("p.rtdelta")
        let made = try ProgramRun.rtedit([
            "delta", "create", Samples.tinyModel, Samples.tinyModel, patch,
        ])
        #expect(made.exitCode == 0, "\(made.errors)")
        let renamed = folder.path("p.gguf")
        try FileManager.default.moveItem(atPath: patch, toPath: renamed)
        let report = try json(try ProgramRun.rtedit(["inspect", renamed, "--json"]))
        #expect(report["kind"] == .string("patch"))
        let run = try ProgramRun.rtedit(["trace", renamed, "--tokens", "1", "-o", folder.path("t")])
        #expect(run.exitCode == 3)
        #expect(run.errorLine.contains("patch"))
    }

    @Test func whatCanBeDoneIsSaid() throws {
        let matrix = Samples.path("../Tests/FormatsTests/Fixtures/Importance")
        let names = try FileManager.default.contentsOfDirectory(atPath: matrix)
        let imatrix = try #require(
            names.first { $0.hasSuffix(".imatrix.gguf") || $0.hasSuffix(".dat") })
        for (path, call) in [
            (try vector(), "rtedit bake MODEL OUT --vector"),
            (adapter, "rtedit merge MODEL"), (matrix + "/" + imatrix, "--imatrix"),
        ] {
            let run = try ProgramRun.rtedit(["inspect", path])
            #expect(run.exitCode == 0 && run.output.contains(call), "\(run.output)\(run.errors)")
            let report = try json(try ProgramRun.rtedit(["inspect", path, "--json"]))
            let uses = report["uses"]?.array
            #expect(uses?.isEmpty == false)
        }
    }

    @Test func whatIsNoModelIsRefusedByEveryCommandInOneWay() throws {
        let path = try vector()
        for call in [
            ["trace", path, "--tokens", "1", "-o", folder.path("t")],
            ["convert", path, folder.path("out.gguf")],
            ["bake", path, folder.path("out.gguf"), "--vector", path],
            ["diff", path, Samples.tinyModel], ["verify", Samples.tinyModel, path],
            ["merge", path, adapter, folder.path("out.gguf")], ["tokenize", path, "hi"],
        ] {
            let run = try ProgramRun.rtedit(call)
            #expect(run.exitCode == 3, "\(call)")
            #expect(run.errorLine.contains("it is a steering vector"), "\(call): \(run.errors)")
        }
    }

    @Test func aContradictionIsShownAndRefusedByEveryCommand() throws {
        let file = try GGUFFile.open(Samples.tinyModel)
        var metadata = file.metadata
        metadata["llama.block_count"] = .u32(7)
        let header = try GGUFHeader(
            path: "m", metadata: metadata, tensors: file.tensors.map(\.description))
        let data = [UInt8](repeating: 0, count: header.fileSize - header.bytes.count)
        let path = try folder.write(header.bytes + data, as: "m.gguf")
        let shown = try ProgramRun.rtedit(["inspect", path])
        #expect(shown.exitCode == 3)
        #expect(shown.output.contains("unusable"))
        #expect(!shown.output.contains("exact, as a bias"))
        let report = try json(try ProgramRun.rtedit(["inspect", path, "--json"]))
        #expect(report["problem"]?.string?.contains("blk.6") ?? false)
        #expect(report["bake_routes"] == .object(JSONObject()))
        for call in [
            ["convert", path, folder.path("out.gguf")], ["diff", path, Samples.tinyModel],
            ["tokenize", path, "hi"], ["verify", Samples.tinyModel, path],
            ["delta", "create", Samples.tinyModel, path, folder.path("p.rtdelta")],
        ] {
            let run = try ProgramRun.rtedit(call)
            #expect(run.exitCode == 3, "\(call)")
            #expect(run.errorLine.contains("blk.6"), "\(call): \(run.errors)")
        }
    }
}
