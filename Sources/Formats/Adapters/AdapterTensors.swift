/// The tensors of an adapter's file, sorted into the two halves of each update.
struct AdapterTensors {
    enum Half { case a, b }

    /// How the halves of an update lie in their tensors.
    enum Form: Hashable {
        /// A (rank, inputs), B (outputs, rank)
        case matrix
        /// PEFT's of an embedding: A (rank, rows), B (width, rank)
        case embedding
        /// llama.cpp's of an embedding: A (rows, rank), B (width, rank)
        case embeddingRows
        /// llama.cpp's of all experts: A (experts, rank, inputs), B (experts, outputs, rank)
        case stack
        /// PEFT's of a parameter of all experts, which holds the rows of these weights one after the other:
        /// A (experts · rank, inputs), the expert slowest; B (outputs, rank · experts), the expert fastest
        case parameter([BlockSlot])
    }

    /// What an update changes; that of all experts has the role of all of them.
    struct Target: Hashable {
        let role: WeightRole
        let form: Form
    }

    /// The halves found for a target.
    struct Pair {
        var a: StoredTensor?
        var b: StoredTensor?
        /// The lengths of DoRA.
        var magnitude: StoredTensor?
        /// The bias of B.
        var bias: StoredTensor?
        /// What patterns for ranks and scales are compared with.
        let name: String
    }

    let file: String
    /// The base's weights, to which the file's names belong.
    let weights: WeightList
    let format: FileFormat
    /// What follows a weight's name in the names of the halves.
    private let suffixes: (a: String, b: String)
    private(set) var pairs: [Target: Pair] = [:]
    /// Whether the embedding's update is that of a head that is tied to it too.
    private(set) var sharesHead = false

    /// The pairs in the order of their names, so that of several that do not fit every run complains about the same.
    private var namedPairs: [(key: Target, value: Pair)] {
        pairs.sorted { $0.value.name.utf8.lexicographicallyPrecedes($1.value.name.utf8) }
    }

    var base: Checkpoint { weights.checkpoint }

    init(
        file: String, base: Checkpoint, format: FileFormat, suffixes: (a: String, b: String)
    ) {
        self.file = file
        weights = WeightList(base)
        self.format = format
        self.suffixes = suffixes
    }

    /// The weight of the base that a file of the adapter's format calls so; of all experts where they have one name.
    ///
    /// - Throws: `AdapterError.unknownTarget`.
    func role(
        of weight: String, for tensor: StoredTensor
    ) throws(AdapterError) -> WeightRole {
        guard let role = base.architecture?.role(of: weight, in: format), has(role) else {
            throw .unknownTarget(file: file, tensor: tensor.name, base: base.path)
        }
        return role
    }

    /// How a file of the adapter's format lays a weight out, which the halves of its update follow.
    func form(of role: WeightRole) -> StorageForm { base.form(of: role, in: format) }

    /// Whether the base has the weight; a head that is tied to the embedding is there too.
    func has(_ role: WeightRole) -> Bool { !weights.weights(for: role).isEmpty }

    /// How many rows the file's update of an embedding has, if it is one of the base's: those of the base, or as many as it
    /// says where one of the two formats leaves rows out.
    func rows(ofEmbedding rows: Int, in stated: Int?) -> Int {
        guard let stated, let architecture = base.architecture,
            architecture.differInPadding(rows: stated, in: format, rows, in: base.format)
        else { return rows }
        return stated
    }

    /// Takes a half of an update.
    ///
    /// - Parameter name: what patterns are compared with.
    mutating func add(
        _ tensor: StoredTensor, _ half: Half, of target: Target, name: String
    ) throws(AdapterError) {
        let isEmbedding =
            target.role.slot == .tokenEmbedding || target.role.slot == .positionEmbedding
        guard target.form != .matrix || target.role.slot != .tokenEmbedding else {
            throw .unsupportedTensor(
                file: file, tensor: tensor.name,
                reason: "updates the embedding as if it were a projection, which is not supported")
        }
        guard isEmbedding || (target.form != .embedding && target.form != .embeddingRows) else {
            throw .unsupportedTensor(
                file: file, tensor: tensor.name,
                reason: "updates a weight that is no embedding as one")
        }
        try add(tensor, as: half == .a ? \.a : \.b, of: target, name: name)
    }

    /// Takes what belongs to an update.
    ///
    /// - Parameter name: what patterns are compared with.
    mutating func add(
        _ tensor: StoredTensor, as part: WritableKeyPath<Pair, StoredTensor?>, of target: Target,
        name: String
    ) throws(AdapterError) {
        var pair = pairs[target] ?? Pair(name: name)
        guard pair[keyPath: part] == nil else {
            throw .unsupportedTensor(
                file: file, tensor: tensor.name,
                reason: "updates a weight that another one updates too")
        }
        pair[keyPath: part] = tensor
        pairs[target] = pair
    }

