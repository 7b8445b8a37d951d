/// What compressed-tensors and llm-compressor write: whole numbers or floats of eight bits, whole numbers of fewer bits
/// packed into words, and floats of four bits (NVFP4, MXFP4).
///
/// A layer's tensors say how it is packed; one of the configuration's groups must agree.
struct CompressedTensorsScheme: PackingScheme {
    /// How a group of layers is packed.
    struct Arguments: Hashable {
        let bits: Int
        let isFloat: Bool
        let isSymmetric: Bool
        let strategy: String
        let groupSize: Int?
        let blockRows: Int?
        let blockColumns: Int?
    }

    private let groups: Set<Arguments>

    let skipList: SkipList? = .names("ignore")

    private static let formats = [
        "float-quantized", "naive-quantized", "int-quantized", "pack-quantized",
        "nvfp4-pack-quantized", "mxfp4-pack-quantized", "mxfp8-quantized",
    ]

    init(_ configuration: PackingConfiguration) throws(PackingProblem) {
        try configuration.refuseOthers([
            "quant_method", "format", "config_groups", "ignore", "kv_cache_scheme",
            "quantization_status", "global_compression_ratio", "sparsity_config",
            "transform_config", "version",
        ])
        for key in ["sparsity_config", "transform_config"] {
            try configuration.require(key, [.object(JSONObject())])
        }
        try configuration.require(
            "format", (Self.formats + ["mixed-precision"]).map { .string($0) })
        guard let named = try configuration.inner("config_groups") else {
            throw .contradiction("\(configuration.place) has no 'config_groups'")
        }
        var groups: Set<Arguments> = []
        for member in named.members.members {
            guard let group = try named.inner(member.key) else { continue }
            try group.refuseOthers([
                "targets", "weights", "input_activations", "output_activations", "format",
            ])
            try group.require("format", Self.formats.map { .string($0) })
            guard let weights = try group.inner("weights") else { continue }
            groups.insert(try Self.arguments(weights))
        }
        self.groups = groups
    }

    private static func arguments(
        _ weights: PackingConfiguration
    ) throws(PackingProblem) -> Arguments {
        try weights.refuseOthers([
            "num_bits", "type", "symmetric", "group_size", "strategy", "block_structure",
            "dynamic", "actorder", "observer", "observer_kwargs", "scale_dtype", "zp_dtype",
            "is_mx",
        ])
        try weights.require("type", [.string("int"), .string("float")])
        try weights.require(
            "strategy",
            ["tensor", "channel", "group", "block", "tensor_group"].map { .string($0) })
        // An order of columns within groups needs a list that is no longer written.
        try weights.require("actorder", [.bool(false), .string("weight"), .string("static")])
        let groupSize = try weights.integer("group_size")
        let block = try weights.block("block_structure")
        let strategy =
            try weights.text("strategy")
            ?? (groupSize.map { $0 > 0 ? "group" : "channel" } ?? "tensor")
        return Arguments(
            bits: try weights.integer("num_bits") ?? 8,
            isFloat: try weights.text("type") == "float",
            isSymmetric: try weights.flag("symmetric") ?? true, strategy: strategy,
            groupSize: groupSize, blockRows: block?.rows, blockColumns: block?.columns)
    }

    // MARK: - Layers

