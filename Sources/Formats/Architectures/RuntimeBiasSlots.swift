/// What the runtimes outside do with a bias on the attention output and on the feed-forward output. It decides whether a
/// vector can be baked as a bias that survives loading.
///
/// Of a family that rtedit knows its rules say so (`Architecture.biasLoading`). Here stand the others, whose files can be
/// edited all the same: read off llama.cpp's model sources (commit 0c1e570) and transformers 5.23's configurations.
package enum RuntimeBiasSlots {
    /// What a runtime does with a bias tensor.
    package enum Loading: Sendable, Hashable {
        /// Loads and uses it.
        case used
        /// llama.cpp loads it, but the model's graph never reads it; transformers drops it in silence.
        case ignored
        /// Refuses the whole file: one tensor more than it created.
        case refused
    }

    /// What happens to `attn_output.bias` and to `ffn_down.bias` in a GGUF file of these architectures.
    static let llamaCpp = table([
        (
            .used, .used,
            """
            llama-embed deci granitemoe granitehybrid granite_swa minicpm mpt nemotron
            nemotron_h nemotron_h_moe bloom codeshell jais jais2 phi2 starcoder
            """
        ),
        (.ignored, .ignored, "refact llada"),
        (.used, .refused, "apertus paddleocr phimoe pangu-embedded"),
        (.ignored, .refused, "ernie4_5-moe"), (.ignored, .used, "falcon-h1"),
    ])

    /// What happens to the same biases in a folder of these model types.
    static let transformers = table([
        (.used, .used, "nemotron phi bloom"),
        (
            .used, .ignored,
            """
            olmo olmoe cohere deepseek_v3 granitemoe apertus
            phimoe bitnet hunyuan_v1_dense dots1 diffllama nanochat
            """
        ),
        (.ignored, .used, "helium cwm"),
    ])

    private static func table(
        _ rows: [(attention: Loading, feedForward: Loading, names: String)]
    ) -> [String: (attention: Loading, feedForward: Loading)] {
        var table: [String: (attention: Loading, feedForward: Loading)] = [:]
        for row in rows {
            for name in row.names.split(whereSeparator: \.isWhitespace) {
                table[String(name)] = (row.attention, row.feedForward)
            }
        }
        return table
    }

    /// What a format's runtime does with the bias in files of a family that rtedit does not know.
    ///
    /// - Parameter isMixture: whether the feed-forward part is a mixture of experts: no runtime has a bias there.
    package static func loading(
        of slot: BlockSlot, in format: FileFormat, family: String, isMixture: Bool = false
    ) -> Loading {
        let none = Loading.ofNone(in: format)
        if slot == .feedForwardDown, isMixture, format == .gguf { return none }
        let slots = (format == .gguf ? llamaCpp : transformers)[family]
        return (slot == .attentionOutput ? slots?.attention : slots?.feedForward) ?? none
    }
}

extension RuntimeBiasSlots.Loading {
    /// What a format's runtime does with a bias that it has no place for.
    fileprivate static func ofNone(in format: FileFormat) -> Self {
        format == .gguf ? .refused : .ignored
    }
}

extension Architecture {
    /// What a format's runtime does with a bias of this place in the family's files.
    package func biasLoading(of slot: BlockSlot, in format: FileFormat) -> RuntimeBiasSlots.Loading
    {
        let bias = rule(for: .block(0, slot))?.bias
        return bias?.formats.contains(format) ?? false ? .used : .ofNone(in: format)
    }
}
