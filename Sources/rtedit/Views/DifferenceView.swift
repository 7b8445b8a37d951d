import Formats

/// A comparison of two checkpoints as people read it.
struct DifferenceView {
    let comparison: CheckpointComparison

    /// How many tensors are listed where not all are asked for.
    private static let shortList = 12

    func show(on console: Console, allTensors: Bool) {
        showCounts(on: console)
        if comparison.tensors.contains(where: \.isDifference) {
            showGroups(DifferenceGroup.byKind(comparison.tensors), title: "kind", on: console)
            showGroups(DifferenceGroup.byBlock(comparison.tensors), title: "block", on: console)
        }
        showTensors(on: console, all: allTensors)
        showSettings(on: console)
        showTokenizer(on: console)
        for note in comparison.notes + comparison.leftOut.prefix(Self.shortList) {
            console.detail(note)
        }
        if !comparison.leftOut.isEmpty {
            console.print(
                "\(comparison.leftOut.count) tensors are not compared: they take no part in the model, or "
                    + "one format keeps them elsewhere (--verbose names them)")
        }
        console.print(
            comparison.isSame
                ? "SAME: equal values, numbers, tokenizer and chat template"
                : "DIFFERENT", style: comparison.isSame ? .good : .bad)
    }

    /// "310 tensors: 272 identical bytes, 30 changed".
    static func counts(_ comparison: CheckpointComparison) -> String {
        let parts = TensorDifference.Status.allCases.compactMap { status -> String? in
            let count = comparison.tensors.count { $0.status == status }
            return count > 0 ? "\(count) \(status.rawValue)" : nil
        }
        return "\(comparison.tensors.count) tensors: \(parts.joined(separator: ", "))"
    }

    /// What the comparison saw: "every one of 54321 values, the models' numbers, the tokenizers".
    static func extent(_ comparison: CheckpointComparison) -> String {
        let values = comparison.tensors.reduce(0) { $0 + ($1.sums?.count ?? 0) }
        var parts = [
            "\(values) values of \(comparison.tensors.count(where: { $0.sums != nil })) tensors, all of them"
        ]
        let hasNumbers = [comparison.a, comparison.b].allSatisfy { $0.architecture != nil }
        parts.append(
            hasNumbers ? "the numbers that shape the models" : "no numbers: a family is not known")
        parts.append(
            comparison.tokenizer.isComplete
                ? "the tokenizers with their chat templates" : "no tokenizers: not both have one")
        return parts.joined(separator: "; ")
    }

    private func showCounts(on console: Console) {
        console.print("A: \(Self.name(comparison.a))")
        console.print("B: \(Self.name(comparison.b))")
        console.print(Self.counts(comparison))
        console.print("compared: \(Self.extent(comparison))")
        let zeros = comparison.tensors.count(where: \.isAbsentZero)
        if zeros > 0 {
            console.print("  \(zeros) of them are biases of zeros, which are as good as none")
        }
        if let head = comparison.tensors.first(where: \.isTiedHead), !head.isDifference {
            console.print("  one is a head of its own that repeats the embedding")
        }
    }

    static func name(_ checkpoint: Checkpoint) -> String {
        let family = checkpoint.architectureName ?? "no architecture named"
        return "\(checkpoint.path) (\(checkpoint.format.rawValue), \(family))"
    }

    private func showGroups(_ groups: [DifferenceGroup], title: String, on console: Console) {
        let changed = groups.filter { $0.changedCount > 0 }
        var table = Table([
            .left(title), .right("tensors"), .right("changed"), .right("change/norm"),
            .left("largest in"),
        ])
        for group in changed.prefix(Self.shortList) {
            table.add(
                group.name, "\(group.tensors.count)", "\(group.changedCount)",
                Self.figure(group.change), group.largest.map(Self.name) ?? "")
        }
        console.print()
        console.print(table)
        if changed.count > Self.shortList {
            console.print("… and \(changed.count - Self.shortList) more")
        }
    }

    // MARK: - Tensors

