import Foundation
import TestSupport
import Testing

/// The main job as a user does it: the built program on the small trained checkpoint.
@Suite struct MainJobProgramTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func rtedit(_ arguments: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(arguments)
    }

    private func extract() throws -> String {
        let vector = folder.path("mood.gguf")
        let run = try rtedit(
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "--limit", "16", "-o",
            vector)
        #expect(run.exitCode == 0, "\(run.errors)")
        return vector
    }

    @Test func fromModelToProof() throws {
        let vector = try extract()
        let spec = vector + ":1@2-3"
        for output in ["edited.gguf", "edited"] {
            let path = folder.path(output)
            #expect(try rtedit("bake", Samples.tinyModel, path, "--vector", spec).exitCode == 0)
            let proof = try rtedit("verify", Samples.tinyModel, path, "--vector", spec, "--json")
            #expect(proof.exitCode == 0, "\(proof.output)")
            #expect(proof.output.contains("\"equal\":true"))
            let wrong = try rtedit("verify", Samples.tinyModel, path, "--vector", vector + ":1@1-2")
            #expect(wrong.exitCode == 1)
        }
        let steered = try rtedit(
            "generate", Samples.tinyModel, "-p", "The dog", "-n", "12", "--vector", spec, "--json")
        let edited = try rtedit(
            "generate", folder.path("edited.gguf"), "-p", "The dog", "-n", "12", "--json")
        #expect(steered.results == edited.results)
    }

    @Test func outputsDoNotDependOnThreadsOrTheRun() throws {
        var files: [[UInt8]] = []
        for (name, threads) in [("a", "1"), ("b", "2"), ("c", "2")] {
            let vector = folder.path(name + ".gguf")
            let trace = folder.path(name + ".safetensors")
            _ = try rtedit(
                "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "--limit", "8", "-o",
                vector,
                "--threads", threads)
            _ = try rtedit(
                "trace", Samples.tinyModel, "--tokens", "1,2,3,4", "-o", trace, "--threads", threads
            )
            files.append(try bytes(ofFile: vector) + bytes(ofFile: trace))
        }
        #expect(files[0] == files[1])
        #expect(files[1] == files[2])
    }

    @Test func existingOutputsAreKeptUnlessForced() throws {
        let path = try folder.write([1, 2, 3], as: "out.gguf")
        let refused = try rtedit("convert", Samples.tinyModel, path)
        #expect(refused.exitCode == 5)
        #expect(refused.errorLine.contains("exists"))
        #expect(try bytes(ofFile: path) == [1, 2, 3])
        #expect(try rtedit("convert", Samples.tinyModel, path, "--force").exitCode == 0)
        #expect(try bytes(ofFile: path) == bytes(ofFile: Samples.tinyModel))
    }

    @Test func failuresAreOneLineAndLeaveNothing() throws {
        let broken = try folder.write(
            Array(bytes(ofFile: Samples.tinyModel).prefix(4000)), as: "broken.gguf")
        let output = folder.path("out.gguf")
        let malformed = try rtedit("convert", broken, output)
        #expect(malformed.exitCode == 3)
        #expect(malformed.errors.split(separator: "\n").count == 1)
        let missing = try rtedit("inspect", folder.path("nowhere.gguf"))
        #expect(missing.exitCode == 3)
        let unsupported = try rtedit(
            "convert", Samples.tinyModel, folder.path("out"), "--type", "q4_k_m")
        #expect(unsupported.exitCode == 4)
        let usage = try rtedit("generate", Samples.tinyModel, "-p", "x", "--vector", "v.gguf:much")
        #expect(usage.exitCode == 2)
        #expect(try folder.names() == ["broken.gguf"])
    }

    @Test func inspectionSaysWhatCanBeBaked() throws {
        let run = try rtedit("inspect", Samples.tinyModel, "--json", "--check")
        #expect(run.exitCode == 0)
        #expect(run.output.contains("\"gguf.resid_post\":\"bias\""))
        #expect(run.output.contains("\"finite\":true"))
        #expect(run.errors.isEmpty)
    }

    @Test func tokensComeBackAsText() throws {
        let ids = try rtedit("tokenize", Samples.tinyModel, "The dog is happy.")
        #expect(ids.exitCode == 0)
        let list = ids.output.split(whereSeparator: \.isWhitespace).joined(separator: ",")
        let text = try rtedit("tokenize", Samples.tinyModel, "--decode", list)
        #expect(text.output == "The dog is happy.\n")
    }

    @Test func aDirectionIsRemovedEverywhereAndProven() throws {
        let direction = try extract() + "@2"
        let (path, words) = (folder.path("open.gguf"), ["--ablate", direction, "--everywhere"])
        let bake = try ProgramRun.rtedit(["bake", Samples.tinyModel, path] + words)
        #expect(bake.exitCode == 0, "\(bake.errors)")
        let proof = try ProgramRun.rtedit(["verify", Samples.tinyModel, path] + words)
        #expect(proof.exitCode == 0, "\(proof.output)")
        let one = try rtedit("verify", Samples.tinyModel, path, "--ablate", direction)
        #expect(one.exitCode == 1)
    }

    @Test func everywhereWithoutADirectionIsAMistake() throws {
        let vector = try extract()
        for command in [["bake", Samples.tinyModel, folder.path("out.gguf")]]
            + [["verify", Samples.tinyModel, Samples.tinyModel]]
        {
            let run = try ProgramRun.rtedit(command + ["--vector", vector, "--everywhere"])
            #expect(run.exitCode == 2)
            #expect(run.errorLine.hasPrefix("rtedit: --everywhere: needs --ablate"))
        }
    }
}
