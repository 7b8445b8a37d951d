/// A method of PEFT besides LoRA: what its tensors of a module make of the module's weight.
protocol PEFTMethod: Sendable {
    /// What `peft_type` calls it.
    static var kind: String { get }
    /// What follows a module's name in the names of its tensors.
    static var parts: [String] { get }
    /// The names, after `base_model.`, of tensors that all modules share.
    static var sharedParts: [String] { get }
    /// The keys of `adapter_config.json` that it reads, and those of its own that change nothing in what is merged.
    static var keys: Set<String> { get }
    /// The key that names single tokens whose rows are trained.
    static var tokensKey: String { get }
    /// Whether PEFT has the method for matrices that are stored as their transposes.
    static var takesTransposed: Bool { get }

    /// Whether the modules are norms and no projections.
    static var changesNorms: Bool { get }

    /// - Throws: `AdapterError` where a key is missing or wrong, or asks for what is not supported.
    init(_ keys: PEFTKeys) throws(AdapterError)

    /// What all modules share and the file does not have.
    ///
    /// - Throws: `AdapterError` where it cannot be made.
    func sharedValues(of modules: [PEFTModule]) throws -> [String: PEFTModule.SharedValues]

    /// What the tensors of a module make of it; nil where they leave it as it is.
    ///
    /// - Throws: `AdapterError` where a tensor is missing, does not fit or cannot be read.
    func change(of module: PEFTModule) throws -> ModuleChange?
}

extension PEFTMethod {
    static var sharedParts: [String] { [] }
    static var tokensKey: String { "trainable_token_indices" }
    static var takesTransposed: Bool { false }
    static var changesNorms: Bool { false }

    func sharedValues(of modules: [PEFTModule]) -> [String: PEFTModule.SharedValues] { [:] }
}

/// What becomes of a module.
struct ModuleChange {
    enum Weight {
        /// W + scale · B · A, with A (rank, inputs) and B (outputs, rank)
        case update(rank: Int, a: [Float], b: [Float], scale: Float)
        case rows(any RowChange)
    }

    var weight: Weight
    /// Of the base's bias, where there is one.
    var bias: (any RowChange)?

    init(_ weight: Weight, bias: (any RowChange)? = nil) {
        self.weight = weight
        self.bias = bias
    }
}
