/// Floats of eight bits that scales multiply: `quant_method` fp8, as DeepSeek and Mistral publish their models.
///
/// A scale is of a block of `weight_block_size`, the last of which may be partial, or of a whole matrix. Despite its name
/// `weight_scale_inv` is what codes are multiplied by.
struct FP8Scheme: PackingScheme {
    private let block: (rows: Int, columns: Int)?
    /// Whether bytes are exponents.
    private let hasExponents: Bool

    let skipList: SkipList? = .names("modules_to_not_convert", "ignored_layers")

    init(_ configuration: PackingConfiguration) throws(PackingProblem) {
        try configuration.refuseOthers([
            "quant_method", "fmt", "activation_scheme", "weight_block_size", "scale_fmt",
            "modules_to_not_convert", "ignored_layers", "modules_to_convert", "expert_dtype",
            "dequantize", "kv_cache_scheme",
        ])
        try configuration.require("fmt", [.string("e4m3"), .string("float8_e4m3fn")])
        try configuration.require("scale_fmt", [.string("float"), .string("ue8m0")])
        try configuration.require("expert_dtype", [.string("fp8")])
        hasExponents = try configuration.text("scale_fmt") == "ue8m0"
        // transformers takes its standard where the member is missing, and one scale for all where it is null.
        block =
            configuration.members["weight_block_size"] == nil
            ? (128, 128) : try configuration.block("weight_block_size")
    }

    func weight(
        ledBy tensor: StoredTensor, in folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor? {
        guard tensor.type == .f8E4M3 || tensor.type == .f8E5M2 else { return nil }
        var names = [tensor.name + "_scale_inv"]
        if let module = tensor.module(before: ".weight") {
            names += [module + ".scale", module + ".qscale_weight"]
        }
        let scales = names.compactMap { folder[$0] }
        guard let scale = scales.first, scales.count == 1 else {
            throw .contradiction(
                "\(tensor.form) has \(scales.count) tensors of scales, not one such as "
                    + names[0].quoted)
        }
        let size = try MatrixSize(of: tensor)
        let isSingle = block == nil
        let blocks = try scale.blocks(
            block, of: size, scale.type == .u8 && hasExponents ? .exponent : nil,
            for: "the blocks of '\(tensor.name)'")
        guard
            let codes = ElementCodes(
                tensor.bytes, type: tensor.type, rows: size.allRows, columns: size.columns)
        else { throw .contradiction("\(tensor.form) has another size") }
        let extra = ["_activation_scale", "_input_scale"].compactMap { folder[tensor.name + $0] }
        return PackedTensor(
            name: tensor.name, shape: tensor.shape,
            label: "\(tensor.type.name) "
                + (isSingle ? "with one scale" : "in blocks of \(block.text)"),
            layout: ScaledCodes(codes, scales: blocks), parts: [tensor, scale] + extra)
    }
}

extension Optional<(rows: Int, columns: Int)> {
    /// "128x64".
    var text: String { map { "\($0.rows)x\($0.columns)" } ?? "all" }
}
