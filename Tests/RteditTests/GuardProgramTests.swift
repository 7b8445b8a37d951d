import Foundation
import TestSupport
import Testing

/// Calls that would surprise their user, as the built program refuses them.
@Suite struct GuardProgramTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func convert(_ output: String, _ more: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(["convert", Samples.tinyModel, folder.path(output)] + more)
    }

    /// Whatever path leads to it; with leave to replace it, it may be where that makes sense.
    @Test func anInputIsNoOutputUnlessItMayBeReplaced() throws {
        let model = folder.path("m.gguf")
        #expect(try convert("m.gguf").exitCode == 0)
        #expect(try convert("m2.gguf").exitCode == 0)
        try FileManager.default.createSymbolicLink(
            atPath: folder.path("link.gguf"), withDestinationPath: model)
        let before = try bytes(ofFile: model)
        for (words, text) in [
            (["convert", model, folder.path("link.gguf")], "name another output"),
            (["convert", model, folder.path("./m.gguf")], "is an input of this call"),
            (
                ["metadata", model, "--set", "general.name=x", "-o", model, "--force"],
                "--in-place changes it"
            ),
            (
                ["blend", model, folder.path("m2.gguf"), "--method", "linear", "-o", model],
                "is an input of this call"
            ),
        ] {
            let run = try ProgramRun.rtedit(words)
            let code: Int32 = words[0] == "metadata" ? 2 : 5
            #expect(run.exitCode == code && run.output.isEmpty, "\(run.output)")
            #expect(run.errorLine.contains(text), "\(run.errors)")
        }
        #expect(try bytes(ofFile: model) == before)
        let kept = try ProgramRun.rtedit([
            "metadata", model, "--set", "general.name=x", "-o", folder.path("m2.gguf"),
        ])
        #expect(kept.exitCode == 5 && kept.output.isEmpty, "\(kept.output)")
        let replaced = try ProgramRun.rtedit(["convert", model, model, "--type", "q8_0", "--force"])
        #expect(replaced.exitCode == 0, "\(replaced.errors)")
        #expect(try bytes(ofFile: model) != before)
    }

    @Test func anOutputThatHasAPlaceIsToldIt() throws {
        let run = try ProgramRun.rtedit(["convert", Samples.tinyModel, "-o", "out.gguf"])
        #expect(run.exitCode == 2)
        #expect(
            run.errorLine.contains("'-o': the output is the last word: rtedit convert MODEL OUT"))
    }

    @Test func aVectorIsNoModel() throws {
        let vector = folder.path("v.gguf")
        let extract = ["extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "-q", "-o"]
        let found = try ProgramRun.rtedit(extract + [vector, "--limit", "1"])
        #expect(found.exitCode == 0 && found.output.contains("directions from 1 pair, "))
        #expect(found.output.contains("at least 16 tell"), "\(found.output)")
        let card = try ProgramRun.rtedit(["card", vector])
        #expect(card.exitCode == 3 && !card.errorLine.contains("--vector"))
        #expect(card.errorLine.contains("is a steering vector"))
    }

    @Test func aConversionIsVerifiedAsACopy() throws {
        let own = folder.path("hf")
        #expect(try ProgramRun.rtedit(["convert", Samples.tinyModel, own]).exitCode == 0)
        let same = try ProgramRun.rtedit(["verify", Samples.tinyModel, own, "-n", "1"])
        #expect(same.exitCode == 0 && same.output.contains("EQUAL: the copy is the base"))
        #expect(!same.output.contains("edited"), "\(same.output)")
        let other = folder.path("other.gguf")
        let change = try ProgramRun.rtedit([
            "metadata", Samples.tinyModel, "--set", "tokenizer.ggml.add_eos_token:bool=true",
            "--force", "-o", other,
        ])
        #expect(change.exitCode == 0, "\(change.errors)")
        let run = try ProgramRun.rtedit(["verify", Samples.tinyModel, other, "-n", "1"])
        #expect(run.exitCode == 1)
        #expect(run.output.contains("NOT EQUAL: the tokenizers differ: "), "\(run.output)")
    }

    @Test func namesOfOtherFilesDoNotBecomeFolders() throws {
        for name in ["out.ggfu", "out.bin", "out.GGUF", "model.v2.pth", "x.json"] {
            let run = try convert(name)
            #expect(run.exitCode == 2, "\(name): \(run.errors)")
            #expect(
                run.errorLine.contains(
                    "OUT: no files of kind '.\(name.split(separator: ".").last ?? "")'"))
            #expect(try folder.names().isEmpty)
        }
        #expect(try convert("out.ggfu").errorLine.contains("did you mean '.gguf'?"))
        for name in ["Llama-3.1-8B", "plain", ".hidden", "out.bin/", "v1.5"] {
            let run = try convert(name, "--dry-run")
            #expect(run.exitCode == 0, "\(name): \(run.errors)")
        }
    }

    @Test func namesOfOtherFilesDoNotBecomeVectorsOrModels() throws {
        let vector = folder.path("v.gguf")
        let extract = ["extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "-q", "-o"]
        let odd = try ProgramRun.rtedit(extract + [folder.path("v.bin")])
        #expect(odd.exitCode == 2 && odd.errorLine.contains("--output: no files of kind '.bin'"))
        #expect(try ProgramRun.rtedit(extract + [vector]).exitCode == 0)
        let copy = try ProgramRun.rtedit(["vector", "convert", vector, folder.path("v.ngz")])
        #expect(copy.exitCode == 2 && copy.errorLine.contains("did you mean '.npz'?"))
        let (edited, patch) = (folder.path("e.gguf"), folder.path("p.rtdelta"))
        for call in [
            ["bake", Samples.tinyModel, edited, "--vector", "\(vector)@1", "-q"],
            ["delta", "create", Samples.tinyModel, edited, patch],
        ] { #expect(try ProgramRun.rtedit(call).exitCode == 0) }
        let applied = try ProgramRun.rtedit(
            ["delta", "apply", Samples.tinyModel, patch, folder.path("again.ggfu")])
        #expect(applied.exitCode == 2 && applied.errorLine.contains("did you mean '.gguf'?"))
        #expect(try folder.names() == ["e.gguf", "p.rtdelta", "v.gguf"])
    }

    /// A vector of another tool says nothing of its weights: a strict call says so.
    @Test func aStrictCallTellsOfVectorsThatDoNotSay() throws {
        let vector = folder.path("v.gguf")
        let plain = folder.path("plain.gguf")
        for call in [
            ["extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "-q", "-o", vector],
            ["vector", "convert", vector, plain, "--to-convention", "generator"],
        ] { #expect(try ProgramRun.rtedit(call).exitCode == 0) }
        let run = try ProgramRun.rtedit([
            "generate", Samples.tinyModel, "-p", "It", "-n", "1", "--vector", "\(plain):0.1@1",
            "--vector-convention", "generator", "--strict",
        ])
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.errors.contains("--strict cannot tell"), "\(run.errors)")
    }

    @Test func sizesThatGiveEveryTensorAFileAreRefused() throws {
        let run = try convert("m.gguf", "--shard-size", "5")
        #expect(run.exitCode == 2)
        #expect(run.errorLine.contains("each of 56 tensors"), "\(run.errorLine)")
        #expect(run.errorLine.contains("'token_embd.weight', has 262"), "\(run.errorLine)")
        #expect(try folder.names().isEmpty)
        let single = try convert("m.safetensors", "--shard-size", "5GB")
        #expect(single.exitCode == 2 && single.errorLine.contains("is one file"))
        let told = try convert("m.gguf", "--shard-size", "200kB")
        #expect(told.exitCode == 0)
        #expect(told.errors.contains("tensor 'token_embd.weight' has 262"), "\(told.errors)")
    }

    /// Light changes of a model's weights are its own for a warning, and others for a strict call.
    @Test func aStrictCallTakesVectorsOfTheseWeightsOnly() throws {
        let vector = folder.path("v.gguf")
        let made = try ProgramRun.rtedit([
            "extract", Samples.tinyModel, "--pairs", Samples.tinyPairs, "-o", vector, "--quiet",
        ])
        #expect(made.exitCode == 0, "\(made.errors)")
        let edited = folder.path("edited.gguf")
        let baked = try ProgramRun.rtedit([
            "bake", Samples.tinyModel, edited, "--vector", "\(vector)@1", "--quiet",
        ])
        #expect(baked.exitCode == 0, "\(baked.errors)")
        func generate(_ model: String, _ more: String...) throws -> ProgramRun {
            try ProgramRun.rtedit(
                ["generate", model, "-p", "It", "-n", "2", "--vector", vector] + more)
        }
        #expect(try generate(Samples.tinyModel, "--strict").exitCode == 0)
        #expect(try generate(edited).exitCode == 0)
        let strict = try generate(edited, "--strict")
        #expect(strict.exitCode == 3 && strict.output.isEmpty, "\(strict.errors)")
        #expect(strict.errorLine.contains("v.gguf: was found in"), "\(strict.errorLine)")
        #expect(strict.errorLine.contains("is another file (SHA-256"), "\(strict.errorLine)")
    }
}
