/// What NVIDIA's ModelOpt exports: floats of eight bits, NVFP4, whole numbers of four bits.
///
/// All scales multiply. `pre_quant_scale` multiplies the layer's input, which is the same as the columns of its weight.
struct ModelOptScheme: PackingScheme {
    private let groupSize: Int?

    let skipList: SkipList? = .names("exclude_modules", "ignore")

    private static let algorithms = [
        "FP8", "FP8_PB_WO", "FP8_PB_REAL", "FP8_PER_CHANNEL_PER_TOKEN", "NVFP4", "NVFP4_AWQ",
        "W4A16_AWQ", "W4A8_AWQ", "MIXED_PRECISION", "MXFP8",
    ]

    init(_ configuration: PackingConfiguration) throws(PackingProblem) {
        try configuration.refuseOthers([
            "quant_method", "quant_algo", "kv_cache_quant_algo", "kv_cache_scheme",
            "exclude_modules", "ignore", "group_size", "has_zero_point", "pre_quant_scale",
            "quantized_layers", "config_groups", "producer",
        ])
        try configuration.require("quant_algo", Self.algorithms.map { .string($0) })
        try configuration.require("has_zero_point", [.bool(false)])
        groupSize = try configuration.integer("group_size")
    }

    func weight(
        ledBy tensor: StoredTensor, in folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor? {
        guard let module = tensor.module(before: ".weight"),
            tensor.type == .f8E4M3 || tensor.type == .u8
        else { return nil }
        let scale = try folder.require(module + ".weight_scale", for: tensor)
        let second = folder[module + ".weight_scale_2"]
        let input = folder[module + ".pre_quant_scale"]
        let layer = Layer(
            tensor: tensor, scale: scale, second: second, input: input,
            size: try MatrixSize(of: tensor))
        if tensor.type == .f8E4M3 { return try floats8(layer) }
        return scale.type == .f8E4M3 ? try floats4(layer) : try wholeNumbers(layer)
    }

    /// The tensors of a layer.
    private struct Layer {
        let tensor: StoredTensor
        let scale: StoredTensor
        let second: StoredTensor?
        let input: StoredTensor?
        /// Of the codes' tensor.
        let size: MatrixSize

        var parts: [StoredTensor] { [tensor, scale, second, input].compactMap(\.self) }

        /// What the input is multiplied by, as factors of columns.
        func inputScales(_ size: MatrixSize) throws(PackingProblem) -> ScaledCodes.Blocks? {
            guard let input else { return nil }
            return try input.blocks(
                (size.rows, 1), of: size, for: "the inputs of '\(tensor.name)'")
        }
    }

    private func floats8(_ layer: Layer) throws(PackingProblem) -> PackedTensor {
        let (tensor, scale, size) = (layer.tensor, layer.scale, layer.size)
        let count = scale.description.elementCount ?? 0
        let block: (rows: Int, columns: Int)? =
            count == size.matrices || count == 1
            ? nil
            : count == size.allRows
                ? (1, size.columns)
                : scale.type == .u8 ? (1, 32) : (128, 128)
        if let second = layer.second {
            throw .unsupported("\(second.form) beside floats of eight bits is not supported")
        }
        let blocks = try scale.blocks(
            block, of: size, scale.type == .u8 ? .exponent : nil, for: "'\(tensor.name)'")
        guard
            let codes = ElementCodes(
                tensor.bytes, type: tensor.type, rows: size.allRows, columns: size.columns)
        else { throw .contradiction("\(tensor.form) has another size") }
        return PackedTensor(
            name: tensor.name, shape: tensor.shape,
            label: "fp8 "
                + (block.map {
                    $0 == (1, size.columns)
                        ? "with a scale for each row" : "in blocks of \($0.rows)x\($0.columns)"
                }
                    ?? "with one scale"),
            layout: ScaledCodes(codes, scales: blocks, inputScales: try layer.inputScales(size)),
            parts: layer.parts)
    }

    private func floats4(_ layer: Layer) throws(PackingProblem) -> PackedTensor {
        let tensor = layer.tensor
        let size = layer.size.widened(by: 2)
        guard let second = layer.second else {
            throw .contradiction("\(tensor.form) has no tensor 'weight_scale_2' beside it")
        }
        let blocks = try layer.scale.blocks(
            (1, groupSize ?? 16), of: size, for: "'\(tensor.name)'")
        guard
            let codes = RowBitCodes(
                tensor.bytes, bits: 4, numbers: CodeNumbers.float4, rows: size.allRows,
                columns: size.columns)
        else { throw .contradiction("\(tensor.form) has another size") }
        return PackedTensor(
            name: tensor.name, shape: Array(tensor.shape.dropLast()) + [size.columns],
            label: "nvfp4",
            layout: ScaledCodes(
                codes, scales: blocks, inputScales: try layer.inputScales(size),
                factor: try second.number()),
            parts: layer.parts)
    }

    private func wholeNumbers(_ layer: Layer) throws(PackingProblem) -> PackedTensor {
        let tensor = layer.tensor
        guard layer.size.matrices == 1, let groupSize, groupSize > 0, layer.second == nil else {
            throw .unsupported("\(tensor.form) with \(layer.scale.form) is not supported")
        }
        let size = MatrixSize(rows: 2 * layer.size.rows, columns: layer.size.columns)
        let blocks = try layer.scale.blocks((1, groupSize), of: size, for: "'\(tensor.name)'")
        guard
            let codes = RowPairCodes(
                tensor.bytes, numbers: CodeNumbers.twosComplement(bits: 4), rows: size.rows,
                columns: size.columns)
        else { throw .contradiction("\(tensor.form) has another size") }
        return PackedTensor(
            name: tensor.name, shape: [size.rows, size.columns],
            label: "int4 in groups of \(groupSize)",
            layout: ScaledCodes(codes, scales: blocks, inputScales: try layer.inputScales(size)),
            parts: layer.parts)
    }
}

extension MatrixSize {
    /// With so many times the columns.
    func widened(by factor: Int) -> MatrixSize {
        MatrixSize(matrices: matrices, rows: rows, columns: factor * columns)
    }
}