    /// What an adapter's format makes of an update of the embedding or of a head that is tied to it.
    enum TiedHead {
        /// Nobody says.
        case isUnknown
        /// Both have the same update, which is one of their matrix: PEFT's `ensure_weight_tying`.
        case isOneUpdate
        /// The other one keeps the matrix as it was, which is what PEFT trains.
        case becomesOwn
    }

    /// Takes the updates of embedding and head as what they are in a base whose head is its embedding.
    mutating func settleTiedHead(
        _ rule: TiedHead, scale: (_ rank: Int, _ pair: Pair) throws -> Float
    ) throws {
        guard !base.hasOwnHead, rule != .becomesOwn else { return }
        let heads = namedPairs.filter { $0.key.role == WeightRole(.output) }
        let embeddings = namedPairs.filter { $0.key.role == WeightRole(.tokenEmbedding) }
        guard let first = (heads + embeddings).first?.value else { return }
        let name = first.a?.name ?? first.b?.name ?? ""
        guard rule == .isOneUpdate, let embedding = embeddings.first?.value else {
            throw AdapterError.unsupportedTensor(
                file: file, tensor: name,
                reason: rule == .isOneUpdate
                    ? "updates the head, but not the embedding, to which ensure_weight_tying ties it"
                    : "updates the \(heads.isEmpty ? "embedding" : "head") of a base whose head is tied to "
                        + "its embedding, and its format does not say whether both change; give the base a "
                        + "head of its own first (tie_word_embeddings false)")
        }
        sharesHead = true
        for (target, head) in heads {
            let (a, b) = try halves(head)
            let (rows, columns) = try halves(embedding)
            let hasShape =
                a.shape.count == 2 && b.shape.count == 2 && a.shape == columns.shape.reversed()
                && b.shape == rows.shape.reversed()
            let isSame =
                try hasShape
                && values(of: a) == Self.transposed(values(of: columns), columns.shape)
                && values(of: b) == Self.transposed(values(of: rows), rows.shape)
            let rank = a.shape.first ?? 1
            guard isSame, try scale(rank, head) == scale(rank, embedding) else {
                throw AdapterError.unsupportedTensor(
                    file: file, tensor: a.name,
                    reason:
                        "is not the update of the embedding, to which ensure_weight_tying ties it")
            }
            pairs[target] = nil
        }
    }

    // MARK: - Updates

    /// What the tensors make of the base.
    struct Outcome {
        /// In the order of the base's tensors.
        var updates: [LowRankUpdate] = []
        /// Of weights and biases, with the tensor that brings them.
        var changes: [(role: WeightRole, change: any RowChange, tensor: String)] = []
    }

    /// - Parameters:
    ///   - usesDoRA: whether each update has lengths of its rows
    ///   - hasBiases: whether each B has a bias
    ///   - scale: of an update of this rank; it may refuse the rank
    func outcome(
        usesDoRA: Bool = false, hasBiases: Bool = false,
        scale: (_ rank: Int, _ pair: Pair) throws -> Float
    ) throws -> Outcome {
        var outcome = Outcome()
        for (target, pair) in namedPairs {
            let halves = try halves(pair)
            var factor: Float = 1
            let parts = try UpdateParts(self, target, halves) { rank in
                factor = try scale(rank, pair)
                guard factor.isFinite else {
                    throw AdapterError.scaleTooLarge(file: file, tensor: halves.a.name)
                }
                return factor
            }
            guard hasBiases == (pair.bias != nil) else {
                throw AdapterError.unsupportedTensor(
                    file: file, tensor: pair.bias?.name ?? halves.b.name,
                    reason: hasBiases
                        ? "has no bias, which key 'lora_bias' asks for"
                        : "is a bias of B, which key 'lora_bias' does not ask for")
            }
            if let bias = pair.bias {
                outcome.changes.append(try added(bias, target, factor))
            }
            guard usesDoRA || pair.magnitude != nil else {
                // Two files of one adapter, in either format, are the same in memory.
                outcome.updates += parts.updates.map { $0.ordered(as: base.form(of: $0.role)) }
                continue
            }
            outcome.changes.append(
                try decomposed(pair, target, parts.updates, halves.a, usesDoRA: usesDoRA))
        }
        outcome.updates.sort { weights.place(of: $0.role) ?? 0 < weights.place(of: $1.role) ?? 0 }
        return outcome
    }

    /// The bias of B, times the update's scale.
    private func added(
        _ bias: StoredTensor, _ target: Target, _ factor: Float
    ) throws -> (WeightRole, any RowChange, String) {
        let outputs = weights.weights(for: target.role).first?.canonicalShape.first ?? 0
        guard target.form == .matrix, bias.shape == [outputs] else {
            throw AdapterError.wrongShape(
                file: file, tensor: bias.name, found: bias.shape, expected: [outputs])
        }
        let values = try Self.values(of: bias, in: file).map { $0 * factor }
        return (
            WeightRole(target.role.slot, .bias, expert: target.role.expert),
            AddedValues(values: values), bias.name
        )
    }

