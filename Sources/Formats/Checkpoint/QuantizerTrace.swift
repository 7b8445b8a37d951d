/// A tensor that only a quantiser writes, for folders whose configuration does not say that they are quantised.
struct QuantizerTrace {
    let method: String
    let evidence: String

    /// - Parameter tensors: those with a role are weights or biases, and tell by their type alone.
    init?(_ tensors: [WeightTensor], _ metadata: [SafetensorsMetadata]) {
        if let key = metadata.first(where: { $0.value.contains("\"_tensor_data_names\"") })?.key {
            self.init(method: "torchao", evidence: "the header's metadata '\(key)'")
            return
        }
        let types = Dictionary(
            tensors.map { (ExactString($0.name), $0.type) }, uniquingKeysWith: { first, _ in first }
        )
        let marks = tensors.filter { $0.role == nil }.compactMap { tensor in
            Self.mark(of: tensor, types).map {
                (rank: $0.rank, method: $0.method, name: tensor.name)
            }
        }
        if let mark = marks.min(by: { $0.rank < $1.rank }) {
            self.init(method: mark.method, evidence: "tensor '\(mark.name)'")
            return
        }
        for tensor in tensors where tensor.role?.part == .weight && !Self.isNumber(tensor.type) {
            self.init(
                method: "an unknown method",
                evidence: "tensor '\(tensor.name)' is \(tensor.type.name)")
            return
        }
        return nil
    }

    private init(method: String, evidence: String) {
        self.method = method
        self.evidence = evidence
    }

    /// Endings that name their quantiser alone, the more telling ones first.
    private static let endings = [
        (".SCB", "bitsandbytes int8"), (".g_idx", "gptq"), (".weight.absmax", "bitsandbytes"),
        (".weight.quant_map", "bitsandbytes"), (".weight_packed", "compressed-tensors"),
        (".weight_global_scale", "compressed-tensors"), (".weight_scale_2", "modelopt"),
        (".pre_quant_scale", "modelopt"), (".weight_scale_inv", "fp8"), (".qscale_weight", "fp8"),
        (".qweight", "gptq or awq"), (".qzeros", "gptq or awq"),
        ("._weight_qdata", "torchao"), (".weight._data", "quanto"), (".weight._scale", "quanto"),
        (".embedding_quantized", "gemma"), (".weight_scales", "eetq"),
        (".weight_zero_point", "compressed-tensors"), (".weight_scale", "scales beside them"),
        (".weight_format", "bitsandbytes"),
    ]

    /// The quantiser that writes tensors of such a name, and how much the name tells.
    private static func mark(
        of tensor: WeightTensor, _ types: [ExactString: ElementType]
    ) -> (rank: Int, method: String)? {
        let name = tensor.name
        if name.contains(".quant_state.bitsandbytes__") { return (-1, "bitsandbytes") }
        if let rank = endings.firstIndex(where: { name.hasSuffix($0.0) }) {
            return (rank, endings[rank].1)
        }
        func type(_ ending: String, replacing old: String) -> ElementType? {
            types[ExactString(name.dropLast(old.count) + ending)]
        }
        // Names that others use too tell only beside another tensor, or by their type.
        let isOf8Bits = [ElementType.f8E4M3, .f8E5M2, .i8]
        let method: String? =
            if name.hasSuffix("_scales"), type("_blocks", replacing: "_scales") == .u8 {
                "mxfp4"
            } else if name.hasSuffix(".scales"), type(".weight", replacing: ".scales") == .u32 {
                "mlx"
            } else if name.hasSuffix(".scale"), let type = type(".weight", replacing: ".scale"),
                isOf8Bits.contains(type)
            {
                "fp8"
            } else if name.hasSuffix("_scale_inv"), let type = type("", replacing: "_scale_inv"),
                isOf8Bits.contains(type)
            {
                "fp8"
            } else if name.hasSuffix(".W_q"), !isNumber(tensor.type) {
                "hqq"
            } else if name.hasSuffix(".codebooks"), type(".codes", replacing: ".codebooks") != nil {
                "aqlm"
            } else {
                nil
            }
        return method.map { (endings.count, $0) }
    }

    /// Whether a tensor of this type can be a weight as it stands.
    private static func isNumber(_ type: ElementType) -> Bool {
        type.isPlainFloat || type == .f8E4M3 || type == .f8E5M2
    }
}
