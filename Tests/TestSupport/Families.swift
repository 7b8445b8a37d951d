import Foundation
import Synchronization

/// The small models of `Tests/TransformerTests/Fixtures/Families`, folders in Hugging Face's layout.
public enum Families {
    public static let all = [
        "arcee", "cohere2", "ernie4_5", "exaone4", "exaone4-windowed", "gemma", "gemma2",
        "gemma2-scaled", "gemma3", "gemma3-wrapped", "gemma4", "gemma4-large", "gemma4-moe",
        "gemma4-unified", "gemma4-wrapped", "glm4", "gpt2", "gpt_neox", "gpt_neox-sequential",
        "gpt_oss", "granite", "granite4", "lfm2", "lfm2-biased",
        "lfm2-wrapped", "lfm2_moe", "llama", "llama-biased", "llama-yarn", "ministral3",
        "ministral3-wrapped", "mistral", "mistral3", "mixtral", "olmo2", "olmo3", "phi3", "phi4",
        "qwen2", "qwen2_moe", "qwen2_moe-dense", "qwen3", "qwen3_5", "qwen3_5-wrapped",
        "qwen3_5_moe", "qwen3_5_moe-wrapped", "qwen3_moe", "qwen3_next", "seed_oss", "smollm3",
        "stablelm",
        "stablelm-parallel", "starcoder2",
    ]

    /// Those that can be GGUF files: llama.cpp has no keys for the ramp of that Llama's yarn, an EXAONE 4 has windows in 64
    /// blocks only, no bias of a convolution is loaded, and no Qwen 2 MoE has dense blocks.
    public static let convertible = all.filter {
        !["llama-yarn", "exaone4-windowed", "lfm2-biased", "qwen2_moe-dense"].contains($0)
    }

    /// The path of a model's folder.
    public static func folder(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("TransformerTests/Fixtures/Families/\(name)").path
    }

    /// A column of the table that `make families` prints.
    public enum Column: String, Sendable {
        case forward, backward, tokenizer, generate, toGGUF, toHuggingFace, roundTrip
    }

    /// Notes what a test measured, for the table.
    public static func record(_ family: String, _ column: Column, _ cell: String) throws {
        try note([family, column.rawValue, cell], inTableOf: "RTEDIT_FAMILY_TABLE")
    }

    /// Adds a line of cells to the file that this variable of the environment names, if it does.
    public static func note(_ cells: [String], inTableOf variable: String) throws {
        guard let path = ProcessInfo.processInfo.environment[variable] else { return }
        try lock.withLock { _ in
            if !FileManager.default.fileExists(atPath: path) {
                try Data().write(to: URL(fileURLWithPath: path))
            }
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try file.seekToEnd()
            try file.write(contentsOf: Data((cells.joined(separator: "\t") + "\n").utf8))
            try file.close()
        }
    }

    private static let lock = Mutex(())
}
