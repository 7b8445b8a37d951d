/// Which tensors of two checkpoints are the same weight: those of one role where both families are known, else those of
/// one name.
struct TensorMatching {
    /// A weight of both checkpoints, or of one.
    struct Match {
        var role: WeightRole?
        var a: WeightTensor?
        var b: WeightTensor?
        /// The values; nil where there are none to compare.
        var pair: TensorPair?
        /// Whether one side has no head of its own, so that its embedding stands for it.
        var isTiedHead = false
    }

    /// In the order of the first checkpoint; then what only the second has.
    private(set) var matches: [Match] = []
    /// Tensors that take no part in the model, or that the other format keeps elsewhere, with the reason.
    private(set) var leftOut: [String] = []

    private let a: Side
    private let b: Side

    /// - Throws: `CheckpointError` where one of the two is quantised, so that its tensors are not its weights, or the
    ///   formats differ and the numbers that tell how rows are ordered are unusable.
    init(_ a: Checkpoint, _ b: Checkpoint) throws {
        try a.requireValues()
        try b.requireValues()
        self.a = try Side(a, other: b)
        self.b = try Side(b, other: a)
        try match()
    }

    private var crossesFormats: Bool { a.checkpoint.format != b.checkpoint.format }

    // MARK: - Matching

    private enum Key: Hashable {
        case role(WeightRole)
        case name(ExactString)
    }

    private mutating func match() throws {
        let isByRole = a.architecture != nil && b.architecture != nil
        var places: [Key: Int] = [:]
        for tensor in a.tensors(byRole: isByRole) {
            places[key(of: tensor, isByRole, taken: places)] = matches.count
            matches.append(Match(role: isByRole ? tensor.role : nil, a: tensor))
        }
        var seen: [Key: Int] = [:]
        for tensor in b.tensors(byRole: isByRole) {
            let key = key(of: tensor, isByRole, taken: seen)
            seen[key] = 0
            if let place = places[key] {
                matches[place].b = tensor
            } else {
                matches.append(Match(role: isByRole ? tensor.role : nil, b: tensor))
            }
        }
        if isByRole { completeHead() }
        matches = try matches.compactMap { try completed($0) }
    }

    /// Puts the embedding in the place of the head that one side does not have.
    private mutating func completeHead() {
        guard let head = matches.firstIndex(where: { $0.role == WeightRole(.output) }),
            let embedding = matches.first(where: { $0.role == WeightRole(.tokenEmbedding) }),
            (matches[head].a == nil) != (matches[head].b == nil)
        else { return }
        matches[head].isTiedHead = true
        if matches[head].a == nil {
            matches[head].a = embedding.a
        } else {
            matches[head].b = embedding.b
        }
    }

    /// The role, or the name where there is none or another tensor has it already.
    private func key(of tensor: WeightTensor, _ isByRole: Bool, taken: [Key: Int]) -> Key {
        let name = Key.name(ExactString(tensor.name))
        guard isByRole, let role = tensor.role, taken[.role(role)] == nil else { return name }
        return .role(role)
    }

    /// The match with its values, or nil where it is left out.
    private mutating func completed(_ match: Match) throws -> Match? {
        var match = match
        if let reason = reasonToLeaveOut(match) {
            leftOut.append("\(match.a?.name ?? match.b?.name ?? ""): \(reason)")
            return nil
        }
        guard
            let first = try match.a.map({ try a.canonical($0, as: a.checkpoint.format) })
                ?? absentBias(match)
        else { return match }
        guard
            let second = try match.b.map({ try b.canonical($0, as: a.checkpoint.format) })
                ?? absentBias(match)
        else { return match }
        guard Self.canCompare(first, second) else { return match }
        let isCut = isCutEmbedding(match, first, second)
        if isCut {
            leftOut.append(
                "\(match.a?.name ?? ""): rows beyond the tokenizer's tokens, which GGUF files of "
                    + "this family do not have")
        }
        match.pair = TensorPair(
            role: match.role, first, second, order: match.a?.form.rows ?? .same,
            ignoresPadding: isCut)
        return match
    }

    /// Zeros where one side has no such bias.
    private func absentBias(_ match: Match) -> WeightRows? {
        guard match.role?.part == .bias, let present = match.a ?? match.b else { return nil }
        return WeightRows(nil, shape: present.canonicalShape)
    }

    private static func canCompare(_ a: WeightRows, _ b: WeightRows) -> Bool {
        if a.shape == b.shape { return true }
        return a.isReadable && b.isReadable && a.shape.count > 1
            && a.shape.dropFirst() == b.shape.dropFirst() && !a.needsWholeRows && !b.needsWholeRows
    }

