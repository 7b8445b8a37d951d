import Formats

/// How a model is run in other programs, with the exact words for its files.
struct CardCalls {
    private let checkpoint: Checkpoint

    init(_ checkpoint: Checkpoint) {
        self.checkpoint = checkpoint
    }

    var lines: [String] {
        ["## How to run it"] + (checkpoint.format == .gguf ? gguf : folder)
    }

    private var file: String {
        checkpoint.weightFiles.first.map { PathParts($0).name } ?? "model.gguf"
    }

    /// A name that Ollama takes.
    private var name: String {
        let stem = file.hasSuffix(".gguf") ? String(file.dropLast(".gguf".count)) : file
        return String(
            stem.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" })
    }

    private var gguf: [String] {
        let quoted = ShellWord.quoted(file)
        var lines = Self.block(
            "llama.cpp, a chat and a server:",
            ["llama-cli -m \(quoted)", "llama-server -m \(quoted) --port 8080"])
        lines += Self.block(
            "Ollama, with a file `Modelfile` whose only line is `FROM ./\(file.markdown)`:",
            ["ollama create \(name) -f Modelfile", "ollama run \(name)"])
        lines += Self.block("LM Studio:", ["lms import \(quoted)"])
        if hasBakedBias {
            lines += [
                "",
                "The edit is a bias, which transformers' own reader of GGUF files (`gguf_file=`) leaves out without a "
                    + "word: convert to a folder with `rtedit convert` for transformers and vLLM.",
            ]
        }
        return lines
    }

    private var folder: [String] {
        let name = PathParts.name(ofFolder: checkpoint.path) ?? "model"
        return Self.block(
            "transformers:",
            [
                "from transformers import AutoModelForCausalLM, AutoTokenizer", "",
                "model = AutoModelForCausalLM.from_pretrained(\"\(name)\", dtype=\"auto\")",
                "tokenizer = AutoTokenizer.from_pretrained(\"\(name)\")",
            ], language: "python")
            + Self.block("vLLM, a server:", ["vllm serve \(ShellWord.quoted(name))"])
            + Self.block(
                "llama.cpp, Ollama and LM Studio want a GGUF file:",
                ["rtedit convert \(ShellWord.quoted(name)) model.gguf --type q4_k_m"])
    }

    /// Whether the output of a feed-forward part or of attention has a bias.
    private var hasBakedBias: Bool {
        checkpoint.tensors.contains {
            $0.name.hasSuffix("ffn_down.bias") || $0.name.hasSuffix("attn_output.bias")
        }
    }

    private static func block(
        _ title: String, _ calls: [String], language: String = "sh"
    ) -> [String] {
        ["", title, "", "```\(language)"] + calls + ["```"]
    }
}
