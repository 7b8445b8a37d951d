/// torchao's layers as its safetensors metadata say: whole numbers or floats of eight bits with a scale, and where there is
/// one a zero point, for each block.
struct TorchAOScheme: PackingScheme {
    /// What a file's metadata says of each weight.
    private let descriptions: [ExactString: JSONObject]

    let skipList: SkipList? = .names("modules_to_not_convert")

    init(
        _ configuration: PackingConfiguration, _ metadata: [SafetensorsMetadata]
    ) throws(PackingProblem) {
        try configuration.refuseOthers([
            "quant_method", "quant_type", "quant_type_kwargs", "modules_to_not_convert",
            "include_input_output_embeddings", "untie_embedding_weights",
        ])
        var descriptions: [ExactString: JSONObject] = [:]
        for entry in metadata where entry.value.contains("\"_type\"") {
            descriptions[ExactString(entry.key)] =
                (try? JSONReader.parse(Array(entry.value.utf8), source: entry.key))?.object
        }
        self.descriptions = descriptions
    }

    func weight(
        ledBy tensor: StoredTensor, in folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor? {
        guard let module = tensor.module(before: "._weight_qdata") else { return nil }
        let name = module + ".weight"
        guard let description = descriptions[ExactString(name)],
            let type = description["_type"]?.string
        else {
            throw .contradiction("\(tensor.form): the header's metadata says nothing of '\(name)'")
        }
        guard ["Int8Tensor": ElementType.i8, "Float8Tensor": .f8E4M3][type] == tensor.type else {
            throw .unsupported("\(tensor.form) is a \(type.quoted), which is not supported")
        }
        let size = try MatrixSize(of: tensor)
        let sizes = description["_data"]?.object?["block_size"]?.array?.compactMap(\.integer) ?? []
        guard sizes.count == tensor.shape.count,
            sizes.allSatisfy({ $0 > 0 && PackingConfiguration.sizes.contains($0) }),
            size.matrices == 1
        else { throw .contradiction("\(tensor.form): 'block_size' is \(sizes)") }
        let block = (rows: sizes[0], columns: sizes[1])
        let scale = try folder.require(module + "._weight_scale", for: tensor)
        let zero = folder[module + "._weight_zero_point"]
        let blocks = try scale.blocks(block, of: size, for: "'\(name)'")
        let zeros = try zero.map { zero throws(PackingProblem) in
            try zero.requireType(.i8)
            return try zero.blocks(block, of: size, .element(.i8), for: "'\(name)'")
        }
        guard
            let codes = ElementCodes(
                tensor.bytes, type: tensor.type, rows: size.rows, columns: size.columns)
        else { throw .contradiction("\(tensor.form) has another size") }
        return PackedTensor(
            name: name, shape: tensor.shape,
            label:
                "\(tensor.type == .i8 ? "int8" : "fp8") in blocks of \(block.rows)x\(block.columns)",
            layout: ScaledCodes(codes, scales: blocks, zeros: zeros),
            parts: [tensor, scale, zero].compactMap(\.self))
    }
}