    func weight(
        ledBy tensor: StoredTensor, in folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor? {
        if let module = tensor.module(before: ".weight_packed") {
            return tensor.type == .u8
                ? try floats4(module, tensor, folder) : try words(module, tensor, folder)
        }
        guard [ElementType.f8E4M3, .i8].contains(tensor.type),
            let module = tensor.module(before: ".weight")
        else { return nil }
        return try elements(module, tensor, folder)
    }

    /// Elements of eight bits, each by itself.
    private func elements(
        _ module: String, _ tensor: StoredTensor, _ folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor {
        let size = try MatrixSize(of: tensor)
        let scale = try folder.require(module + ".weight_scale", for: tensor)
        let zero = folder[module + ".weight_zero_point"]
        let arguments = try agreed(
            Agreement(
                lead: tensor, bits: [8], isFloat: tensor.type != .i8, hasZero: zero != nil), scale,
            size)
        let blocks = try scale.blocks(
            arguments.block(of: size), of: size, scale.type == .u8 ? .exponent : nil,
            for: "'\(tensor.name)'")
        var zeros: ScaledCodes.Blocks?
        if let zero {
            try zero.requireType(.i8, .f8E4M3)
            zeros = try zero.blocks(
                arguments.block(of: size), of: size, .element(zero.type), for: "'\(tensor.name)'")
        }
        guard
            let codes = ElementCodes(
                tensor.bytes, type: tensor.type, rows: size.allRows, columns: size.columns)
        else { throw .contradiction("\(tensor.form) has another size") }
        return PackedTensor(
            name: tensor.name, shape: tensor.shape, label: arguments.label,
            layout: ScaledCodes(codes, scales: blocks, zeros: zeros),
            parts: [tensor, scale, zero].compactMap(\.self))
    }

    /// Whole numbers in words of 32 bits.
    private func words(
        _ module: String, _ tensor: StoredTensor, _ folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor {
        try tensor.requireType(.i32)
        let shape = try folder.require(module + ".weight_shape", for: tensor)
        let scale = try folder.require(module + ".weight_scale", for: tensor)
        let zero = folder[module + ".weight_zero_point"]
        let size = try Self.size(shape, of: tensor)
        let width = tensor.shape[1]
        let fitting = (1...8).filter { bits in
            width == (size.columns * bits + 31) / 32
                || width == (size.columns + 32 / bits - 1) / (32 / bits)
        }
        let arguments = try agreed(
            Agreement(lead: tensor, bits: fitting, isFloat: false, hasZero: zero != nil), scale,
            size)
        let bits = arguments.bits
        let isDense = width == (size.columns * bits + 31) / 32
        let block = arguments.block(of: size)
        let blocks = try scale.blocks(block, of: size, for: "'\(tensor.name)'")
        let zeros = try zero.map { zero throws(PackingProblem) in
            try Self.zeros(zero, bits: bits, block: block, size)
        }
        guard
            let codes = RowBitCodes(
                tensor.bytes, bits: bits,
                numbers: zeros == nil
                    ? CodeNumbers.centred(bits: bits) : CodeNumbers.unsigned(bits: bits),
                rows: size.rows, columns: size.columns, codesPerWord: isDense ? nil : 32 / bits)
        else { throw .contradiction("\(tensor.form) has another size") }
        return PackedTensor(
            name: module + ".weight", shape: [size.rows, size.columns], label: arguments.label,
            layout: ScaledCodes(codes, scales: blocks, zeros: zeros),
            parts: [tensor, scale, zero, shape].compactMap(\.self))
    }

    /// The weight's own rows and columns, which a tensor beside its words says.
    private static func size(
        _ shape: StoredTensor, of tensor: StoredTensor
    ) throws(PackingProblem) -> MatrixSize {
        try shape.requireType(.i64, .i32)
        guard shape.description.elementCount == 2, let values = try? shape.values(),
            values.allSatisfy({ $0 >= 1 && $0 < 16_777_216 }), tensor.shape.count == 2,
            tensor.shape[0] == Int(values[0])
        else {
            throw .contradiction(
                "\(shape.form) does not say how many rows and columns \(tensor.form) has")
        }
        return MatrixSize(rows: Int(values[0]), columns: Int(values[1]))
    }

    /// Zero points, packed down the rows.
    private static func zeros(
        _ zero: StoredTensor, bits: Int, block: (rows: Int, columns: Int)?, _ size: MatrixSize
    ) throws(PackingProblem) -> ScaledCodes.Blocks {
        try zero.requireType(.i32)
        let block = block ?? (size.rows, size.columns)
        let rows = (size.rows + block.rows - 1) / block.rows
        let columns = (size.columns + block.columns - 1) / block.columns
        try zero.requireShape(
            [(rows * bits + 31) / 32, columns], for: "zero points of \(bits) bits")
        guard
            let numbers = PackedNumbers(
                zero.bytes, .down, bits: bits, rows: rows, columns: columns),
            let blocks = ScaledCodes.Blocks(
                numbers, block: block, rows: size.rows, columns: size.columns)
        else { throw .contradiction("\(zero.form) has not one zero point for each block") }
        return blocks
    }

    /// Floats of four bits, of NVFP4 where a scale of the whole matrix divides them, else of MXFP4.
    private func floats4(
        _ module: String, _ tensor: StoredTensor, _ folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor {
        let halved = try MatrixSize(of: tensor)
        guard halved.matrices == 1 else { throw .contradiction("\(tensor.form) is no matrix") }
        let size = MatrixSize(rows: halved.rows, columns: 2 * halved.columns)
        let scale = try folder.require(module + ".weight_scale", for: tensor)
        let global = folder[module + ".weight_global_scale"]
        try scale.requireType(global == nil ? .u8 : .f8E4M3)
        let arguments = try agreed(
            Agreement(lead: tensor, bits: [4], isFloat: true, hasZero: false), scale, size)
        let blocks = try scale.blocks(
            arguments.block(of: size), of: size, global == nil ? .exponent : nil,
            for: "'\(tensor.name)'")
        let divisor = try global.map { global throws(PackingProblem) in try global.number() }
        guard divisor != 0 else { throw .contradiction("'\(module).weight_global_scale' is 0") }
        guard
            let codes = RowBitCodes(
                tensor.bytes, bits: 4, numbers: CodeNumbers.float4, rows: size.rows,
                columns: size.columns)
        else { throw .contradiction("\(tensor.form) has another size") }
        return PackedTensor(
            name: module + ".weight", shape: [size.rows, size.columns],
            label: global == nil ? "mxfp4" : "nvfp4",
            layout: ScaledCodes(codes, scales: blocks, divisor: divisor ?? 1),
            parts: [tensor, scale, global].compactMap(\.self))
    }

    // MARK: - Agreement

    /// What the tensors of a layer say of its group.
    private struct Agreement {
        let lead: StoredTensor
        let bits: [Int]
        let isFloat: Bool
        let hasZero: Bool
    }

    /// The group that agrees with a layer's tensors.
    ///
    /// - Throws: where none does, or several do and differ.
    private func agreed(
        _ layer: Agreement, _ scale: StoredTensor, _ size: MatrixSize
    ) throws(PackingProblem) -> Arguments {
        let fitting = groups.filter { group in
            layer.bits.contains(group.bits) && group.isFloat == layer.isFloat
                && group.isSymmetric != layer.hasZero && group.fits(scale.shape, size)
        }
        // Where blocks are as large as the matrix, groups of several kinds say the same.
        guard let group = fitting.first, Set(fitting.map(\.bits)).count == 1 else {
            throw .contradiction(
                "\(layer.lead.form) with \(scale.form)"
                    + (layer.hasZero ? " and zero points" : "")
                    + (fitting.isEmpty
                        ? " agrees with none of 'config_groups'"
                        : " agrees with several of 'config_groups'"))
        }
        return group
    }
}

extension CompressedTensorsScheme.Arguments {
    /// The rows and columns that share a scale; nil for a whole matrix.
    func block(of size: MatrixSize) -> (rows: Int, columns: Int)? {
        switch strategy {
        case "tensor": nil
        case "channel": (1, size.columns)
        case "block": blockRows.flatMap { rows in blockColumns.map { (rows, $0) } }
        default: (1, groupSize.flatMap { $0 > 0 ? $0 : nil } ?? size.columns)
        }
    }

    /// Whether scales of this shape are those of the blocks.
    func fits(_ shape: [Int], _ size: MatrixSize) -> Bool {
        let block = block(of: size) ?? (size.rows, size.columns)
        let grid = [
            size.matrices, (size.rows + block.rows - 1) / block.rows,
            (size.columns + block.columns - 1) / block.columns,
        ]
        return shape.filter { $0 != 1 } == grid.filter { $0 != 1 }
    }

    /// The kind in a few words.
    var label: String {
        let kind = (isFloat ? "fp" : "int") + "\(bits)"
        let place =
            switch strategy {
            case "tensor": "with one scale"
            case "channel": "with a scale for each row"
            case "block": "in blocks of \(blockRows ?? 0)x\(blockColumns ?? 0)"
            default: "in groups of \(groupSize ?? 0)"
            }
        return "\(kind) \(place)" + (isSymmetric ? "" : ", with zero points")
    }
}
