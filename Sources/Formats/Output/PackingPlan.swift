/// What an output in the layout of a quantised folder does with its packed weights: those that no edit touches keep their
/// tensors, byte for byte; the others are written plain, and the configuration names their layers as not packed.
struct PackingPlan {
    /// Packed weights that stay as they are.
    let kept: [WeightTensor]
    /// Packed weights that become plain tensors.
    let unpacked: [WeightTensor]
    private let source: Checkpoint
    private let files: HuggingFaceFiles
    private let keptNames: Set<ExactString>

    /// - Throws: `CheckpointError.cannotExpress` where both kinds are left and the folder has no list of those that are
    ///   not packed, or an expression of the policy takes too long.
    init(
        _ source: Checkpoint, _ files: HuggingFaceFiles, _ changes: EditList
    ) throws(CheckpointError) {
        self.source = source
        self.files = files
        let packed = source.tensors.filter { $0.packed != nil }
        var touched: Set<ExactString> = []
        for weight in packed where try Self.touches(changes, weight, source) {
            touched.insert(ExactString(Self.module(of: weight)))
        }
        kept = packed.filter { !touched.contains(ExactString(Self.module(of: $0))) }
        unpacked = packed.filter { touched.contains(ExactString(Self.module(of: $0))) }
        keptNames = Set(kept.map { ExactString($0.name) })
        if let first = unpacked.first, !kept.isEmpty, source.skipList == nil {
            let method = source.quantization?.method ?? ""
            throw .cannotExpress(
                fact: "\(source.path): the configuration of '\(method)' cannot name single layers "
                    + "as not packed, so tensor '\(first.name)' cannot change beside "
                    + "\(kept.count) that stay packed; convert the folder with --type first")
        }
    }

    /// Whether the output has a packed weight as the source has it.
    func keeps(_ weight: WeightTensor) -> Bool { keptNames.contains(ExactString(weight.name)) }

    /// Whether edits or types reach a weight.
    private static func touches(
        _ changes: EditList, _ weight: WeightTensor, _ source: Checkpoint
    ) throws(CheckpointError) -> Bool {
        if changes.types?.plainType != nil { return true }
        if try changes.types?.override(for: weight.name) != nil { return true }
        if let model = changes.model,
            model.architecture.huggingFaceModelType != source.architecture?.huggingFaceModelType
        {
            return true
        }
        guard let role = weight.role else { return false }
        return changes.roles.contains {
            $0.slot == role.slot && $0.part == role.part
                && ($0.expert == role.expert || role.expert == nil)
        }
    }

    /// The module that holds a weight, as configurations name it.
    private static func module(of weight: WeightTensor) -> String {
        let path = weight.name.split(separator: ".", omittingEmptySubsequences: false)
        return path.dropLast().joined(separator: ".")
    }

    /// What tells the user that layers are no longer packed.
    var notes: [String] {
        guard let first = unpacked.first else { return [] }
        return [
            kept.isEmpty
                ? "the weights are no longer quantised with \(source.quantization?.method ?? "")"
                : "\(unpacked.count) of \(unpacked.count + kept.count) packed weights are written "
                    + "plain, such as '\(first.name)'"
        ]
    }

    // MARK: - Configuration

    /// Files beside `config.json` that say how the source is packed, and are not copied as they are.
    var replacedFiles: Set<String> {
        unpacked.isEmpty ? [] : Set(QuantizationDeclaration.fileNames.map(\.0))
    }

    /// Those files as the output has them.
    var otherFiles: [(name: String, bytes: [UInt8])] {
        guard !unpacked.isEmpty, !kept.isEmpty else { return [] }
        return files.quantizationFiles.map { name, object in
            var object = object
            if let inner = object["quantization"]?.object {
                object["quantization"] = .object(naming(inner))
            } else {
                object = naming(object)
            }
            return (name, JSONWriter(.indented).bytes(.object(object)) + Array("\n".utf8))
        }
    }

    /// The `config.json` of the output.
    func config(_ config: JSONObject) -> JSONObject {
        unpacked.isEmpty ? config : changed(config, depth: 0)
    }

    /// Changes each object that says how the weights are packed.
    private func changed(_ object: JSONObject, depth: Int) -> JSONObject {
        var object = object
        for key in QuantizationDeclaration.keys {
            guard let value = object[key] else { continue }
            if kept.isEmpty {
                object[key] = nil
            } else if let members = value.object, !members.members.isEmpty {
                object[key] = .object(naming(members))
            }
        }
        guard depth < 3 else { return object }
        for index in object.members.indices where object.members[index].key.hasSuffix("config") {
            guard let inner = object.members[index].value.object else { continue }
            object.members[index].value = .object(changed(inner, depth: depth + 1))
        }
        return object
    }

    /// The members with the layers that are not packed any more among those that are not.
    private func naming(_ members: JSONObject) -> JSONObject {
        var members = members
        var added = Set<ExactString>()
        let modules = unpacked.map(Self.module).filter { added.insert(ExactString($0)).inserted }
        switch source.skipList?.kind {
        case .names(let keys):
            let key = keys.first { members[$0]?.array != nil } ?? keys[0]
            let present = members[key]?.array ?? plainModules.map { .string($0) }
            let named = Set(present.compactMap(\.string).map(ExactString.init))
            members[key] = .array(
                present
                    + modules.filter { !named.contains(ExactString($0)) }.map { .string($0) })
        case .falseMembers:
            for module in modules { members[module] = .bool(false) }
        case nil: break
        }
        return members
    }

    /// The modules of the source's own plain matrices, which its tool left out by itself where no list names them.
    private var plainModules: [String] {
        let head = source.architecture?.name(of: WeightRole(.output), in: .safetensors)
        let plain = source.tensors.filter { tensor in
            tensor.packed == nil && tensor.role?.part == .weight && tensor.shape.count == 2
                && tensor.role?.slot.isMatrix == true && tensor.role?.slot != .tokenEmbedding
                && tensor.role?.slot != .output
        }
        return (head.map { [String($0.dropLast(".weight".count))] } ?? []) + plain.map(Self.module)
    }

    /// Whether an entry is torchao's.
    private static func isOfQuantiser(_ entry: SafetensorsMetadata) -> Bool {
        entry.key == "tensor_names" || entry.value.hasPrefix(#"{"_type":"#)
    }

    /// A header's metadata, which says of no tensor that it is packed where it is not.
    func metadata(_ metadata: [SafetensorsMetadata]) -> [SafetensorsMetadata] {
        guard !unpacked.isEmpty else { return metadata }
        guard kept.isEmpty else {
            // torchao describes each weight there.
            let plain = Set(unpacked.map { ExactString($0.name) })
            return metadata.map { entry in
                plain.contains(ExactString(entry.key))
                    ? SafetensorsMetadata(entry.key, #"{"_type": "Tensor"}"#) : entry
            }
        }
        return metadata.filter { !Self.isOfQuantiser($0) }.map { entry in
            entry == SafetensorsMetadata("format", "mlx")
                ? SafetensorsMetadata("format", "pt") : entry
        }
    }
}
