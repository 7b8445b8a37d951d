import Foundation
import Formats
import TestSupport
import Testing

/// What is lost is told where a user sees it, and an output of no use is no success: the built program.
@Suite struct LossProgramTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The small checkpoint with edits.
    private func model(_ edits: [CheckpointEdit], as name: String) throws -> String {
        let plan = try OutputPlan(
            source: Checkpoint.open(Samples.tinyModel), edits: edits, format: .gguf)
        _ = try CheckpointWriter(crew: WorkCrew(threads: 2)).write(
            plan, to: folder.path(name), replacing: true)
        return folder.path(name)
    }

    private func large() throws -> String {
        let role = WeightRole.block(1, .feedForwardDown)
        let tensor = try #require(Checkpoint.open(Samples.tinyModel).tensor(role))
        var values = try tensor.values()
        values[7] = 1e5
        return try model(
            [.set(role, values: values, form: .canonical, type: .f32)], as: "large.gguf")
    }

    @Test func anInfiniteWeightIsRefusedUnlessForced() throws {
        let source = try large()
        let output = folder.path("o.gguf")
        let refused = try ProgramRun.rtedit(["convert", source, output, "--type", "f16"])
        #expect(refused.exitCode == 4)
        #expect(refused.errorLine.contains("'blk.1.ffn_down.weight'"))
        #expect(refused.errorLine.contains("100000"))
        #expect(try folder.names() == ["large.gguf"])
        let forced = try ProgramRun.rtedit(
            ["convert", source, output, "--type", "f16", "--force", "-q", "--json"])
        #expect(forced.exitCode == 0)
        #expect(forced.errorLine.contains("'blk.1.ffn_down.weight'"))
        #expect(forced.output.contains("\"became_infinite\":1"))
    }

    @Test func aMergeTellsWhatItsTypesKeep() throws {
        let adapter = Samples.path("../Tests/FormatsTests/Fixtures/Adapters/plain.gguf")
        let role = WeightRole.block(1, .attentionQuery)
        let tensors = try Checkpoint.open(Samples.tinyModel).tensors
        let base = try model(
            tensors.compactMap { tensor in
                guard let role = tensor.role, tensor.shape.count == 2 else { return nil }
                return .set(
                    role, values: try tensor.values(), form: tensor.form.orderOnly, type: .q4_0)
            }, as: "q.gguf")
        #expect(try Checkpoint.open(base).tensor(role)?.type == .q4_0)
        let full = try ProgramRun.rtedit(["merge", base, adapter, folder.path("a.gguf")])
        #expect(full.exitCode == 0)
        #expect(full.errors.contains("of the update"))
        let small = try ProgramRun.rtedit(
            ["merge", base, adapter, folder.path("b.gguf"), "--scale", "0.001", "--json"])
        #expect(small.exitCode == 0)
        #expect(small.errors.contains("rtedit: warning: the stored weights keep"))
        #expect(small.errors.contains("--type"))
        #expect(small.output.contains("\"update\":{\"kept\":"))
        #expect(small.output.contains("\"keeping_type\":"))
    }

    @Test func roundingIsToldAndItsAbsenceIsNot() throws {
        let narrow = try ProgramRun.rtedit(
            ["convert", Samples.tinyModel, folder.path("b.gguf"), "--type", "bf16", "--json"])
        #expect(narrow.errors.contains("rounded to bf16"))
        #expect(narrow.output.contains("\"rounding\":{\"tensors\":"))
        let wide = try ProgramRun.rtedit(
            ["convert", Samples.tinyModel, folder.path("w.gguf"), "--type", "f32", "--json"])
        #expect(wide.errors.isEmpty)
        #expect(!wide.output.contains("rounding"))
    }

    @Test func pairsWithoutADifferenceAreToldBeforeAnyWork() throws {
        let same = #"{"positive": "The dog", "negative": "The dog"}"# + "\n"
        let other = #"{"positive": "The dog", "negative": "The cat"}"# + "\n"
        let all = try folder.write(Array((same + same).utf8), as: "same.jsonl")
        let output = folder.path("v.gguf")
        let refused = try ProgramRun.rtedit(
            ["extract", Samples.tinyModel, "--pairs", all, "-o", output, "--normalize", "unit"])
        #expect(refused.exitCode == 3)
        #expect(refused.errorLine.contains("all 2 pairs"))
        let some = try folder.write(Array((same + other + other).utf8), as: "some.jsonl")
        let told = try ProgramRun.rtedit(
            ["extract", Samples.tinyModel, "--pairs", some, "-o", output, "--json"])
        #expect(told.exitCode == 0)
        #expect(told.errorLine.contains("1 of 3 pairs"))
        #expect(told.output.contains("\"pairs\":2,\"pairs_read\":3,\"pairs_identical\":1"))
    }

    @Test func aVectorOfAnotherModelIsTold() throws {
        let pairs = Array(#"{"positive": "The dog", "negative": "The cat"}"#.utf8)
        let vector = folder.path("v.gguf")
        let extract = try ProgramRun.rtedit([
            "extract", Samples.tinyModel, "--pairs", try folder.write(pairs, as: "p.jsonl"), "-o",
            vector,
        ])
        #expect(extract.exitCode == 0)
        var generator = SeededGenerator(seed: 3)
        let role = WeightRole(.tokenEmbedding)
        let tensor = try #require(Checkpoint.open(Samples.tinyModel).tensor(role))
        let count = tensor.description.elementCount ?? 0
        let other = try model(
            [
                .set(
                    role,
                    values: (0..<count).map { _ in Float.random(in: -1...1, using: &generator) },
                    form: .canonical, type: .f16)
            ], as: "other.gguf")
        for arguments in [
            ["generate", "-p", "The", "-n", "1"],
            ["trace", "--prompt", "The", "-o", "\(vector).t"],
            ["bake", "\(vector).b.gguf"],
        ] {
            let call = { (model: String) in
                [arguments[0], model] + arguments.dropFirst() + [
                    "--vector", vector + ":0.1@2", "--force",
                ]
            }
            #expect(try ProgramRun.rtedit(call(Samples.tinyModel)).errors.isEmpty)
            let run = try ProgramRun.rtedit(call(other))
            #expect(run.exitCode == 0)
            #expect(run.errors.contains("\(vector): was found in "))
            #expect(run.errors.contains(other))
        }
    }

    @Test func metadataIsShownAsItIsInTheFile() throws {
        let header = try GGUFHeader(
            path: "x",
            metadata: GGUFMetadata([
                .init("general.architecture", .string(ByteString("odd"))),
                .init("odd.u64", .u64(.max)), .init("odd.nan", .f64(.nan)),
                .init("odd.inf", .f32(-.infinity)), .init("odd.many", .array(.u64([1, .max]))),
            ]), tensors: [])
        let path = try folder.write(header.bytes, as: "odd.gguf")
        let text = try ProgramRun.rtedit(["inspect", path, "--metadata"]).output
        for line in [
            "odd.u64 = 18446744073709551615", "odd.nan = nan", "odd.inf = -inf",
            "odd.many = array of 2",
        ] { #expect(text.contains(line)) }
        let json = try ProgramRun.rtedit(["inspect", path, "--metadata", "--json"]).output
        #expect(!json.contains("null,\"odd"))
        #expect(json.contains(#""odd.many":[1,"18446744073709551615"]"#))
        #expect(
            json.contains(#""odd.u64":"18446744073709551615","odd.nan":"nan","odd.inf":"-inf""#))
    }

    @Test func learnedPositionsHaveNoRope() throws {
        let output = try ProgramRun.rtedit(["inspect", Families.folder("gpt2")]).output
        #expect(output.contains("positions     learned"))
        #expect(!output.contains("rope"))
        #expect(
            try ProgramRun.rtedit(["inspect", Samples.tinyModel]).output.contains("rope  "))
    }
}
