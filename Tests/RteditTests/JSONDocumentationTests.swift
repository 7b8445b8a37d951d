import Formats
import Foundation
import TestSupport
import Testing

@testable import rtedit

/// Every object that a command prints with `--json` is what docs/json.md says.
@Suite struct JSONDocumentationTests {
    /// A call, and the section that describes its object.
    struct Call: CustomTestStringConvertible, Sendable {
        let section: String
        let words: [String]
        let exitCodes: Set<Int32>
        var testDescription: String { words.joined(separator: " ") }

        /// - Parameter line: words apart by spaces; those with a dot that are no sample lie in the workshop.
        init(_ section: String, _ line: String, exits exitCodes: Set<Int32> = [0]) {
            self.section = section
            self.words = line.split(separator: " ").map(String.init)
            self.exitCodes = exitCodes
        }
    }

    /// A folder with an edited model and what else the calls need, made once.
    private final class Workshop: Sendable {
        let folder: TemporaryFolder

        init() throws {
            folder = try TemporaryFolder()
            let text = try String(
                contentsOfFile: Samples.path("text/evaluation.txt"), encoding: .utf8)
            try String(text.prefix(6000))
                .write(toFile: folder.path("text.txt"), atomically: true, encoding: .utf8)
            try #"{"prompt": "The sun"}"#.write(
                toFile: folder.path("prompts.jsonl"), atomically: true, encoding: .utf8)
            try #"{"positive": "The sun is warm.", "negative": "The rain is cold."}"#.write(
                toFile: folder.path("texts.jsonl"), atomically: true, encoding: .utf8)
            for line in [
                "extract TINY --pairs PAIRS --limit 16 -o v.gguf",
                "extract TINY --pairs PAIRS --limit 5 --token -2 -o p.gguf",
                "vector scale v.gguf --by 2 -o w.safetensors",
                "bake TINY edited.gguf --vector v.gguf:2@1",
                "convert TINY small.gguf --type q8_0",
                "delta create TINY edited.gguf edited.rtdelta",
                "imatrix TINY --text text.txt --chunks 1 -o imatrix.gguf",
                "scale TINY --probe PROBE --steps 5 -o alphas.safetensors",
                "tune TINY adapter --vector v.gguf@2 --data PROBE --epochs 1 --lora 2 --adapter",
            ] {
                let words = line.split(separator: " ").map(String.init)
                let run = try ProgramRun.rtedit(words.map(path) + ["--quiet"])
                #expect(run.exitCode == 0, "\(line): \(run.errors)")
            }
        }

        /// What a word of a call stands for.
        func path(_ word: String) -> String {
            switch word {
            case "TINY": Samples.tinyModel
            case "PAIRS": Samples.tinyPairs
            case "PROBE": Samples.path("tiny/probe.jsonl")
            case "adapter", "second-adapter": folder.path(word)
            // A key of the file's metadata.
            case _ where word.hasPrefix("general."): word
            default:
                word.contains(".") && word.first?.isLetter == true ? folder.path(word) : word
            }
        }
    }

    private static let workshop = Result { try Workshop() }
    private static let documented = Result { try DocumentedMembers() }

    static let calls: [Call] = [
        Call("inspect-of-a-model", "inspect TINY --tensors --digests --metadata --check"),
        Call("inspect-of-a-vector", "inspect v.gguf --tensors"),
        Call("inspect-of-a-scaling", "inspect alphas.safetensors --metadata"),
        Call("inspect-of-an-adapter", "inspect adapter --check"),
        Call("inspect-of-a-patch", "inspect edited.rtdelta"),
        Call("convert", "convert TINY q.gguf --type q4_k_m"),
        Call("convert", "convert TINY s.gguf --max-size 2MB --dry-run"),
        Call("tokenize", "tokenize TINY Hello"),
        Call("trace", "trace TINY --prompt Hello -o t.safetensors"),
        Call("generate", "generate TINY -p Hello -n 3"),
        Call("generate", "generate TINY --prompts prompts.jsonl -n 3"),
        Call("extract", "extract TINY --pairs PAIRS --limit 8 -o e.gguf"),
        Call(
            "extract",
            "extract TINY --pairs PAIRS --limit 8 --offsets 2 --all-offsets o.safetensors "
                + "--project-out v.gguf -o f.gguf"),
        Call(
            "extract",
            "extract TINY --pairs texts.jsonl --method latent --blocks 2 --steps 3 -o l.gguf"),
        Call("vector-show", "vector show v.gguf w.safetensors"),
        Call("vector-add", "vector add v.gguf w.safetensors -o sum.gguf"),
        Call("vector-scale", "vector scale v.gguf --length 1 -o unit.gguf"),
        Call("vector-negate", "vector negate v.gguf -o minus.gguf"),
        Call(
            "vector-orthogonalise", "vector orthogonalise v.gguf --against p.gguf -o r.gguf"),
        Call("vector-convert", "vector convert v.gguf c.safetensors"),
        Call("vector-compare", "vector compare v.gguf w.safetensors"),
        Call("vector-lens", "vector lens v.gguf TINY --top 3"),
        Call("scale", "scale TINY --probe PROBE --steps 3 -o b.safetensors"),
        Call("bake", "bake TINY k.gguf --vector v.gguf:2@1 --dry-run"),
        Call("bake", "bake small.gguf a.gguf --ablate v.gguf@2 --everywhere"),
        Call(
            "bake",
            "bake TINY n.gguf --vector v.gguf:1@1 --method fit --calibration text.txt --dry-run"),
        Call("tune", "tune TINY t.gguf --vector v.gguf@2 --data PROBE --epochs 1"),
        Call(
            "tune---adapter",
            "tune TINY second-adapter --vector v.gguf@2 --data PROBE --epochs 1 --lora 2 --adapter"),
        Call("tune---dry-run", "tune TINY d.gguf --vector v.gguf@2 --data PROBE --dry-run"),
        Call("merge", "merge TINY adapter m.gguf"),
        Call("delta-create", "delta create TINY edited.gguf second.rtdelta"),
        Call("delta-apply", "delta apply TINY edited.rtdelta applied.gguf"),
        Call("delta-inspect", "delta inspect edited.rtdelta"),
        Call("verify", "verify TINY edited.gguf --vector v.gguf:2@1"),
        Call("verify", "verify TINY edited.gguf", exits: [1]),
        Call("verify", "verify TINY small.gguf", exits: [0, 1]),
        Call("diff", "diff TINY edited.gguf --explain", exits: [1]),
        Call("diff", "diff TINY small.gguf --explain", exits: [1]),
        Call("eval---probe", "eval TINY --probe PROBE --against edited.gguf"),
        Call("eval---text", "eval TINY --text text.txt --window 64 --against edited.gguf"),
        Call("search", "search TINY --vector v.gguf --probe PROBE --trials 8", exits: [0, 1]),
        Call(
            "sweep",
            "sweep TINY --vector v.gguf --probe PROBE --blocks 2 --strengths 1 "
                + "--prompts prompts.jsonl --max-tokens 2", exits: [0, 1]),
        Call("imatrix", "imatrix TINY --text text.txt --chunks 1 -o i.gguf"),
        Call(
            "compare-types", "compare-types TINY --text text.txt --types q8_0 --window 64"),
        Call("bench", "bench TINY --prompt-tokens 8 --max-tokens 2 --runs 1"),
        Call("bench---train", "bench TINY --train lora --sequences 1 --sequence-tokens 8 --runs 1"),
        Call("blend", "blend TINY small.gguf -o blended.gguf --method slerp --t 0.5"),
        Call("blend", "blend small.gguf small.gguf --base TINY -o ties.gguf --method ties"),
        Call("pairs-check", "pairs check PAIRS TINY", exits: [0, 1]),
        Call("inspect-of-an-importance-matrix", "inspect imatrix.gguf"),
        Call("inspect-of-a-model", "inspect edited.gguf"),
        Call("metadata", "metadata TINY"),
        Call("metadata---key", "metadata TINY --key general.name"),
        Call("metadata---set", "metadata TINY --set general.name=Other -o named.gguf"),
        Call("card", "card edited.gguf"), Call("hash", "hash TINY --tensors"),
        Call("help", "help bake"), Call("help", "help"), Call("help", "help --man"),
        Call("version", "version --verbose"), Call("completions", "completions bash"),
    ]

    @Test(arguments: calls) func everyMemberIsDocumented(call: Call) throws {
        let workshop = try Self.workshop.get()
        let run = try ProgramRun.rtedit(call.words.map(workshop.path) + ["--json", "--force"])
        #expect(call.exitCodes.contains(run.exitCode), "\(run.errors)")
        let lines = run.output.split(separator: "\n")
        #expect(!lines.isEmpty)
        for line in lines {
            let value = try JSONReader.parse(Array(line.utf8), source: "standard output")
            let faults = try Self.documented.get().faults(
                of: #require(value.object), in: call.section, "every-object")
            #expect(faults.isEmpty, "\(faults.joined(separator: "\n"))")
        }
    }

    @Test(arguments: [["inspect", "none.gguf"], ["inspect"], ["inspect", Samples.tinyPairs]])
    func errorsAreObjectsToo(words: [String]) throws {
        let run = try ProgramRun.rtedit(words + ["--json"])
        #expect([2, 3].contains(run.exitCode))
        let value = try JSONReader.parse(Array(run.output.utf8), source: "standard output")
        let object = try #require(value.object)
        #expect(try Self.documented.get().faults(of: object, in: "an-error") == [])
        #expect(object["error"]?.object?["exit_code"]?.integer == Int(run.exitCode))
    }

    @Test func everyCommandHasASection() throws {
        let sections = try Self.documented.get().sections
        for command in CommandRegistry.commands {
            #expect(sections[command.name] != nil, "docs/json.md has no section of \(command.name)")
        }
    }
}
