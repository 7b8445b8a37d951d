/// Chooses the types of a GGUF output's matrices: those of the policy for the ones that `llama-quantize` changes as well.
struct MatrixTypes {
    private let policy: TypePolicy
    private let planner: TensorPlanner
    /// Names of tensors to which edits give a type of their own.
    private let edited: Set<ExactString>
    private let model: MixModel
    /// What is told of matrices whose rows are no whole number of blocks.
    private(set) var notes: [String] = []
    /// The matrices that are encoded with importance, and those for which there is none.
    private var weighted: [String] = []
    private var unweighted: [String] = []
    /// The matrices that are quantised a second time, of a folder whose weights are packed, by how they are packed.
    private var requantized: [String: Int] = [:]
    /// Why the output cannot be written: the first matrix that lacks the importance which its type needs.
    private(set) var refusal: CheckpointError?

    init(_ planner: TensorPlanner, edited: Set<ExactString>, metadata: GGUFMetadata) {
        policy = planner.types.policy
        self.planner = planner
        self.edited = edited
        model = MixModel(metadata)
    }

    /// Tensors of an output, in the types of the policy, and where it is a mix in the order of `llama-quantize`: by blocks
    /// and names.
    ///
    /// - Throws: `CheckpointError.cannotExpress` where a matrix cannot be stored so, or would be quantised a second
    ///   time.
    mutating func apply(to tensors: [OutputPlan.Tensor]) throws -> [OutputPlan.Tensor] {
        guard policy.mix != nil || policy.namesMatrices else { return tensors }
        let sorted =
            policy.mix == nil
            ? tensors
            : tensors.sorted {
                MixAssignment.Matrix.precedes(Self.matrix($0), Self.matrix($1))
            }
        let isChosen = sorted.map {
            QuantizableTensor.isQuantizable($0.description.name, shape: $0.description.shape)
                && !edited.contains(ExactString($0.description.name))
        }
        let chosen = zip(sorted, isChosen).filter(\.1).map { Self.matrix($0.0) }
        try policy.checkOverrides(find: chosen.map(\.name))
        try checkHead(among: chosen)
        var assignment = policy.mix.map {
            MixAssignment(
                $0, model, matrices: chosen, head: policy.head,
                hasImportance: policy.importance != nil)
        }
        var replaced: [Replaced: Int] = [:]
        let typed = try zip(sorted, isChosen).map { tensor, isChosen in
            guard isChosen else { return tensor }
            let wanted = try type(of: tensor, &assignment)
            let type = fitted(wanted, tensor, &replaced)
            return try self.tensor(tensor, as: type)
        }
        notes += replaced.sorted { $0.key < $1.key }.map { $0.key.note(count: $0.value) }
        notes += requantized.sorted { $0.key < $1.key }.map { label, count in
            "\(count) \(count == 1 ? "matrix is" : "matrices are") \(label) already: quantising them "
                + "anew adds one rounding to another, and what is told is the second alone"
        }
        try tellUnweighted()
        return policy.mix == nil ? typed : typed.map(\.withoutSingleRows)
    }

    /// Refuses a type for a head that the output does not have, and tells where nothing is left as it is.
    ///
    /// - Throws: `CheckpointError.cannotExpress`.
    private mutating func checkHead(
        among matrices: [MixAssignment.Matrix]
    ) throws(CheckpointError) {
        guard !matrices.contains(where: { $0.category == .output }) else { return }
        let fact = "the output has no head of its own: it is the token embedding"
        if policy.leavesHead { notes.append(fact + ", which gets the mix's type") }
        guard policy.head != nil, policy.mix == nil || policy.isPure || policy.embedding != nil
        else { return }
        throw .cannotExpress(fact: fact + ", whose type is chosen by itself")
    }

    /// Tells which matrices the importance matrix has no entry for.
    ///
    /// - Throws: `CheckpointError.cannotExpress` where it has none for any.
    private mutating func tellUnweighted() throws(CheckpointError) {
        guard let importance = policy.importance, refusal == nil else { return }
        guard !weighted.isEmpty else {
            throw .cannotExpress(
                fact: "\(importance.path) has no entry for any matrix that is to be quantised"
                    + (unweighted.first.map { ", such as '\($0)'" } ?? ""))
        }
        guard !unweighted.isEmpty else { return }
        let listed = unweighted.prefix(Self.listed).joined(separator: ", ")
        let hidden = unweighted.count - Self.listed
        notes.append(
            "\(importance.path) has no entry for \(unweighted.count) of "
                + "\(unweighted.count + weighted.count) matrices, whose errors all count alike: "
                + listed + (hidden > 0 ? " and \(hidden) more" : ""))
    }

    /// How many matrices are named.
    private static let listed = 4

    // MARK: - Choosing

