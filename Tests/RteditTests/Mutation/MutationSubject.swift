import Foundation
import TestSupport

/// A kind of file that the program reads, and the commands that are tried on changed ones.
struct MutationSubject {
    let name: String
    /// The file that is changed, beside its whole companions in the folder of inputs.
    let file: String
    /// Words of commands; `OUT` stands for an output's name.
    let commands: [[String]]

    var isText: Bool { ["json", "jsonl"].contains((file as NSString).pathExtension) }

    /// Families whose numbers differ in kind: windows, caps, experts, fused projections, learned positions.
    private static let families = [
        "llama", "gemma2", "mixtral", "gpt_neox", "phi3", "gpt2", "qwen3_moe",
    ]

    /// Makes one whole input of every kind in a folder.
    ///
    /// - Parameter run: runs the program in that folder; it must succeed.
    static func all(in folder: String, run: ([String]) throws -> Void) throws -> [MutationSubject] {
        for family in families {
            try FileManager.default.copyItem(
                atPath: Families.folder(family), toPath: "\(folder)/\(family)")
            try FileManager.default.removeItem(atPath: "\(folder)/\(family)/reference.safetensors")
            try run(["convert", family, "\(family).gguf"])
        }
        try lines([#"{"positive": "the cat sat", "negative": "a dog ran"}"#]).write(
            toFile: folder + "/pairs.jsonl", atomically: true, encoding: .utf8)
        try lines([#"{"prompt": "the cat", "choices": [" sat", " ran"], "correct": 0}"#]).write(
            toFile: folder + "/probe.jsonl", atomically: true, encoding: .utf8)
        try run(["extract", "llama.gguf", "--pairs", "pairs.jsonl", "-o", "v.gguf"])
        try run(["extract", "llama.gguf", "--pairs", "pairs.jsonl", "-o", "v.safetensors"])
        try run(["extract", "llama.gguf", "--pairs", "pairs.jsonl", "-o", "v.npz"])
        try run(["convert", "llama.gguf", "split.gguf", "--shard-size", "20kB"])
        try run(["convert", "llama.gguf", "sharded", "--shard-size", "20kB"])
        try run(["bake", "llama.gguf", "baked.gguf", "--vector", "v.gguf@1"])
        try run(["delta", "create", "llama.gguf", "baked.gguf", "p.rtdelta"])
        let tune = ["--vector", "v.gguf@1", "--data", "probe.jsonl", "--validation-share", "0"]
        try run(
            ["tune", "llama.gguf", "tuned.gguf", "--steps", "2", "--batch", "1", "--keep-run"]
                + tune)
        for adapter in ["adapter.gguf", "adapter"] {
            try run(
                [
                    "tune", "llama.gguf", adapter, "--adapter", "--lora", "2", "--steps", "2",
                    "--batch", "1",
                ]
                    + tune)
        }
        try run(
            ["verify", "llama.gguf", "llama.gguf", "-n", "1", "--certificate", "proof.json"])
        let first =
            try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
            .first { $0.hasPrefix("split-00001") } ?? ""
        return models(firstSplit: first) + [
            MutationSubject(name: "vector GGUF", file: "v.gguf", commands: vector("v.gguf")),
            MutationSubject(
                name: "vector safetensors", file: "v.safetensors", commands: vector("v.safetensors")
            ),
            MutationSubject(name: "vector NumPy", file: "v.npz", commands: vector("v.npz")),
            MutationSubject(
                name: "adapter GGUF", file: "adapter.gguf", commands: merge("adapter.gguf")),
            MutationSubject(
                name: "adapter weights", file: "adapter/adapter_model.safetensors",
                commands: merge("adapter")),
            MutationSubject(
                name: "adapter configuration", file: "adapter/adapter_config.json",
                commands: merge("adapter")),
            MutationSubject(
                name: "patch", file: "p.rtdelta",
                commands: [
                    ["delta", "apply", "llama.gguf", "p.rtdelta", "OUT.gguf"],
                    ["delta", "inspect", "p.rtdelta"],
                ]),
            MutationSubject(
                name: "certificate", file: "proof.json",
                commands: [["verify", "llama.gguf", "llama.gguf", "--check", "proof.json"]]),
            MutationSubject(
                name: "contrast pairs", file: "pairs.jsonl",
                commands: [["extract", "llama.gguf", "--pairs", "pairs.jsonl", "-o", "OUT.gguf"]]),
            MutationSubject(
                name: "probes", file: "probe.jsonl",
                commands: [
                    ["eval", "llama.gguf", "--probe", "probe.jsonl"],
                    ["tune", "llama.gguf", "OUT.gguf", "--steps", "1", "--batch", "1"] + tune,
                ]),
            MutationSubject(
                name: "training state", file: "tuned.gguf.run/state.safetensors",
                commands: resume(tune)),
            MutationSubject(
                name: "training record", file: "tuned.gguf.run/run.jsonl", commands: resume(tune)),
        ]
    }

    private static func models(firstSplit: String) -> [MutationSubject] {
        families.map { family in
            MutationSubject(
                name: "\(family) GGUF", file: "\(family).gguf", commands: model("\(family).gguf"))
        }
            + families.map { family in
                MutationSubject(
                    name: "\(family) config.json", file: "\(family)/config.json",
                    commands: model(family))
            } + [
                MutationSubject(name: "split GGUF", file: firstSplit, commands: model(firstSplit)),
                MutationSubject(
                    name: "safetensors", file: "llama/model.safetensors", commands: model("llama")),
                MutationSubject(
                    name: "tokenizer.json", file: "llama/tokenizer.json", commands: model("llama")),
                MutationSubject(
                    name: "tokenizer_config.json", file: "phi3/tokenizer_config.json",
                    commands: model("phi3")),
                MutationSubject(
                    name: "tokenizer.model", file: "phi3/tokenizer.model", commands: model("phi3")),
                MutationSubject(
                    name: "generation_config.json", file: "llama/generation_config.json",
                    commands: model("llama")),
                MutationSubject(
                    name: "safetensors index", file: "sharded/model.safetensors.index.json",
                    commands: model("sharded")),
            ]
    }

    private static func lines(_ line: [String]) -> String {
        Array(repeating: line, count: 4).flatMap { $0 }.joined(separator: "\n") + "\n"
    }

    private static func model(_ path: String) -> [[String]] {
        [
            ["inspect", path, "--json"], ["convert", path, "OUT"], ["convert", path, "OUT.gguf"],
            ["trace", path, "--tokens", "1,5,9", "-o", "OUT.safetensors"],
            ["generate", path, "--chat", "-p", "the cat", "-n", "3"],
            ["tokenize", path, "the cat"],
            ["diff", path, "llama.gguf"], ["verify", "llama.gguf", path, "--positions", "8"],
            ["bake", path, "OUT.gguf", "--vector", "v.gguf@1"],
            ["delta", "create", "llama.gguf", path, "OUT.rtdelta"],
            ["merge", path, "adapter", "OUT.gguf"],
        ]
    }

    private static func vector(_ path: String) -> [[String]] {
        [
            ["generate", "llama.gguf", "-p", "the cat", "-n", "3", "--vector", path],
            ["bake", "llama.gguf", "OUT.gguf", "--vector", path + "@1"],
            ["verify", "llama.gguf", "baked.gguf", "--positions", "8", "--vector", path + "@1"],
            ["inspect", path], ["vector", "add", path, "v.gguf", "-o", "OUT.npz"],
            ["vector", "convert", path, "OUT.safetensors"],
        ]
    }

    private static func merge(_ adapter: String) -> [[String]] {
        [["merge", "llama.gguf", adapter, "OUT.gguf"], ["inspect", adapter]]
    }

    private static func resume(_ tune: [String]) -> [[String]] {
        [
            ["tune", "llama.gguf", "OUT.gguf", "--steps", "2", "--batch", "1"] + tune
                + ["--resume", "tuned.gguf.run"]
        ]
    }
}
