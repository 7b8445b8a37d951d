/// A way in which the layers of a folder are packed: what one tool writes.
protocol PackingScheme: Sendable {
    /// Where the folder's configuration lists the layers that are not packed; nil where it has no such list.
    var skipList: SkipList? { get }
    /// Endings of tensors that belong to a layer and change no weight.
    var carried: Set<String> { get }

    /// The weight that a tensor leads; nil where it leads none.
    ///
    /// - Throws: where its parts are missing, contradict each other or the configuration, or are not read.
    func weight(
        ledBy tensor: StoredTensor, in folder: FolderTensors
    ) throws(PackingProblem) -> PackedTensor?
}

extension PackingScheme {
    /// Scales of activations, which are no weights.
    static var activationScales: Set<String> {
        [
            "activation_scale", "input_scale", "input_global_scale", "output_activation_scale",
            "output_scale", "qscale_act", "k_scale", "v_scale", "q_scale",
        ]
    }

    var carried: Set<String> { Self.activationScales }
}

/// The list of a configuration's layers that are not packed.
struct SkipList: Sendable, Hashable {
    enum Kind: Sendable, Hashable {
        /// A member that is an array of modules' names; the first of these that is there, else the first.
        case names([String])
        /// A member for each module, which is false.
        case falseMembers
    }

    let kind: Kind

    static func names(_ keys: String...) -> SkipList { SkipList(kind: .names(keys)) }
    static let falseMembers = SkipList(kind: .falseMembers)
}

extension QuantizationDeclaration {
    /// The scheme by which the folder says that it is packed.
    ///
    /// - Throws: for a method, or a member of the configuration, that is not known.
    func scheme(
        _ metadata: [SafetensorsMetadata]
    ) throws(PackingProblem) -> any PackingScheme {
        let configuration = PackingConfiguration(members: members, place: place)
        switch method {
        case "fp8": return try FP8Scheme(configuration)
        case "compressed-tensors": return try CompressedTensorsScheme(configuration)
        case "modelopt": return try ModelOptScheme(configuration)
        case "gptq": return try GPTQScheme(configuration)
        case "awq": return try AWQScheme(configuration)
        case "auto-round", "intel/auto-round": return try AutoRoundScheme(configuration)
        case "bitsandbytes": return try BitsAndBytesScheme(configuration)
        case "mxfp4": return try MXFP4Scheme(configuration)
        case "torchao": return try TorchAOScheme(configuration, metadata)
        case "mlx": return try MLXScheme(configuration)
        default: throw .unsupported("the method is not known")
        }
    }
}
