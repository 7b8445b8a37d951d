extension Architecture {
    /// StableLM 2: Llama with LayerNorm, partial rotation, and in its largest model a parallel residual.
    package static let stableLM = Architecture(
        name: "stablelm", huggingFaceModelType: "stablelm",
        huggingFaceClass: "StableLmForCausalLM", norm: .layer,
        weights: ModelNames(headInGGUF: .always).model(
            blocks: BlockNames().attention(bias: .flag("use_qkv_bias"))
                + BlockNames().gatedFeedForward()
                + BlockNames().inputNorms(.layer, second: .unlessParallel), norm: .layer),
        config: ConfigFormat(
            rotaryShare: "partial_rotary_factor",
            standard: [
                "num_key_value_heads": .integer(32), "partial_rotary_factor": .number(0.25),
            ], only: [("qk_layernorm", .bool(false))]
        ).withLayerNorm(),
        metadata: [
            .general, .contextLength, .embeddingLength, .blockCount, .feedForwardLength,
            .ropeDimensions, .headCount, .keyValueHeadCount, .isParallel, .normEpsilon, .fileType,
            .ropeScaling, .unusualRopeBase,
        ], traits: [.parallelResidual(followsNorm: true)])
}
