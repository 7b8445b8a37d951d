/// AWQ's layers in the arrangement "gemm": words of 32 bits with one input of eight outputs each, in an order of their
/// own, scales and zero points of groups of inputs.
struct AWQScheme: PackingScheme {
    private let groupSize: Int?
    private let hasZeros: Bool

    let skipList: SkipList? = .names("modules_to_not_convert")

    init(_ configuration: PackingConfiguration) throws(PackingProblem) {
        try configuration.refuseOthers(
            GPTQScheme.harmless.union([
                "version", "zero_point", "w_bit", "q_group_size", "modules_to_not_convert",
                "do_fuse", "fuse_max_seq_len", "modules_to_fuse",
            ]))
        for key in ["version", "format"] {
            try configuration.require(
                key, ["gemm", "GEMM"].map { .string($0) })
        }
        for key in ["bits", "w_bit"] { try configuration.require(key, [.integer(4)]) }
        try self.init(
            configuration,
            hasZeros: configuration.flag("zero_point") ?? true)
    }

    /// - Parameter hasZeros: whether each layer has zero points.
    init(_ configuration: PackingConfiguration, hasZeros: Bool) throws(PackingProblem) {
        let size =
            try configuration.integer(
                configuration["group_size"] == nil ? "q_group_size" : "group_size")
        groupSize = size.flatMap { $0 > 0 ? $0 : nil }
        self.hasZeros = hasZeros
    }

    func weight(
        ledBy tensor: StoredTensor, in folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor? {
        guard let module = tensor.module(before: ".qweight") else { return nil }
        try tensor.requireType(.i32)
        guard tensor.shape.count == 2, tensor.shape.allSatisfy({ (1..<1 << 28).contains($0) })
        else { throw .contradiction("\(tensor.form) is no matrix") }
        let size = MatrixSize(rows: 8 * tensor.shape[1], columns: tensor.shape[0])
        let groupSize = self.groupSize ?? size.columns
        let groups = (size.columns + groupSize - 1) / groupSize
        let scales = try folder.require(module + ".scales", for: tensor)
        try scales.requireShape([groups, size.rows], for: "groups of \(groupSize) inputs")
        let zeros =
            hasZeros
            ? try folder.require(module + ".qzeros", for: tensor) : folder[module + ".qzeros"]
        guard let zeros else {
            throw .unsupported("\(tensor.form) has no zero points, which is not supported")
        }
        try zeros.requireType(.i32)
        try zeros.requireShape([groups, tensor.shape[1]], for: "groups of \(groupSize) inputs")
        guard
            let codes = OutputWordCodes(tensor.bytes, rows: size.rows, columns: size.columns),
            scales.type.isPlainFloat,
            let scaleNumbers = StoredNumbers(
                scales.bytes, .element(scales.type), rows: size.rows, columns: groups,
                strides: (1, size.rows)),
            let zeroNumbers = PackedNumbers(
                zeros.bytes, .interleaved, bits: 4, rows: size.rows, columns: groups),
            let blocks = ScaledCodes.Blocks(
                scaleNumbers, block: (1, groupSize), rows: size.rows, columns: size.columns),
            let zeroBlocks = ScaledCodes.Blocks(
                zeroNumbers, block: (1, groupSize), rows: size.rows, columns: size.columns)
        else { throw .contradiction("\(tensor.form), \(scales.form) and \(zeros.form) do not fit") }
        return PackedTensor(
            name: module + ".weight", shape: [size.rows, size.columns],
            label: "int4 in groups of \(groupSize)",
            layout: ScaledCodes(codes, scales: blocks, zeros: zeroBlocks),
            parts: [tensor, scales, zeros])
    }
}