    private func type(
        of tensor: OutputPlan.Tensor, _ assignment: inout MixAssignment?
    ) throws(CheckpointError) -> ElementType {
        let description = tensor.description
        let category = TensorCategory(named: description.name)
        if category == .output, policy.leavesHead { return description.type }
        let named = try policy.override(for: description.name)
        if let type = policy.embedding, category == .tokenEmbedding,
            named == nil || description.name == "token_embd.weight"
        {
            return type
        }
        if let type = policy.head, category == .output { return type }
        if let named { return named }
        guard let mix = policy.mix, !policy.isPure else {
            return policy.mix?.base ?? description.type
        }
        return assignment?.type(of: Self.matrix(tensor)) ?? mix.base
    }

    private static func matrix(_ tensor: OutputPlan.Tensor) -> MixAssignment.Matrix {
        MixAssignment.Matrix(name: tensor.description.name, shape: tensor.description.shape)
    }

    /// A type that another one takes the place of, for the rows' length.
    private struct Replaced: Hashable, Comparable {
        let wanted: ElementType
        let type: ElementType
        let columns: Int

        static func < (left: Replaced, right: Replaced) -> Bool {
            (left.wanted.name, left.columns) < (right.wanted.name, right.columns)
        }

        func note(count: Int) -> String {
            "\(count) \(count == 1 ? "matrix" : "matrices") with rows of \(columns), no whole number of "
                + "\(wanted.name) blocks of \(wanted.elementsPerBlock): stored as \(type.name)"
        }
    }

    private func fitted(
        _ wanted: ElementType, _ tensor: OutputPlan.Tensor, _ replaced: inout [Replaced: Int]
    ) -> ElementType {
        let columns = tensor.description.columns
        let type = wanted.fitting(columns: columns)
        if type != wanted {
            replaced[Replaced(wanted: wanted, type: type, columns: columns), default: 0] += 1
        }
        return type
    }

    // MARK: - Changing

    /// The tensor in this type.
    private mutating func tensor(
        _ tensor: OutputPlan.Tensor, as type: ElementType
    ) throws -> OutputPlan.Tensor {
        let own = tensor.description
        let description = TensorDescription(name: own.name, type: type, shape: own.shape)
        if type != own.type {
            try checkRequantizing(tensor, as: type)
            try planner.check(description, tensor.content)
        }
        if type.isQuantized, let packed = tensor.content.packedSource,
            !tensor.content.hasSourceBlocks(of: type)
        {
            requantized[packed.label, default: 0] += 1
        }
        let importance = try importance(for: description, isCopy: tensor.content.isKept(as: type))
        return OutputPlan.Tensor(
            description, tensor.content, shard: tensor.shard, importance: importance)
    }

    /// - Throws: `CheckpointError.cannotExpress`.
    private func checkRequantizing(
        _ tensor: OutputPlan.Tensor, as type: ElementType
    ) throws(CheckpointError) {
        guard !policy.allowsRequantizing, type.isQuantized,
            let present = tensor.content.quantizedSource, present.type != type
        else { return }
        throw .cannotExpress(
            fact: "tensor '\(present.name)' is \(present.type.name) already: quantising it anew as "
                + "\(type.name) adds one rounding to another; --allow-requantize does it, and a model "
                + "in bf16 or f16 gives a better file")
    }

    /// What the tensor's values are weighted by.
    ///
    /// - Throws: as `ImportanceMatrix.values`.
    private mutating func importance(
        for tensor: TensorDescription, isCopy: Bool
    ) throws -> TensorImportance? {
        guard tensor.type.isQuantized, !isCopy else { return nil }
        let matrices = tensor.shape.count > 2 ? tensor.shape[0] : 1
        let values = try policy.importance?.values(
            for: tensor.name, columns: tensor.columns, experts: matrices)
        if let values {
            let rows = (tensor.elementCount ?? 0) / max(1, tensor.columns * matrices)
            guard tensor.columns > 0, rows > 0 else { return nil }
            weighted.append(tensor.name)
            return TensorImportance(values, columns: tensor.columns, rowsPerMatrix: rows)
        }
        unweighted.append(tensor.name)
        if needsImportance(tensor), refusal == nil {
            refusal = .cannotExpress(
                fact:
                    "tensor '\(tensor.name)' would be \(tensor.type.name), which is of no use without "
                    + "an importance matrix"
                    + (policy.importance.map { ", and \($0.path) has no entry for it" }
                        ?? ": give one with --imatrix"))
        }
        return nil
    }

    private func needsImportance(_ tensor: TensorDescription) -> Bool {
        if RowEncoder.needsImportance(tensor.type) { return true }
        let category = TensorCategory(named: tensor.name)
        guard category != .output, category != .tokenEmbedding else { return false }
        return policy.mix?.needsImportance(tensor.type) ?? false
    }
}
