/// Which weights of two checkpoints belong together: those of one role where both families are known, experts one by
/// one; else those of one name. `diff`, `delta` and adapters go by this and `WeightList`, so that a rule learnt for one
/// of them holds for all.
struct WeightMatching: Sendable {
    /// A weight of both checkpoints, or of one.
    struct Match: Sendable {
        /// Nil where the tensors were matched by name.
        var role: WeightRole?
        var a: WeightTensor?
        var b: WeightTensor?
        /// Whether one side has no head of its own, so that its embedding stands for it.
        var isTiedHead = false
    }

    let a: WeightList
    let b: WeightList
    /// In the order of the first checkpoint; then what only the second has.
    private(set) var matches: [Match] = []

    /// Matches what the names tell; values are not read, and may be those of a quantiser.
    ///
    /// Bare weights are taken for the other checkpoint's family and size. Numbers, from which orders of rows follow, are
    /// asked for where the formats or the families differ; unusable ones come to light where they are needed.
    init(_ a: Checkpoint, _ b: Checkpoint) {
        let shared = a.isBare && b.isBare ? Self.family(of: [a, b]) : nil
        let familyA = a.architecture ?? (a.isBare ? b.architecture ?? shared : nil)
        let familyB = b.architecture ?? (b.isBare ? a.architecture ?? shared : nil)
        let isByRole = familyA != nil && familyB != nil
        let crossesFormats = a.format != b.format
        // Two families of one format have rows in different orders where both models' numbers can be used.
        let crossesFamilies =
            isByRole && familyA?.huggingFaceModelType != familyB?.huggingFaceModelType
            && [a, b].allSatisfy { $0.isBare || (try? $0.hyperparameters()) != nil }
        func list(
            _ checkpoint: Checkpoint, _ family: Architecture?, beside other: Checkpoint,
            _ otherFamily: Architecture?
        ) -> WeightList {
            let model = checkpoint.isBare ? other : checkpoint
            return WeightList(
                checkpoint, family,
                numbers: crossesFamilies || crossesFormats && family != nil
                    ? Result { try model.hyperparameters() } : nil,
                beside: (otherFamily, other.format), isByRole: isByRole)
        }
        self.a = list(a, familyA, beside: b, familyB)
        self.b = list(b, familyB, beside: a, familyA)
        match(byRole: isByRole)
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

    var crossesFormats: Bool { a.checkpoint.format != b.checkpoint.format }

    // MARK: - Matching

    private enum Key: Hashable {
        case role(WeightRole)
        case name(ExactString)
    }

    private mutating func match(byRole isByRole: Bool) {
        var places: [Key: Int] = [:]
        for weight in a.weights {
            places[key(of: weight, isByRole, taken: places)] = matches.count
            matches.append(Match(role: isByRole ? weight.role : nil, a: weight))
        }
        var seen: [Key: Int] = [:]
        for weight in b.weights {
            let key = key(of: weight, isByRole, taken: seen)
            seen[key] = 0
            if let place = places[key] {
                matches[place].b = weight
            } else {
                matches.append(Match(role: isByRole ? weight.role : nil, b: weight))
            }
        }
        if isByRole { completeHead() }
    }

    /// Puts the embedding in the place of the head that one side does not have.
    private mutating func completeHead() {
        let head = WeightRole(.output)
        guard let place = matches.firstIndex(where: { $0.role == head }),
            (matches[place].a == nil) != (matches[place].b == nil),
            let embedding = (matches[place].a == nil ? a : b).weights(for: head).first
        else { return }
        matches[place].isTiedHead = true
        if matches[place].a == nil {
            matches[place].a = embedding
        } else {
            matches[place].b = embedding
        }
    }

    /// The role, or the name where there is none or another tensor has it already.
    private func key(of weight: WeightTensor, _ isByRole: Bool, taken: [Key: Int]) -> Key {
        let name = Key.name(ExactString(weight.name))
        guard isByRole, let role = weight.role, taken[.role(role)] == nil else { return name }
        return .role(role)
    }

    // MARK: - Padding

    /// Whether two matched matrices of so many rows are one embedding, in one file with rows that the other's format
    /// leaves out.
    func differInPadding(_ match: Match, rows rowsA: Int, _ rowsB: Int) -> Bool {
        guard match.role == WeightRole(.tokenEmbedding) || match.isTiedHead else { return false }
        return a.architecture?.differInPadding(
            rows: rowsA, in: a.checkpoint.format, rowsB, in: b.checkpoint.format) ?? false
    }
}

extension Architecture {
    /// Whether embeddings of so many rows in two files are one, in the one file with rows beyond the tokenizer's tokens,
    /// which GGUF files of the family do not have.
    func differInPadding(
        rows: Int, in format: FileFormat, _ otherRows: Int, in other: FileFormat
    ) -> Bool {
        guard cutsEmbedding, format != other else { return false }
        return format == .gguf ? rows < otherRows : otherRows < rows
    }
}
