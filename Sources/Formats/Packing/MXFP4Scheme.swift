/// MXFP4 as gpt-oss stores the matrices of its experts: blocks of 32 floats of four bits with an exponent each, in tensors
/// `…_blocks` (experts, outputs, blocks, 16) and `…_scales` (experts, outputs, blocks).
struct MXFP4Scheme: PackingScheme {
    let skipList: SkipList? = .names("modules_to_not_convert")

    init(_ configuration: PackingConfiguration) throws(PackingProblem) {
        try configuration.refuseOthers(["quant_method", "modules_to_not_convert", "dequantize"])
    }

    func weight(
        ledBy tensor: StoredTensor, in folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor? {
        guard let name = tensor.module(before: "_blocks") else { return nil }
        try tensor.requireType(.u8)
        let scale = try folder.require(name + "_scales", for: tensor)
        try scale.requireType(.u8, .f8E8M0)
        let shape = tensor.shape
        guard shape.count == 4, shape[3] == 16, shape.allSatisfy({ $0 > 0 }),
            scale.shape == Array(shape.prefix(3))
        else { throw .contradiction("\(tensor.form) does not fit \(scale.form)") }
        let size = MatrixSize(matrices: shape[0], rows: shape[1], columns: 32 * shape[2])
        let blocks = try scale.blocks((1, 32), of: size, .exponent, for: "'\(tensor.name)'")
        guard
            let codes = RowBitCodes(
                tensor.bytes, bits: 4, numbers: CodeNumbers.float4, rows: size.allRows,
                columns: size.columns)
        else { throw .contradiction("\(tensor.form) has another size") }
        return PackedTensor(
            name: name, shape: [shape[0], shape[1], size.columns], label: "mxfp4",
            layout: ScaledCodes(codes, scales: blocks), parts: [tensor, scale])
    }
}
