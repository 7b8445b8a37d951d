import Foundation
import TestSupport
import Testing

/// `blend` as a user calls it, on the small models of `Fixtures/Blending` and on the quantised small checkpoint.
@Suite struct BlendProgramTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private static let fixtures = Samples.path("../Tests/FormatsTests/Fixtures/Blending") + "/"
    private let a = fixtures + "a"
    private let b = fixtures + "b"
    private let base = fixtures + "base"

    private func blend(_ arguments: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(["blend"] + arguments)
    }

    @Test func namesOfMethodsMayHaveEitherDash() throws {
        for (place, name) in ["task", "task_arithmetic", "task-arithmetic"].enumerated() {
            let run = try blend(
                a, b, "--base", base, "-o", folder.path("\(place).gguf"), "--method", name,
                "--no-note")
            #expect(run.exitCode == 0, "\(run.errors)")
            #expect(run.output.contains("task-arithmetic: 21 weights of 2 models blended"))
            #expect(
                try bytes(ofFile: folder.path("\(place).gguf"))
                    == bytes(ofFile: folder.path("0.gguf")))
        }
    }

    @Test func theReportSaysWhatWasBlendedAndHow() throws {
        let run = try blend(
            a, b, "--base", base, "-o", folder.path("out"), "--method", "dare_ties", "--densities",
            "0.5,0.7", "--seed", "3", "--json")
        #expect(run.exitCode == 0, "\(run.errors)")
        for member in [
            #""method":"dare-ties""#, #""densities":[0.5,0.7]"#, #""seed":3"#, #""rescale":"l1""#,
            #""blended_weights":21"#, #""normalize":false"#,
        ] {
            #expect(run.output.contains(member), "\(member)")
        }
    }

    @Test func aBakedModelAndItsBaseAreShownAWayOut() throws {
        let (vector, baked) = (folder.path("v.gguf"), folder.path("baked.gguf"))
        for call in [
            ["extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "-q", "-o", vector],
            ["bake", Samples.tinyModel, baked, "--vector", vector + ":0.5@1"],
        ] {
            let run = try ProgramRun.rtedit(call)
            #expect(run.exitCode == 0, "\(run.errors)")
        }
        let run = try blend(
            Samples.tinyModel, baked, "-o", folder.path("out.gguf"), "--method", "slerp")
        #expect(run.exitCode == 4 && run.errorLine.contains("'rtedit diff --recover-vector'"))
    }

    /// A value that is no number would be in every blend of its weight.
    @Test(arguments: [Float.nan, .infinity])
    func whatIsNotFiniteIsRefusedByNameAndPlace(value: Float) throws {
        let bad = folder.path("bad")
        try FileManager.default.copyItem(atPath: a, toPath: bad)
        let file = URL(fileURLWithPath: bad + "/model.safetensors")
        var data = try Data(contentsOf: file)
        withUnsafeBytes(of: value) { data.replaceSubrange(data.count - 4..<data.count, with: $0) }
        try data.write(to: file)
        for method in ["linear", "slerp", "task", "ties", "dare-linear"] {
            let needsBase = method != "linear" && method != "slerp"
            let run = try ProgramRun.rtedit(
                ["blend", bad, b, "-o", folder.path("out"), "--method", method]
                    + (needsBase ? ["--base", base] : []))
            #expect(run.exitCode == 3, "\(method): \(run.errors)")
            #expect(
                run.errorLine.contains("bad/model.safetensors") || run.errorLine.contains("bad"))
            #expect(run.errorLine.contains("is not finite"), "\(method): \(run.errors)")
            #expect(!FileManager.default.fileExists(atPath: folder.path("out")))
        }
    }

    @Test func quantisedModelsStayQuantised() throws {
        let (quantised, other) = (folder.path("quantised.gguf"), folder.path("other.gguf"))
        let convert = try ProgramRun.rtedit([
            "convert", Samples.tinyModel, quantised, "--type", "q4_1",
        ])
        #expect(convert.exitCode == 0, "\(convert.errors)")
        let adapter = Samples.path("../Tests/FormatsTests/Fixtures/Adapters/plain")
        let merge = try ProgramRun.rtedit(["merge", quantised, adapter, other])
        #expect(merge.exitCode == 0, "\(merge.errors)")
        let out = folder.path("out.gguf")
        let run = try blend(quantised, other, "-o", out, "--method", "linear")
        #expect(run.exitCode == 0, "\(run.errors)")
        // Three matrices have an update; what is alike is copied.
        #expect(run.output.contains("56 tensors, 53 of them copied byte for byte"))
        #expect(run.output.contains("3 weights of 2 models blended; 53 that all have alike"))
        let types = try ProgramRun.rtedit(["inspect", out, "--tensors"])
        #expect(types.output.contains("q4_1"))
        let check = try ProgramRun.rtedit(["inspect", out, "--check"])
        #expect(check.exitCode == 0)
    }

    @Test func aDryRunReadsAndWritesNothing() throws {
        let run = try blend(
            a, b, "--base", base, "-o", folder.path("out"), "--method", "ties", "--dry-run")
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.contains("would write 21 tensors"))
        #expect(try folder.names() == [])
    }

    // MARK: - Refusals

    @Test func callsThatMakeNoSenseAreRefused() throws {
        let out = folder.path("out")
        let calls: [(arguments: [String], words: String)] = [
            ([a, b, "--method", "tie"], "'tie' is not one of linear, slerp"),
            ([a, b, "--method", "ties"], "--method ties: needs --base"),
            (
                [a, b, "--method", "slerp", "--base", base],
                "--base: needs --method task-arithmetic"
            ),
            (
                [a, b, "--method", "linear", "--densities", "0.5"],
                "--densities: needs --method ties"
            ),
            ([a, b, "--method", "linear", "--seed", "1"], "--seed: needs --method dare-linear"),
            ([a, b, "--method", "slerp", "--weights", "1"], "slerp goes by --t"),
            ([a, b, base, "--method", "slerp"], "slerp blends two models, but 3 are named"),
            ([a, "--method", "linear"], "linear blends two models or more, but 1 is named"),
            (
                [a, b, "--method", "linear", "--weights", "1,2,3"],
                "there are 3 weights for 2 models"
            ),
            ([a, b, "--method", "linear", "--weights", "1,-1"], "the weights' sum is 0.0"),
            ([a, b, "--method", "slerp", "--t", "1.5"], "'1.5' is not numbers from 0 to 1"),
            ([a, b, "--method", "slerp", "--t", "mlp=1"], "a number without a filter too"),
            ([a, b, "--method", "slerp", "--t", "0", "--t", "nowhere=1"], "'nowhere' in its name"),
        ]
        for (arguments, words) in calls {
            let run = try ProgramRun.rtedit(["blend"] + arguments + ["-o", out])
            #expect(run.exitCode == 2, "\(arguments)")
            #expect(run.errors.contains(words), "\(run.errors)")
        }
        #expect(try folder.names() == [])
    }

    @Test func modelsThatDoNotGoTogetherAreRefused() throws {
        let out = folder.path("out")
        let family = try blend(a, Families.folder("qwen2"), "-o", out, "--method", "linear")
        #expect(family.exitCode == 4)
        #expect(family.errors.contains("is of architecture 'qwen2'"), "\(family.errors)")
        let sizes = try blend(a, Samples.tinyModel, "-o", out, "--method", "linear")
        #expect(sizes.exitCode == 4)
        #expect(sizes.errors.contains("vocabulary size is 1024, not 78"), "\(sizes.errors)")
        #expect(try folder.names() == [])
    }

    @Test func anotherTokenizerIsRefusedUnlessTheFirstIsToBeTaken() throws {
        let other = folder.path("other")
        try FileManager.default.copyItem(atPath: b, toPath: other)
        let path = other + "/tokenizer.json"
        let text = try String(contentsOfFile: path, encoding: .utf8)
        // The last of the special tokens gets another name.
        try text.replacing("<|pad|>", with: "<|gap|>").write(
            toFile: path, atomically: true, encoding: .utf8)
        let settings = other + "/tokenizer_config.json"
        try String(contentsOfFile: settings, encoding: .utf8).replacing("<|pad|>", with: "<|gap|>")
            .write(toFile: settings, atomically: true, encoding: .utf8)
        let run = try blend(a, other, "-o", folder.path("out"), "--method", "linear")
        #expect(run.exitCode == 4)
        #expect(run.errors.contains("tokens differ, first that of id"), "\(run.errors)")
        let taken = try blend(
            a, other, "-o", folder.path("out"), "--method", "linear", "--first-tokenizer")
        #expect(taken.exitCode == 0, "\(taken.errors)")
        #expect(taken.errors.contains("the output has that of"), "\(taken.errors)")
    }
}
