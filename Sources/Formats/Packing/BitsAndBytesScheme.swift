/// bitsandbytes' layers: four bits with a table of numbers (NF4, FP4), or whole numbers of eight bits with a scale for each
/// row.
///
/// Tables, block sizes and shapes are those that the files hold.
struct BitsAndBytesScheme: PackingScheme {
    let skipList: SkipList? = .names("llm_int8_skip_modules")

    var carried: Set<String> { Self.activationScales.union(["weight_format"]) }

    init(_ configuration: PackingConfiguration) throws(PackingProblem) {
        try configuration.refuseOthers([
            "quant_method", "load_in_4bit", "load_in_8bit", "llm_int8_threshold",
            "llm_int8_skip_modules", "llm_int8_enable_fp32_cpu_offload",
            "llm_int8_has_fp16_weight", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant",
            "bnb_4bit_compute_dtype", "bnb_4bit_quant_storage",
        ])
        try configuration.require("llm_int8_has_fp16_weight", [.bool(false)])
        try configuration.require("bnb_4bit_quant_storage", [.string("uint8")])
    }

    func weight(
        ledBy tensor: StoredTensor, in folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor? {
        guard let module = tensor.module(before: ".weight") else { return nil }
        switch tensor.type {
        case .i8: return try eightBits(module, tensor, folder)
        case .u8: return try fourBits(tensor, folder)
        default: return nil
        }
    }

    private func eightBits(
        _ module: String, _ tensor: StoredTensor, _ folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor {
        let scale = try folder.require(module + ".SCB", for: tensor)
        if let format = folder[module + ".weight_format"] {
            guard let value = try? format.values().first, value == 0 else {
                throw .unsupported("\(format.form) says that rows have another order")
            }
        }
        let size = try MatrixSize(of: tensor)
        let blocks = try scale.blocks((1, size.columns), of: size, for: "'\(tensor.name)'")
        guard
            let codes = ElementCodes(
                tensor.bytes, type: .i8, rows: size.allRows, columns: size.columns)
        else { throw .contradiction("\(tensor.form) has another size") }
        return PackedTensor(
            name: tensor.name, shape: tensor.shape, label: "int8 with a scale for each row",
            layout: ScaledCodes(codes, scales: blocks, factor: 1 / 127), parts: [tensor, scale])
    }

    // MARK: - Four bits

    private func fourBits(
        _ tensor: StoredTensor, _ folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor {
        let states = ["nf4", "fp4"].compactMap {
            folder["\(tensor.name).quant_state.bitsandbytes__\($0)"]
        }
        guard let stored = states.first, states.count == 1 else {
            throw .contradiction(
                "\(tensor.form) has \(states.count) tensors 'quant_state' beside it, not one")
        }
        let state = try QuantizationState(stored)
        let absmax = try folder.require(tensor.name + ".absmax", for: tensor)
        let map = try folder.require(tensor.name + ".quant_map", for: tensor)
        var parts = [tensor, absmax, map, stored]
        let scales: TableCodes.Scales
        if absmax.type == .u8 {
            let nested = try folder.require(tensor.name + ".nested_absmax", for: tensor)
            let table = try folder.require(tensor.name + ".nested_quant_map", for: tensor)
            try nested.requireType(.f32)
            guard let size = state.nestedBlockSize, let offset = state.nestedOffset else {
                throw .contradiction("\(stored.form) says nothing of the scales' own scales")
            }
            scales = .nested(
                absmax.bytes, table: try Self.numbers(table, count: 256), scales: nested.bytes,
                blockSize: size, offset: offset)
            parts += [nested, table]
        } else {
            try absmax.requireType(.f32)
            scales = .plain(absmax.bytes)
        }
        guard
            let layout = TableCodes(
                tensor.bytes, table: try Self.numbers(map, count: 16), scales: scales,
                blockSize: state.blockSize, rows: state.shape[0], columns: state.shape[1])
        else {
            throw .contradiction(
                "\(tensor.form) and \(absmax.form) are not those of a matrix of shape "
                    + "\(state.shape) in blocks of \(state.blockSize)")
        }
        return PackedTensor(
            name: tensor.name, shape: state.shape,
            label: state.type + (absmax.type == .u8 ? " with quantised scales" : ""),
            layout: layout, parts: parts)
    }

    /// A table of numbers.
    private static func numbers(
        _ tensor: StoredTensor, count: Int
    ) throws(PackingProblem) -> [Float] {
        guard tensor.type == .f32, tensor.shape == [count], let values = try? tensor.values(),
            values.allSatisfy(\.isFinite)
        else { throw .contradiction("\(tensor.form) is to be \(count) finite numbers in f32") }
        return values
    }

    /// What the text beside a layer says.
    private struct QuantizationState {
        let type: String
        let blockSize: Int
        let shape: [Int]
        let nestedBlockSize: Int?
        let nestedOffset: Float?

        /// The longest text that is read.
        private static let limit = 1 << 16

        private static func isSize(_ number: Int) -> Bool {
            number > 0 && PackingConfiguration.sizes.contains(number)
        }

        init(_ tensor: StoredTensor) throws(PackingProblem) {
            let fault = PackingProblem.contradiction(
                "\(tensor.form) is to say type, block size and shape in JSON")
            let text = tensor.bytes.withUnsafeBytes { Array($0.prefix(Self.limit + 1)) }
            guard tensor.type == .u8, text.count <= Self.limit,
                let object = (try? JSONReader.parse(text, source: tensor.name))?.object,
                let type = object["quant_type"]?.string, ["nf4", "fp4"].contains(type),
                let blockSize = object["blocksize"]?.integer, Self.isSize(blockSize),
                let shape = object["shape"]?.array?.compactMap(\.integer), shape.count == 2,
                shape.allSatisfy({ (1..<1 << 31).contains($0) })
            else { throw fault }
            self.type = type
            self.blockSize = blockSize
            self.shape = shape
            let nested = object["nested_blocksize"]?.integer
            guard nested.map(Self.isSize) ?? true else { throw fault }
            nestedBlockSize = nested
            nestedOffset = object["nested_offset"]?.number.map { Float($0) }
        }
    }
}
