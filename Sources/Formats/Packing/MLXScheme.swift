/// MLX's layers: a row of bits with a scale and a bias for each group, code · scale + bias, or floats of four and eight bits
/// with scales of eight bits. Single layers may have other sizes, or be plain.
struct MLXScheme: PackingScheme {
    private struct Layer: Hashable {
        let groupSize: Int
        let bits: Int
        let mode: String
    }

    private let standard: Layer
    private let layers: [ExactString: Layer]

    let skipList: SkipList? = .falseMembers

    private static let modes = ["affine", "mxfp4", "nvfp4", "mxfp8"]

    init(_ configuration: PackingConfiguration) throws(PackingProblem) {
        standard = try Self.layer(configuration, standard: nil)
        var layers: [ExactString: Layer] = [:]
        for member in configuration.members.members {
            switch (member.key, member.value) {
            case ("group_size", _), ("bits", _), ("mode", _), (_, .bool), (_, .null): continue
            case ("quant_method", .string("mlx")): continue
            case (_, .object(let object)):
                let inner = PackingConfiguration(
                    members: object, place: "\(configuration.place), \(member.key.quoted)")
                try inner.refuseOthers(["group_size", "bits", "mode"])
                layers[ExactString(member.key)] = try Self.layer(inner, standard: standard)
            default: try configuration.refuseOthers(["group_size", "bits", "mode"])
            }
        }
        self.layers = layers
    }

    private static func layer(
        _ configuration: PackingConfiguration, standard: Layer?
    ) throws(PackingProblem) -> Layer {
        try configuration.require("mode", modes.map { .string($0) })
        let mode = try configuration.text("mode") ?? standard?.mode ?? "affine"
        guard let size = try configuration.integer("group_size") ?? standard?.groupSize,
            let bits = try configuration.integer("bits") ?? standard?.bits, size > 0,
            (1...8).contains(bits)
        else {
            throw .contradiction("\(configuration.place) is to have 'group_size' and 'bits'")
        }
        return Layer(groupSize: size, bits: bits, mode: mode)
    }

    func weight(
        ledBy tensor: StoredTensor, in folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor? {
        guard tensor.type == .u32, let module = tensor.module(before: ".weight") else {
            return nil
        }
        let layer = layers[ExactString(module)] ?? standard
        let scales = try folder.require(module + ".scales", for: tensor)
        let words = try MatrixSize(of: tensor)
        guard words.columns * 32 % layer.bits == 0 else {
            throw .contradiction("\(tensor.form) is not of \(layer.bits) bits")
        }
        let size = MatrixSize(
            matrices: words.matrices, rows: words.rows, columns: words.columns * 32 / layer.bits)
        let shape = Array(tensor.shape.dropLast()) + [size.columns]
        let block = (1, layer.groupSize)
        let isAffine = layer.mode == "affine"
        let blocks = try scales.blocks(
            block, of: size, Self.encoding(layer.mode), for: "'\(tensor.name)'")
        var parts = [tensor, scales]
        var minimums: ScaledCodes.Blocks?
        if isAffine {
            let biases = try folder.require(module + ".biases", for: tensor)
            minimums = try biases.blocks(block, of: size, for: "'\(tensor.name)'")
            parts.append(biases)
        }
        guard let codes = codes(tensor, layer, size) else {
            throw .contradiction("\(tensor.form) has another size")
        }
        return PackedTensor(
            name: tensor.name, shape: shape,
            label: isAffine ? "\(layer.bits) bits in groups of \(layer.groupSize)" : layer.mode,
            layout: ScaledCodes(codes, scales: blocks, minimums: minimums), parts: parts)
    }

    /// Nil for scales that are floats by themselves.
    private static func encoding(_ mode: String) -> NumberEncoding? {
        switch mode {
        case "mxfp4", "mxfp8": .exponent
        case "nvfp4": .element(.f8E4M3)
        default: nil
        }
    }

    private func codes(
        _ tensor: StoredTensor, _ layer: Layer, _ size: MatrixSize
    ) -> (any CodeReader)? {
        if layer.mode == "mxfp8" {
            return layer.bits == 8
                ? ElementCodes(
                    tensor.bytes, type: .f8E4M3, rows: size.allRows, columns: size.columns) : nil
        }
        if layer.mode != "affine", layer.bits != 4 { return nil }
        return RowBitCodes(
            tensor.bytes, bits: layer.bits,
            numbers: layer.mode == "affine"
                ? CodeNumbers.unsigned(bits: layer.bits) : CodeNumbers.float4, rows: size.allRows,
            columns: size.columns)
    }
}
