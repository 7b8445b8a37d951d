/// GPTQ's layers: words of 32 bits with several inputs of an output each, scales and zero points of groups of inputs, and
/// a list of the group that each input belongs to (`g_idx`), in any order where activations gave it.
///
/// Version 1 of the format stores zero points less 1. AutoRound writes the same layers under names of its own.
struct GPTQScheme: PackingScheme {
    /// What zero points are stored less.
    private let zeroOffset: Float
    private let bits: Int
    private let groupSize: Int?
    /// Whether single layers may have other bits.
    private let isMixed: Bool

    let skipList: SkipList? = nil

    /// Members that say how codes were found, or how programs run them.
    static let harmless: Set<String> = [
        "quant_method", "bits", "group_size", "sym", "desc_act", "lm_head", "damp_percent",
        "damp_auto_increment", "true_sequential", "static_groups", "act_group_aware",
        "model_name_or_path", "model_file_base_name", "checkpoint_format", "format", "pack_dtype",
        "dynamic", "meta", "mse", "backend", "batch_size", "dataset", "tokenizer",
        "block_name_to_quantize", "module_name_preceding_first_block",
        "modules_in_block_to_quantize", "max_input_length", "cache_block_outputs",
        "model_seqlen", "pad_token_id", "use_cuda_fp16", "use_exllama", "disable_exllama",
        "exllama_config", "is_marlin_format", "adapter", "rotation", "parallel_packing",
        "offload_to_disk", "v2", "fail_safe", "hyb_act",
    ]

    init(_ configuration: PackingConfiguration) throws(PackingProblem) {
        try configuration.refuseOthers(Self.harmless)
        try configuration.require("is_marlin_format", [.bool(false)])
        try configuration.require("pack_dtype", [.string("int32")])
        try configuration.require("rotation", [])
        try configuration.require("adapter", [])
        let formats: [JSONValue] = [.string("gptq"), .string("gptq_v2")]
        try configuration.require("checkpoint_format", formats)
        try configuration.require("format", formats)
        let format =
            try configuration.text(
                configuration["checkpoint_format"] == nil ? "format" : "checkpoint_format")
        try self.init(configuration, isFirstVersion: format != "gptq_v2")
    }

    /// - Parameter isFirstVersion: whether zero points are stored less 1.
    init(
        _ configuration: PackingConfiguration, isFirstVersion: Bool
    ) throws(PackingProblem) {
        guard let bits = try configuration.integer("bits"), [2, 4, 8].contains(bits) else {
            throw .unsupported("\(configuration.place): 'bits' is to be 2, 4 or 8")
        }
        self.bits = bits
        let size = try configuration.integer("group_size")
        groupSize = size.flatMap { $0 > 0 ? $0 : nil }
        zeroOffset = isFirstVersion ? 1 : 0
        isMixed = ["dynamic", "extra_config"].contains {
            configuration[$0].map { $0 != .object(JSONObject()) } ?? false
        }
    }

    func weight(
        ledBy tensor: StoredTensor, in folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor? {
        guard let module = tensor.module(before: ".qweight") else { return nil }
        try tensor.requireType(.i32)
        let scales = try folder.require(module + ".scales", for: tensor)
        let zeros = try folder.require(module + ".qzeros", for: tensor)
        try zeros.requireType(.i32)
        guard tensor.shape.count == 2, scales.shape.count == 2, scales.shape[1] == tensor.shape[1],
            scales.shape[0] > 0, tensor.shape.allSatisfy({ $0 > 0 })
        else { throw .contradiction("\(tensor.form) does not fit \(scales.form)") }
        let (outputs, groups) = (tensor.shape[1], scales.shape[0])
        let bits = try self.bits(of: zeros, outputs: outputs, groups: groups)
        let size = MatrixSize(rows: outputs, columns: tensor.shape[0] * (32 / bits))
        let groupSize = self.groupSize ?? size.columns
        let list = try Self.list(
            folder[module + ".g_idx"], inputs: size.columns, groups: groups, of: groupSize)
        guard groups == (size.columns + groupSize - 1) / groupSize else {
            throw .contradiction(
                "\(scales.form): \(size.columns) inputs in groups of \(groupSize) have "
                    + "\((size.columns + groupSize - 1) / groupSize) groups, not \(groups)")
        }
        guard
            let codes = InputWordCodes(
                tensor.bytes, bits: bits, rows: outputs, columns: size.columns),
            scales.type.isPlainFloat,
            let scaleNumbers = StoredNumbers(
                scales.bytes, .element(scales.type), rows: outputs, columns: groups,
                strides: (1, outputs)),
            let zeroNumbers = PackedNumbers(
                zeros.bytes, .along, bits: bits, offset: zeroOffset, rows: outputs,
                columns: groups),
            let blocks = self.blocks(scaleNumbers, list, groupSize, size),
            let zeroBlocks = self.blocks(zeroNumbers, list, groupSize, size)
        else { throw .contradiction("\(tensor.form), \(scales.form) and \(zeros.form) do not fit") }
        return PackedTensor(
            name: module + ".weight", shape: [outputs, size.columns],
            label: "int\(bits) in groups of \(groupSize)"
                + (list == nil ? "" : ", inputs in order of activations"),
            layout: ScaledCodes(
                codes, scales: blocks, zeros: zeroBlocks,
                groups: list),
            parts: [tensor, scales, zeros, folder[module + ".g_idx"]].compactMap(\.self))
    }

    /// The bits of a layer's codes, as its zero points tell.
    private func bits(
        of zeros: StoredTensor, outputs: Int, groups: Int
    ) throws(PackingProblem) -> Int {
        guard
            let found = [2, 4, 8].first(where: {
                outputs * $0 % 32 == 0 && zeros.shape == [groups, outputs * $0 / 32]
            }), found == bits || isMixed
        else {
            throw .contradiction(
                "\(zeros.form) is to have shape \([groups, outputs * bits / 32]) for \(bits) bits")
        }
        return found
    }

    /// The blocks of a grid whose columns are groups: stretches of inputs, or those of a list.
    private func blocks(
        _ grid: any NumberGrid, _ list: GroupList?, _ groupSize: Int, _ size: MatrixSize
    ) -> ScaledCodes.Blocks? {
        list == nil
            ? ScaledCodes.Blocks(
                grid, block: (1, groupSize), rows: size.rows, columns: size.columns)
            : ScaledCodes.Blocks(listed: grid, rows: size.rows)
    }

    /// The list of the inputs' groups; nil where there is none, or it says what is so without it.
    ///
    /// - Throws: where it has not one for each input, or names a group that is not there.
    private static func list(
        _ tensor: StoredTensor?, inputs: Int, groups: Int, of groupSize: Int
    ) throws(PackingProblem) -> GroupList? {
        guard let tensor else { return nil }
        try tensor.requireType(.i32)
        try tensor.requireShape([inputs], for: "a group for each input")
        let list = GroupList(tensor.bytes, groupCount: groups, groupSize: groupSize)
        if let stray = list.stray {
            throw .contradiction(
                "\(tensor.form): the group of input \(stray.input) is \(stray.group), but there are "
                    + "\(groups) groups")
        }
        return list.isOrdered ? nil : list
    }
}
