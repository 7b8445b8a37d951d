/// AutoRound's own folders: layers of GPTQ or AWQ under names of its own. Its `auto_round` packings store zero points as
/// they are, unlike version 1 of GPTQ's format.
struct AutoRoundScheme: PackingScheme {
    private let inner: any PackingScheme

    var skipList: SkipList? { nil }

    init(_ configuration: PackingConfiguration) throws(PackingProblem) {
        try configuration.refuseOthers(
            GPTQScheme.harmless.union([
                "packing_format", "extra_config", "data_type", "autoround_version", "iters", "lr",
                "minmax_lr", "seqlen", "nsamples", "amp", "enable_quanted_input",
                "enable_minmax_tuning", "low_gpu_mem_usage", "gradient_accumulate_steps",
                "block_name_to_quantize", "to_quant_block_names", "quant_block_list",
                "super_bits", "super_group_size", "act_bits", "act_data_type", "act_dynamic",
                "act_group_size", "act_sym", "supported_types", "scale_dtype", "ignore_layers",
            ]))
        try configuration.require("data_type", [.string("int")])
        try configuration.require("act_bits", [.integer(16), .integer(32)])
        let packing = try configuration.text("packing_format") ?? "auto_round:gptq"
        switch packing {
        case "auto_round:auto_gptq":
            inner = try GPTQScheme(configuration, isFirstVersion: true)
        case "auto_round", "auto_round:gptqmodel":
            inner = try GPTQScheme(configuration, isFirstVersion: false)
        case "auto_round:auto_awq", "auto_round:awq":
            try configuration.require("bits", [.integer(4)])
            inner = try AWQScheme(configuration, hasZeros: true)
        default: throw configuration.refusal(of: "packing_format", .string(packing))
        }
    }

    func weight(
        ledBy tensor: StoredTensor, in folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor? {
        try inner.weight(ledBy: tensor, in: folder)
    }
}
