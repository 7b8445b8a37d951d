/// The weights of a quantised folder: those that are packed, put together of their tensors, and those that are not.
struct PackedFolder {
    /// In the order of the files; a packed weight stands where its codes do.
    let weights: [WeightStorage]
    let scheme: any PackingScheme

    /// Parts of fewer bytes may have been read while layers were put together.
    private static let smallPart = 1 << 16

    /// Puts the layers together.
    ///
    /// - Parameters:
    ///   - declaration: what the folder says of itself
    ///   - tensors: of all files
    ///   - metadata: of all files
    /// - Throws: `PackingProblem` for what is not known, contradicts itself or belongs to no layer.
    init(
        _ declaration: QuantizationDeclaration, tensors: [StoredTensor],
        metadata: [SafetensorsMetadata]
    ) throws(PackingProblem) {
        let scheme = try declaration.scheme(metadata)
        self.scheme = scheme
        var layers = PackedLayers()
        let folder = FolderTensors(tensors)
        for tensor in tensors {
            guard let weight = try scheme.weight(ledBy: tensor, in: folder) else { continue }
            try layers.add(weight, ledBy: tensor, in: folder)
            // What was looked at is small, but there may be thousands of it.
            for part in weight.parts where part.bytes.count < Self.smallPart {
                part.bytes.releaseSurroundings()
            }
        }
        guard !layers.isEmpty else {
            throw .contradiction("\(declaration.place) says so, but no tensor is packed")
        }
        for tensor in tensors where !layers.has(tensor) {
            try layers.carry(tensor, scheme.carried)
        }
        weights = tensors.compactMap { layers.entry(of: $0) }
    }

    /// Whether a tensor of this name scales what attention keeps of past tokens, which is no weight.
    static func isCacheScale(_ name: String) -> Bool {
        [".k_scale", ".v_scale", ".q_scale", ".kv_scale"].contains { name.hasSuffix($0) }
    }
}

/// The packed weights that were put together so far.
private struct PackedLayers {
    private var weights: [PackedTensor] = []
    /// The weight that each tensor leads.
    private var leads: [ExactString: Int] = [:]
    private var parts: Set<ExactString> = []
    /// The weight of each layer's module.
    private var modules: [ExactString: Int] = [:]

    var isEmpty: Bool { weights.isEmpty }

    func has(_ tensor: StoredTensor) -> Bool { parts.contains(ExactString(tensor.name)) }

    /// - Throws: where the weight stands beside another tensor of its name, or shares a part.
    mutating func add(
        _ weight: PackedTensor, ledBy lead: StoredTensor, in folder: FolderTensors
    ) throws(PackingProblem) {
        for part in weight.parts {
            guard parts.insert(ExactString(part.name)).inserted else {
                throw .contradiction("\(part.form) belongs to two layers")
            }
        }
        if let other = folder[weight.name], !has(other) {
            throw .contradiction("\(lead.form) stands beside \(other.form)")
        }
        leads[ExactString(lead.name)] = weights.count
        if weight.name.hasSuffix(".weight") {
            modules[ExactString(String(weight.name.dropLast(".weight".count)))] = weights.count
        }
        weights.append(weight)
    }

    /// Takes a tensor that is none of a weight's parts: one that goes with a layer, or a plain one.
    ///
    /// - Throws: where it stands in a layer and is not known, or is no weight as it stands.
    mutating func carry(_ tensor: StoredTensor, _ known: Set<String>) throws(PackingProblem) {
        let name = tensor.name
        let path = name.split(separator: ".", omittingEmptySubsequences: false)
        for length in [path.count - 1, path.count - 2] where length > 0 {
            // What is deeper in belongs to a module of its own.
            guard length == path.count - 1 || path[length] == "weight" else { continue }
            let module = path.prefix(length).joined(separator: ".")
            guard let place = modules[ExactString(module)] else { continue }
            let ending = path.dropFirst(length).joined(separator: ".")
            if known.contains(ending) {
                weights[place].carry(tensor)
                parts.insert(ExactString(name))
                return
            }
            guard ending == "bias", tensor.type.isPlainFloat else {
                throw .unsupported(
                    "\(tensor.form) is an unknown part of the layer \(module.quoted)")
            }
        }
        guard !name.hasSuffix(".weight") || tensor.type.isPlainFloat else {
            throw .contradiction("\(tensor.form) has nothing beside it that says what it means")
        }
    }

    /// What stands in a tensor's place; nil for a part of a weight that another one leads.
    func entry(of tensor: StoredTensor) -> WeightStorage? {
        if let place = leads[ExactString(tensor.name)] { return .packed(weights[place]) }
        return has(tensor) ? nil : .plain(tensor)
    }
}