    // MARK: - What formats keep elsewhere

    private func reasonToLeaveOut(_ match: Match) -> String? {
        guard let tensor = match.a ?? match.b else { return nil }
        if a.architecture != nil, b.architecture != nil, match.role == nil,
            Architecture.isRecomputed(tensor.name)
        {
            return "takes no part: computed anew by every runtime"
        }
        guard crossesFormats, match.a == nil || match.b == nil else { return nil }
        switch tensor.role?.slot {
        case .ropeFrequencies, .ropeFactorsLong, .ropeFactorsShort:
            return "rotary divisors, which Hugging Face keeps in config.json (compared there)"
        default: return nil
        }
    }

    /// Whether the embeddings differ by rows that a GGUF file of the family does not have.
    private func isCutEmbedding(
        _ match: Match, _ first: WeightRows, _ second: WeightRows
    ) -> Bool {
        guard crossesFormats,
            match.role == WeightRole(.tokenEmbedding) || match.isTiedHead,
            a.architecture?.cutsEmbedding ?? false,
            let rowsA = first.shape.first, let rowsB = second.shape.first
        else { return false }
        return a.checkpoint.format == .gguf ? rowsA < rowsB : rowsB < rowsA
    }
}

/// One of the two checkpoints, with what tells the roles and the row order of its tensors.
private struct Side {
    let checkpoint: Checkpoint
    /// The checkpoint's own family, or the other's where its files do not name one, as bare weights do not.
    let architecture: Architecture?
    /// The numbers that row orders follow from; nil where both checkpoints have one format.
    let numbers: Hyperparameters?
    private let isBare: Bool

    init(_ checkpoint: Checkpoint, other: Checkpoint) throws {
        self.checkpoint = checkpoint
        isBare = checkpoint.architectureName == nil
        let isOtherBare = other.architectureName == nil
        let architecture =
            checkpoint.architecture
            ?? (isBare
                ? isOtherBare ? Self.family(of: [checkpoint, other]) : other.architecture : nil)
        self.architecture = architecture
        if checkpoint.format == other.format || architecture == nil {
            numbers = nil
        } else {
            numbers = try (isBare ? other : checkpoint).hyperparameters()
        }
    }

    /// The first family that knows all names of bare weights; which of those that share them does not matter here.
    private static func family(of checkpoints: [Checkpoint]) -> Architecture? {
        Architecture.all.first { family in
            checkpoints.allSatisfy { checkpoint in
                checkpoint.tensors.allSatisfy { tensor in
                    family.role(of: tensor.name, in: checkpoint.format) != nil
                }
            }
        }
    }

    /// The tensors in the order of the files; of a stack each expert's matrix where they are matched by role.
    func tensors(byRole: Bool) -> [WeightTensor] {
        guard byRole else { return checkpoint.tensors }
        return checkpoint.tensors.flatMap { tensor -> [WeightTensor] in
            let own = isBare ? recognised(tensor) : tensor
            guard let role = own.role, role.expert == nil, role.slot.isOfExperts,
                own.shape.count == 3
            else { return [own] }
            return (0..<own.shape[0]).compactMap { own.matrix(ofExpert: $0) }
        }
    }

    /// A tensor of bare weights, with the role its name has in the other checkpoint's family.
    private func recognised(_ tensor: WeightTensor) -> WeightTensor {
        let format = checkpoint.format
        guard let architecture, let role = architecture.role(of: tensor.name, in: format) else {
            return tensor
        }
        return WeightTensor(
            tensor.stored, role: role, form: architecture.form(of: role, in: format, numbers))
    }

    /// The tensor's values, its rows in the order of a format.
    ///
    /// - Throws: `CheckpointError.wrongShape` where the rows cannot be ordered, because the numbers make them others.
    func canonical(
        _ tensor: WeightTensor, as format: FileFormat
    ) throws(CheckpointError) -> WeightRows {
        guard let architecture, let role = tensor.role, let numbers else {
            return WeightRows(tensor.stored, tensor.form.change(to: tensor.form.rowsOnly))
        }
        let shared = architecture.form(of: role, in: format, numbers).rowsOnly
        let change = tensor.form.change(to: shared)
        if change.rows != .same, let rule = architecture.rule(for: role.slot) {
            let expected = rule.shape(of: role, in: numbers, format: checkpoint.format)
            guard tensor.shape == expected else {
                throw .wrongShape(
                    file: checkpoint.path, tensor: tensor.name, found: tensor.shape,
                    expected: expected)
            }
        }
        return WeightRows(tensor.stored, change)
    }
}
