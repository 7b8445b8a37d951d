/// The experts of a block as transformers 5 holds them in memory, and saves them where it is told to: one module
/// `mlp.experts` (`feed_forward.experts` in LFM 2) with two parameters, each of all experts, beside the router `mlp.gate`.
/// Names are those of rules.
struct FusedExperts: Sendable {
    struct Parameter: Sendable {
        let name: String
        /// The weights in it: their rows, one after the other.
        let slots: [BlockSlot]
    }

    /// In the order in which the module declares them; (experts, outputs, inputs).
    static let parameters = [
        Parameter(name: "gate_up_proj", slots: [.expertGate, .expertUp]),
        Parameter(name: "down_proj", slots: [.expertDown]),
    ]

    private static let layers = "model.layers."
    private static let parents = [".mlp", ".feed_forward"]
    private static let experts = ".experts"
    private static let router = ".gate"

    /// The block whose experts the module holds, or nil where it is none of experts.
    static func block(of module: String) -> Int? { block(of: module, suffix: experts) }

    /// The router that the module is, or nil.
    static func router(of module: String) -> WeightRole? {
        block(of: module, suffix: router).map { .block($0, .expertRouter) }
    }

    /// The router whose weight a tensor is, or nil.
    static func router(ofTensor name: String) -> WeightRole? {
        name.hasSuffix(".weight") ? router(of: String(name.dropLast(".weight".count))) : nil
    }

    /// The block whose experts' weights a tensor holds, and which; nil where it holds none.
    static func parameter(ofTensor name: String) -> (block: Int, slots: [BlockSlot])? {
        for parameter in parameters {
            let ending = "." + parameter.name
            guard name.hasSuffix(ending), let block = block(of: String(name.dropLast(ending.count)))
            else { continue }
            return (block, parameter.slots)
        }
        return nil
    }

    /// The names of the tensors of a block's experts.
    static func tensorNames(ofBlock block: Int) -> [String] {
        parents.flatMap { parent in
            parameters.map { "\(layers)\(block)\(parent)\(experts).\($0.name)" }
        }
    }

    private static func block(of module: String, suffix: String) -> Int? {
        guard module.hasPrefix(layers),
            let ending = parents.map({ $0 + suffix }).first(where: module.hasSuffix)
        else { return nil }
        let digits = module.dropFirst(layers.count).dropLast(ending.count)
        // The canonical spelling only: "01" is another name.
        guard let block = Int(digits), block >= 0, String(block) == digits else { return nil }
        return block
    }
}

extension Architecture {
    /// The block whose experts a folder's module holds, or nil where it is none of experts.
    func fusedExpertBlock(of module: String) -> Int? {
        folderNames.inRules(module).lazy.compactMap(FusedExperts.block(of:)).first
    }

    /// The router that a folder's module is, or nil.
    func fusedRouter(of module: String) -> WeightRole? {
        folderNames.inRules(module).lazy.compactMap(FusedExperts.router(of:)).first
    }

    /// The router whose weight a folder's tensor is, or nil.
    func fusedRouter(ofTensor name: String) -> WeightRole? {
        folderNames.inRules(name).lazy.compactMap(FusedExperts.router(ofTensor:)).first
    }

    /// The block whose experts' weights a folder's tensor holds, and which; nil where it holds none.
    func fusedParameter(ofTensor name: String) -> (block: Int, slots: [BlockSlot])? {
        folderNames.inRules(name).lazy.compactMap(FusedExperts.parameter(ofTensor:)).first
    }
}
