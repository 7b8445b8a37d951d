/// Gathers the weights that an adapter changes otherwise than by low-rank updates.
struct AdaptedWeights {
    private let file: String
    /// The base's.
    private let list: WeightList
    private var changes: [WeightRole: AdaptedWeight] = [:]
    /// The first tensor of the file that changes a weight, for errors.
    private var tensors: [WeightRole: String] = [:]
    /// Whether the embedding's rows of single tokens are all that changes it.
    private var hasTokensOnly = false

    init(file: String, weights: WeightList) {
        self.file = file
        list = weights
    }

    /// In the order of the base's tensors.
    var weights: [AdaptedWeight] {
        changes.values.sorted { list.place(of: $0.role) ?? -1 < list.place(of: $1.role) ?? -1 }
    }

    // MARK: - Adding

    /// A whole weight or bias in place of the base's.
    ///
    /// - Throws: `AdapterError` where its shape is another, or its values are none.
    mutating func add(new tensor: StoredTensor, to role: WeightRole) throws {
        try checkValues(of: tensor)
        let new = NewValues(tensor, list.checkpoint.form(of: role, in: .safetensors))
        try add(new, to: role, for: tensor.name, shape: new.shape)
    }

    /// Refuses values that are not finite, a piece at a time.
    private func checkValues(of tensor: StoredTensor) throws {
        guard tensor.type.isPlainFloat, Dequantizer.isSupported(tensor.type) else {
            throw AdapterError.unsupportedTensor(
                file: file, tensor: tensor.name,
                reason: "is \(tensor.type.name), which is not supported in adapters")
        }
        let count = tensor.description.elementCount ?? 0
        for start in stride(from: 0, to: count, by: 1 << 16) {
            let elements = start..<min(start + (1 << 16), count)
            let values = try [Float](filling: elements.count) { target throws(QuantizationError) in
                try tensor.widen(elements, into: target)
            }
            if let index = values.firstIndex(where: { !$0.isFinite }) {
                throw AdapterError.notFinite(
                    file: file, tensor: tensor.name, index: start + index)
            }
        }
        tensor.releasePages()
    }

    /// The rows of some tokens in place of the base's.
    ///
    /// - Throws: `AdapterError` where the tensor does not fit the tokens or the base.
    mutating func add(
        tokens: [Int], _ tensor: StoredTensor, to role: WeightRole
    ) throws {
        try checkValues(of: tensor)
        let weight = list.weights(for: role).first
        guard let shape = weight?.canonicalShape, shape.count == 2,
            role == WeightRole(.tokenEmbedding) || role == WeightRole(.output)
        else {
            throw AdapterError.unsupportedTensor(
                file: file, tensor: tensor.name, reason: "holds rows of what has none for tokens")
        }
        guard tensor.shape == [tokens.count, shape[1]] else {
            throw AdapterError.wrongShape(
                file: file, tensor: tensor.name, found: tensor.shape,
                expected: [tokens.count, shape[1]])
        }
        if let token = tokens.first(where: { $0 >= shape[0] }) {
            throw AdapterError.unsupportedTensor(
                file: file, tensor: tensor.name,
                reason: "holds token \(token), but the base has only \(shape[0])")
        }
        if role == WeightRole(.tokenEmbedding) { hasTokensOnly = true }
        try add(NewTokens(tensor, tokens: tokens), to: role, for: tensor.name)
    }

    /// A change of a weight.
    ///
    /// - Parameters:
    ///   - shape: that the change has; nil where it was made for the base's
    ///   - isOnTop: whether another change may come before it
    /// - Throws: `AdapterError` where the shape is not the base's, or another change leaves no room for it.
    mutating func add(
        _ change: any RowChange, to role: WeightRole, for tensor: String, shape: [Int]? = nil,
        isOnTop: Bool = false
    ) throws(AdapterError) {
        if var present = changes[role] {
            guard isOnTop else { throw twice(tensor) }
            present.changes.append(change)
            changes[role] = present
            return
        }
        let base = list.weights(for: role).first
        let own = base?.canonicalShape ?? list.newBiasShape(role)
        if let shape, shape != own {
            throw .wrongShape(file: file, tensor: tensor, found: shape, expected: own)
        }
        changes[role] = AdaptedWeight(
            role: role, shape: own, base: base.map(BaseRows.init), changes: [change])
        tensors[role] = tensor
    }

    private func twice(_ tensor: String) -> AdapterError {
        .unsupportedTensor(
            file: file, tensor: tensor, reason: "updates a weight that another one updates too")
    }

    // MARK: - All together

    /// Refuses changes of a weight that has an update too.
    func check(besides updates: [LowRankUpdate]) throws(AdapterError) {
        for update in updates {
            if let tensor = tensors[update.role] { throw twice(tensor) }
        }
    }

    /// What becomes of a head that is tied to the embedding.
    ///
    /// Training changes one of the two modules, and the other keeps the matrix as it was, so that the trained model has a
    /// head of its own; but for new rows of tokens, which PEFT gives the head too.
    ///
    /// - Parameters:
    ///   - updated: the weights that have low-rank updates
    ///   - sharing: whether the embedding's update is the head's too
    /// - Returns: the base's matrix, of which the head of its own is made; nil where the head stays the embedding or was
    ///   its own before.
    mutating func settleTiedHead(
        updated: [WeightRole], sharing: Bool
    ) throws(AdapterError) -> WeightTensor? {
        let (head, embedding) = (WeightRole(.output), WeightRole(.tokenEmbedding))
        guard !list.checkpoint.hasOwnHead else { return nil }
        if repeats(head, embedding) {
            changes[head] = nil
            return nil
        }
        let changesHead = changes[head] != nil || updated.contains(head)
        if hasTokensOnly, changesHead, let tensor = tensors[embedding] {
            throw .unsupportedTensor(
                file: file, tensor: tensor,
                reason: "holds tokens of an embedding whose tied head is changed by itself")
        }
        if changes[head]?.changes.first is NewTokens, let tensor = tensors[head] {
            throw .unsupportedTensor(
                file: file, tensor: tensor,
                reason:
                    "holds tokens of a head that is tied to the embedding, of which they are none")
        }
        let changesEmbedding =
            changes[embedding] != nil && !hasTokensOnly || updated.contains(embedding) && !sharing
        return changesHead || changesEmbedding ? list.weights(for: embedding).first : nil
    }

    /// Whether both weights get the same new values.
    private func repeats(_ first: WeightRole, _ second: WeightRole) -> Bool {
        switch (changes[first]?.changes.first, changes[second]?.changes.first) {
        case (let one as NewValues, let other as NewValues): one.repeats(other)
        case (let one as NewTokens, let other as NewTokens): one.repeats(other)
        default: false
        }
    }
}

extension WeightList {
    /// The shape of a bias that the base does not have: one number for each row of its weight.
    fileprivate func newBiasShape(_ role: WeightRole) -> [Int] {
        let weight = weights(for: WeightRole(role.slot, expert: role.expert)).first
        return Array((weight?.canonicalShape ?? []).prefix(1))
    }
}
