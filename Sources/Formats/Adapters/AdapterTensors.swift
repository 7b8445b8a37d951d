/// The tensors of an adapter's file, sorted into the two halves of each update.
struct AdapterTensors {
    enum Half { case a, b }

    /// The halves found for a weight.
    private struct Pair {
        var a: CheckpointTensor?
        var b: CheckpointTensor?
    }

    private let file: String
    private let base: Checkpoint
    private let format: Checkpoint.Format
    /// What follows a weight's name in the names of the halves.
    private let suffixes: (a: String, b: String)
    private var pairs: [WeightRole: Pair] = [:]

    init(
        file: String, base: Checkpoint, format: Checkpoint.Format, suffixes: (a: String, b: String)
    ) {
        self.file = file
        self.base = base
        self.format = format
        self.suffixes = suffixes
    }

    /// Takes a tensor, given the name its weight has in a file of the adapter's format.
    mutating func add(
        _ tensor: CheckpointTensor, _ half: Half, of weight: String
    ) throws(AdapterError) {
        let role = base.architecture?.role(of: weight, in: format)
        guard let role, base.tensor(role) != nil else {
            throw .unknownTarget(file: file, tensor: tensor.name, base: base.path)
        }
        guard role.slot != .tokenEmbedding else {
            throw .unsupportedTensor(
                file: file, tensor: tensor.name,
                reason: "updates the embedding, which is not supported")
        }
        switch half {
        case .a: pairs[role, default: Pair()].a = tensor
        case .b: pairs[role, default: Pair()].b = tensor
        }
    }

    /// The updates in the order of the base's tensors.
    ///
    /// - Parameter scale: of an update of this rank, given the name of the tensor that says so; it may refuse the rank.
    func updates(
        scale: (_ role: WeightRole, _ rank: Int, _ tensor: String) throws -> Float
    ) throws -> [LowRankUpdate] {
        let architecture = try base.requireArchitecture()
        let numbers = try base.hyperparameters()
        let experts = numbers.experts?.count ?? 0
        let roles = base.tensors.compactMap(\.role).flatMap { role in
            // A GGUF base has the matrices of all experts in one tensor, an adapter updates single ones.
            [role]
                + (role.expert == nil ? (0..<experts) : 0..<0).map {
                    WeightRole(role.slot, role.part, expert: $0)
                }
        }
        return try roles.compactMap { role -> LowRankUpdate? in
            guard let pair = pairs[role], let weight = base.tensor(role) else { return nil }
            let (a, b) = try halves(pair)
            let shape = weight.canonicalShape
            guard shape.count == 2 else {
                throw AdapterError.unsupportedTensor(
                    file: file, tensor: a.name, reason: "updates a weight that is no matrix")
            }
            guard a.shape.count == 2, let rank = a.shape.first, rank > 0, a.shape[1] == shape[1]
            else {
                throw AdapterError.wrongShape(
                    file: file, tensor: a.name, found: a.shape,
                    expected: [a.shape.first ?? 1, shape[1]])
            }
            guard b.shape == [shape[0], rank] else {
                throw AdapterError.wrongShape(
                    file: file, tensor: b.name, found: b.shape, expected: [shape[0], rank])
            }
            let order = architecture.rowOrder(
                of: role, from: format, to: base.format, numbers: numbers)
            return LowRankUpdate(
                role: role, rank: rank, a: try values(of: a),
                b: order.reordered(try values(of: b), columns: rank),
                scale: try scale(role, rank, a.name))
        }
    }

    private func halves(
        _ pair: Pair
    ) throws(AdapterError) -> (a: CheckpointTensor, b: CheckpointTensor) {
        switch (pair.a, pair.b) {
        case (let a?, let b?): return (a, b)
        case (let present?, nil): throw missing(suffixes.b, beside: present, suffixes.a)
        case (nil, let present?): throw missing(suffixes.a, beside: present, suffixes.b)
        case (nil, nil): throw .notAnAdapter(path: file, reason: "it has no updates")
        }
    }

    private func missing(
        _ suffix: String, beside present: CheckpointTensor, _ other: String
    ) -> AdapterError {
        .missingHalf(
            file: file, tensor: present.name, missing: present.name.dropLast(other.count) + suffix)
    }

    private func values(of tensor: CheckpointTensor) throws -> [Float] {
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
}

extension Adapter {
    /// Each update with its rows in the order of a format, and the name its weight has there without `.weight`.
    ///
    /// - Throws: `AdapterError.doesNotFit` where an update is not one of the base's.
    func updates(
        for base: Checkpoint, in format: Checkpoint.Format
    ) throws -> [(module: String, update: LowRankUpdate)] {
        let architecture = try base.requireArchitecture()
        let numbers = try base.hyperparameters()
        return try updates.map { update in
            guard let weight = base.tensor(update.role), update.fits(weight.canonicalShape),
                let name = architecture.name(of: update.role, in: format),
                name.hasSuffix(".weight"), update.role.slot != .tokenEmbedding
            else { throw AdapterError.doesNotFit(update: update.role, base: base.path) }
            let order = architecture.rowOrder(
                of: update.role, from: base.format, to: format, numbers: numbers)
            return (
                String(name.dropLast(".weight".count)),
                LowRankUpdate(
                    role: update.role, rank: update.rank, a: update.a,
                    b: order.reordered(update.b, columns: update.rank), scale: update.scale)
            )
        }
    }
}
