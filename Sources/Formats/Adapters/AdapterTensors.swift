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

    /// What brings the rows of a half of an update into the canonical order.
    func rows(of role: WeightRole) -> RowOrder { base.form(of: role, in: format).rows }

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
        var pair = pairs[target] ?? Pair(name: name)
        guard (half == .a ? pair.a : pair.b) == nil else {
            throw .unsupportedTensor(
                file: file, tensor: tensor.name,
                reason: "updates a weight that another one updates too")
        }
        if half == .a { pair.a = tensor } else { pair.b = tensor }
        pairs[target] = pair
    }

    /// Takes the updates of embedding and head as what they are in a base whose head is its embedding.
    ///
    /// In training such a head multiplies with the embedding's own weight, so that an update of one of the two makes
    /// them different matrices; PEFT's `ensure_weight_tying` gives both the same update, which is one of their matrix.
    ///
    /// - Parameter isOneUpdate: whether the adapter says that both have the same update.
    mutating func settleTiedHead(
        isOneUpdate: Bool, scale: (_ rank: Int, _ pair: Pair) throws -> Float
    ) throws {
        guard !base.hasOwnHead else { return }
        let heads = namedPairs.filter { $0.key.role == WeightRole(.output) }
        let embeddings = namedPairs.filter { $0.key.role == WeightRole(.tokenEmbedding) }
        guard let first = (heads + embeddings).first?.value else { return }
        let name = first.a?.name ?? first.b?.name ?? ""
        guard isOneUpdate, let embedding = embeddings.first?.value else {
            throw AdapterError.unsupportedTensor(
                file: file, tensor: name,
                reason:
                    "updates the \(heads.isEmpty ? "embedding" : "head") of a base whose head is tied to its "
                    + "embedding without ensure_weight_tying, so that what was trained has two matrices; "
                    + "give the base a head of its own first (tie_word_embeddings false)")
        }
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

    /// The updates in the order of the base's tensors.
    ///
    /// - Parameter scale: of an update of this rank; it may refuse the rank.
    func updates(scale: (_ rank: Int, _ pair: Pair) throws -> Float) throws -> [LowRankUpdate] {
        return try namedPairs.flatMap { target, pair in
            let halves = try halves(pair)
            let parts = try UpdateParts(self, target, halves) { rank in
                let factor = try scale(rank, pair)
                guard factor.isFinite else {
                    throw AdapterError.scaleTooLarge(file: file, tensor: halves.a.name)
                }
                return factor
            }
            // Two files of one adapter, in either format, are the same in memory.
            return parts.updates.map { $0.with(rows: base.form(of: $0.role).rows) }
        }.sorted { weights.place(of: $0.role) ?? 0 < weights.place(of: $1.role) ?? 0 }
    }

    private func halves(
        _ pair: Pair
    ) throws(AdapterError) -> (a: StoredTensor, b: StoredTensor) {
        switch (pair.a, pair.b) {
        case (let a?, let b?): return (a, b)
        case (let present?, nil): throw missing("B", beside: present, "A")
        case (nil, let present?): throw missing("A", beside: present, "B")
        case (nil, nil): throw .notAnAdapter(path: file, reason: "it has no updates")
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

    /// All values of a half.
    ///
    /// - Throws: `AdapterError` where they cannot be read or are not finite.
    func values(of tensor: StoredTensor) throws -> [Float] {
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
                update.with(rows: base.form(of: role, in: format).rows)
            )
        }
    }
}
