/// What a comparison makes of the weights of two checkpoints: the values that belong together, and what it leaves out.
struct TensorPairing {
    /// In the order of the first checkpoint, then what only the second has; without a pair where there are no values to
    /// compare.
    private(set) var matches: [(weight: WeightMatching.Match, values: Values)] = []
    /// Tensors that take no part in the model, or that the other format keeps elsewhere, with the reason.
    private(set) var leftOut: [String] = []

    private let matching: WeightMatching

    /// The values of both sides, their rows in the order of the first checkpoint's format; nil where a side has none.
    struct Values {
        let a: WeightRows?
        let b: WeightRows?
        /// Nil where they cannot be compared one by one.
        let pair: TensorPair?
    }

    /// - Throws: `CheckpointError` where one of the two is quantised in a way that is not read, or the
    ///   formats or the families differ and the numbers that tell how rows are ordered are unusable.
    init(_ a: Checkpoint, _ b: Checkpoint) throws {
        try a.requireValues()
        try b.requireValues()
        matching = WeightMatching(a, b)
        try matching.a.requireNumbers()
        try matching.b.requireNumbers()
        for match in matching.matches {
            if let reason = reasonToLeaveOut(match) {
                leftOut.append("\(match.a?.name ?? match.b?.name ?? ""): \(reason)")
            } else {
                matches.append((match, try values(of: match)))
            }
        }
    }

    private mutating func values(of match: WeightMatching.Match) throws -> Values {
        let a = try match.a.map { try rows(of: $0, in: matching.a) } ?? absentBias(match)
        let b = try match.b.map { try rows(of: $0, in: matching.b) } ?? absentBias(match)
        return Values(a: a, b: b, pair: pair(of: match, a, b))
    }

    /// The values of a match, or nil where there are none to compare.
    private mutating func pair(
        of match: WeightMatching.Match, _ a: WeightRows?, _ b: WeightRows?
    ) -> TensorPair? {
        guard let first = a, let second = b, Self.canCompare(first, second) else { return nil }
        let isCut = matching.differInPadding(
            match, rows: first.shape.first ?? 0, second.shape.first ?? 0)
        if isCut {
            leftOut.append(
                "\(match.a?.name ?? ""): rows beyond the tokenizer's tokens, which GGUF files of "
                    + "this family do not have")
        }
        return TensorPair(
            role: match.role, first, second, order: match.a?.form.orderOnly ?? .canonical,
            ignoresPadding: isCut)
    }

    /// A side's values, their rows in the order of the first checkpoint's format and family.
    private func rows(of weight: WeightTensor, in list: WeightList) throws -> WeightRows {
        let first = matching.a
        let shared = try list.checkedForm(
            of: weight, in: first.checkpoint.format, of: first.architecture
        ).orderOnly
        return WeightRows(weight, weight.form.change(to: shared))
    }

    /// Zeros where one side has no such bias.
    private func absentBias(_ match: WeightMatching.Match) -> WeightRows? {
        guard match.role?.part == .bias, let present = match.a ?? match.b else { return nil }
        return WeightRows(nil, shape: present.canonicalShape)
    }

    private static func canCompare(_ a: WeightRows, _ b: WeightRows) -> Bool {
        if a.shape == b.shape { return true }
        return a.isReadable && b.isReadable && a.shape.count > 1
            && a.shape.dropFirst() == b.shape.dropFirst() && !a.needsWholeRows && !b.needsWholeRows
    }

    private static func isCopy(_ match: WeightMatching.Match) -> Bool {
        guard let a = match.a, let b = match.b else { return false }
        return a.hasBytes(of: b)
    }

    private func reasonToLeaveOut(_ match: WeightMatching.Match) -> String? {
        guard let tensor = match.a ?? match.b else { return nil }
        if matching.a.architecture != nil, matching.b.architecture != nil, match.role == nil,
            Architecture.isRecomputed(tensor.name)
        {
            return "takes no part: computed anew by every runtime"
        }
        if let part = tensor.role?.part, !part.isOfValues, !Self.isCopy(match) {
            return part == .scale
                ? "takes part in the values of its matrix, which are compared"
                : "takes part in no arithmetic but that of hardware for nvfp4"
        }
        if match.a == nil || match.b == nil, isOfWrapperAlone(tensor) {
            return "takes no part: it stands beside the text decoder of a multimodal folder"
        }
        guard matching.crossesFormats, match.a == nil || match.b == nil else { return nil }
        if [matching.a, matching.b].contains(where: { $0.checkpoint.isOfPredictors(tensor) }) {
            return "takes no part: it belongs to blocks that predict further tokens"
        }
        switch tensor.role?.slot {
        case .ropeFrequencies, .ropeFactorsLong, .ropeFactorsShort:
            return "rotary divisors, which Hugging Face keeps in config.json (compared there)"
        default: return nil
        }
    }

    /// Whether one side is a multimodal folder and the other a language model by itself, which has no such tensor.
    private func isOfWrapperAlone(_ tensor: WeightTensor) -> Bool {
        let wrappers = [matching.a, matching.b].compactMap(\.checkpoint.wrapper)
        return wrappers.count == 1 && tensor.role == nil && wrappers[0].carries(tensor.name)
    }
}