    private func decomposed(
        _ pair: Pair, _ target: Target, _ updates: [LowRankUpdate], _ a: StoredTensor,
        usesDoRA: Bool
    ) throws -> (WeightRole, any RowChange, String) {
        guard let magnitude = pair.magnitude else {
            throw AdapterError.missingHalf(
                file: file, tensor: a.name, missing: "lora_magnitude_vector of the same module")
        }
        guard usesDoRA, let update = updates.first,
            target.form == .matrix || target.form == .embedding
        else {
            throw AdapterError.unsupportedTensor(
                file: file, tensor: magnitude.name,
                reason:
                    "belongs to DoRA, which is not asked for (use_dora) or not for such a weight")
        }
        let length = target.form == .embedding ? update.inputs : update.outputs
        guard magnitude.shape == [length] else {
            throw AdapterError.wrongShape(
                file: file, tensor: magnitude.name, found: magnitude.shape, expected: [length])
        }
        let magnitudes = try Self.values(of: magnitude, in: file)
        guard target.form == .embedding else {
            return (
                target.role, DecomposedRows(update: update, magnitudes: magnitudes), magnitude.name
            )
        }
        // The lengths are those of all rows that the trained base has.
        guard let weight = weights.weights(for: target.role).first,
            a.shape.last == weight.canonicalShape.first
        else {
            throw AdapterError.unsupportedTensor(
                file: file, tensor: magnitude.name,
                reason: "holds lengths of more rows than the base has, whose format leaves some out"
            )
        }
        return (
            target.role,
            try DecomposedColumns(update, magnitudes: magnitudes, base: BaseRows(weight)),
            magnitude.name
        )
    }

    private func halves(
        _ pair: Pair
    ) throws(AdapterError) -> (a: StoredTensor, b: StoredTensor) {
        switch (pair.a, pair.b) {
        case (let a?, let b?): return (a, b)
        case (let present?, nil): throw missing("B", beside: present, "A")
        case (nil, let present?): throw missing("A", beside: present, "B")
        case (nil, nil):
            let present = pair.magnitude ?? pair.bias
            throw .missingHalf(
                file: file, tensor: present?.name ?? pair.name, missing: "\(pair.name)\(suffixes.a)"
            )
        }
    }

    private func missing(
        _ letter: String, beside present: StoredTensor, _ other: String
    ) -> AdapterError {
        var name = present.name
        for (ending, letter) in [
            (suffixes.a, suffixes.b), (suffixes.b, suffixes.a), ("_" + other, "_" + letter),
        ] where name == present.name && name.hasSuffix(ending) {
            name = name.dropLast(ending.count) + letter
        }
        return .missingHalf(file: file, tensor: present.name, missing: name)
    }

    /// All values of a tensor of an adapter.
    ///
    /// - Throws: `AdapterError` where they cannot be read or are not finite.
    static func values(of tensor: StoredTensor, in file: String) throws -> [Float] {
        guard tensor.type.isPlainFloat || tensor.type.isQuantized,
            Dequantizer.isSupported(tensor.type)
        else {
            throw AdapterError.unsupportedTensor(
                file: file, tensor: tensor.name,
                reason: "is \(tensor.type.name), which is not supported in adapters")
        }
        let values = try tensor.values()
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            throw AdapterError.notFinite(file: file, tensor: tensor.name, index: index)
        }
        return values
    }

    /// All values of a half.
    func values(of tensor: StoredTensor) throws -> [Float] {
        try Self.values(of: tensor, in: file)
    }

    /// The transpose of a matrix of this shape.
    static func transposed(_ values: [Float], _ shape: [Int]) -> [Float] {
        let (rows, columns) = (shape[0], shape[1])
        return (0..<columns).flatMap { column in (0..<rows).map { values[$0 * columns + column] } }
    }
}

extension Adapter {
    /// Each update with its rows in the order of a format, and the name its weight has there without `.weight`: in GGUF
    /// that of all experts together.
    ///
    /// - Throws: `AdapterError.doesNotFit` where an update is not one of the base's.
    func updates(
        for base: Checkpoint, in format: FileFormat
    ) throws -> [(module: String, update: LowRankUpdate)] {
        if let weight = weights.first {
            throw AdapterError.doesNotFit(update: weight.role, base: base.path)
        }
        let architecture = try base.requireArchitecture()
        // A base whose numbers are wrong has no orders of rows.
        _ = try base.hyperparameters()
        return try updates.map { update in
            let role = update.role
            let named = format == .gguf ? WeightRole(role.slot, role.part) : role
            guard let weight = base.tensor(role), update.fits(weight.canonicalShape),
                let name = architecture.name(of: named, in: format), name.hasSuffix(".weight"),
                role.slot != .tokenEmbedding
            else { throw AdapterError.doesNotFit(update: role, base: base.path) }
            return (
                String(name.dropLast(".weight".count)),
                update.ordered(as: base.form(of: role, in: format))
            )
        }
    }
}
