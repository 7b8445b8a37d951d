import Foundation

/// A small Llama with random weights whose rows are as long as a super-block, so that every type can store them; its
/// tokenizer is that of the small Llama among the families.
public enum WideModel {
    public static let width = 256
    public static let blockCount = 3
    public static let vocabularySize = 78

    /// Writes the folder: `config.json` and `model.safetensors`, in f32.
    public static func write(to path: String) throws {
        try FileManager.default.copyItem(atPath: Families.folder("llama"), toPath: path)
        let config = """
            {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": \(width), \
            "intermediate_size": \(width), "num_hidden_layers": \(blockCount), \
            "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": \(vocabularySize), \
            "max_position_embeddings": 128, "rms_norm_eps": 1e-05, "rope_theta": 10000.0, \
            "hidden_act": "silu", "tie_word_embeddings": false, "attention_bias": false, \
            "mlp_bias": false, "torch_dtype": "float32"}
            """
        try Data(config.utf8).write(to: URL(fileURLWithPath: path + "/config.json"))
        var generator = SeededGenerator(seed: 12)
        var header: [String] = []
        var data: [UInt8] = []
        for (name, shape) in tensors {
            let count = shape.reduce(1, *)
            let start = data.count
            for _ in 0..<count {
                let value: Float =
                    shape.count == 1 ? 1 : .random(in: -1...1, using: &generator) * scale(name)
                data += le(value.bitPattern)
            }
            let sizes = shape.map(String.init).joined(separator: ",")
            header.append(
                "\"\(name)\":{\"dtype\":\"F32\",\"shape\":[\(sizes)],\"data_offsets\":[\(start),\(data.count)]}"
            )
        }
        let text = "{" + header.joined(separator: ",") + "}"
        let padded = text + String(repeating: " ", count: (8 - text.utf8.count % 8) % 8)
        let bytes = le(UInt64(padded.utf8.count)) + Array(padded.utf8) + data
        try Data(bytes).write(to: URL(fileURLWithPath: path + "/model.safetensors"))
    }

    private static func scale(_ name: String) -> Float { name.contains("embed") ? 1 : 0.08 }

    private static var tensors: [(String, [Int])] {
        let square = [width, width]
        var all: [(String, [Int])] = [
            ("lm_head.weight", [vocabularySize, width]),
            ("model.embed_tokens.weight", [vocabularySize, width]),
            ("model.norm.weight", [width]),
        ]
        for block in 0..<blockCount {
            let prefix = "model.layers.\(block)."
            all += [
                (prefix + "input_layernorm.weight", [width]),
                (prefix + "post_attention_layernorm.weight", [width]),
            ]
            for part in [
                "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
                "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj",
            ] {
                all.append((prefix + part + ".weight", square))
            }
        }
        return all
    }
}