    private func showTensors(on console: Console, all: Bool) {
        let sorted = TensorDifference.sorted(comparison.tensors)
        let listed = all ? sorted : Array(sorted.filter(\.isDifference).prefix(Self.shortList))
        guard !listed.isEmpty else { return }
        var table = Table([
            .left("tensor"), .left("type"), .left("status"), .right("RMSE"),
            .right("change/norm"), .right("cosine"), .right("max |d|"), .left("at"),
            .right("changed"),
        ])
        for tensor in listed {
            let sums = tensor.sums
            table.add(
                Self.name(tensor), Self.types(tensor), Self.status(tensor),
                sums.map { Self.figure($0.rootMeanSquare) } ?? "-",
                sums.map { Self.figure($0.normalized) } ?? "-",
                sums.map { Quantity.fixed($0.cosine, 6) } ?? "-",
                sums.map { Self.figure(Double($0.largest)) } ?? "-", Self.place(tensor),
                sums.map { Quantity.percent($0.changedShare) } ?? "-")
        }
        console.print()
        console.print(table)
        let hidden = sorted.count(where: \.isDifference) - listed.count
        if hidden > 0 { console.print("… and \(hidden) more; --tensors lists all") }
    }

    /// The name in A, or in B where only that has the tensor.
    static func name(_ tensor: TensorDifference) -> String {
        tensor.name + (tensor.role?.expert.map { " expert \($0)" } ?? "")
    }

    static func types(_ tensor: TensorDifference) -> String {
        let (a, b) = (tensor.a?.storageName, tensor.b?.storageName)
        return a == b ? a ?? "" : "\(a ?? "none") > \(b ?? "none")"
    }

    static func status(_ tensor: TensorDifference) -> String {
        var text = tensor.status.rawValue
        if tensor.status == .otherShape {
            text += " \(shape(tensor.a)) > \(shape(tensor.b))"
            if let growth = tensor.growth, growth.keepsFirst { text += ", A's and \(growth)" }
        }
        if tensor.isAbsentZero { text += ", zeros" }
        if tensor.isTiedHead { text += ", against the embedding" }
        if let sums = tensor.sums, sums.notFiniteInA + sums.notFiniteInB > 0 {
            text += ", not finite \(sums.notFiniteInA) > \(sums.notFiniteInB)"
        }
        return text
    }

    private static func shape(_ tensor: TensorDifference.Stored?) -> String {
        tensor?.shape.map(String.init).joined(separator: "x") ?? "none"
    }

    /// Where the largest change lies, in A's file and in B's where that is another place.
    private static func place(_ tensor: TensorDifference) -> String {
        let places = [tensor.a?.placeOfLargest, tensor.b?.placeOfLargest].compactMap { place in
            place.map { "[\($0.map(String.init).joined(separator: ","))]" }
        }
        return Set(places).count < 2 ? places.first ?? "" : places.joined(separator: " = ")
    }

    /// A figure in three digits.
    static func figure(_ value: Double) -> String {
        if value == 0 { return "0" }
        return value.isFinite ? Quantity.scientific(value, 2) : "-"
    }

    // MARK: - Settings

    private func showSettings(on console: Console) {
        showList(comparison.settings, title: "metadata", on: console)
    }

    private func showTokenizer(on console: Console) {
        let tokenizer = comparison.tokenizer
        for line in Self.tokenLines(tokenizer, limit: Self.shortList) { console.print(line) }
        showList(tokenizer.settings, title: "tokenizer", on: console)
    }

    /// Tokens added, removed, changed, and of another kind.
    static func tokenLines(_ tokenizer: TokenizerComparison, limit: Int) -> [String] {
        var lines: [String] = []
        let groups: [(String, [TokenizerComparison.TokenChange])] = [
            ("added", tokenizer.tokens.filter { $0.a == nil }),
            ("removed", tokenizer.tokens.filter { $0.b == nil }),
            ("changed", tokenizer.tokens.filter { $0.a != nil && $0.b != nil }),
        ]
        for (word, tokens) in groups where !tokens.isEmpty {
            let list = tokens.prefix(limit).map { token in
                "\(token.id) " + [token.a, token.b].compactMap { $0 }.joined(separator: " > ")
            }
            lines.append(
                "tokens \(word): \(tokens.count): \(list.joined(separator: ", "))"
                    + (tokens.count > limit ? ", …" : ""))
        }
        if tokenizer.kindChanges.count > 0 {
            lines.append(
                "tokens of another kind: \(tokenizer.kindChanges.count), the first "
                    + "\(tokenizer.kindChanges.first ?? 0)")
        }
        return lines
    }

    private func showList(_ settings: [SettingDifference], title: String, on console: Console) {
        guard !settings.isEmpty else { return }
        var table = Table([.left(title), .left("A"), .left("B"), .left("")])
        for setting in settings {
            table.add(
                "\(setting.group.rawValue): \(setting.name)", Self.clipped(setting.a),
                Self.clipped(setting.b), setting.isDifference ? "" : "(listed only)")
        }
        console.print()
        console.print(table)
    }

    static func clipped(_ text: String?) -> String { (text ?? "none").clipped(to: 60) }
}
