/// Whether other models can be blended with one, and which of their weights belong to which of its.
struct BlendPartners {
    private let source: Checkpoint
    let numbers: Hyperparameters
    private let architecture: Architecture
    private let takesOtherTokenizers: Bool

    /// - Throws: as `Checkpoint.hyperparameters`.
    init(_ source: Checkpoint, takesOtherTokenizers: Bool) throws {
        self.source = source
        self.takesOtherTokenizers = takesOtherTokenizers
        architecture = try source.requireArchitecture()
        numbers = try source.hyperparameters()
    }

    // MARK: - Whether they go together

    /// - Returns: what differs without being in the way, one line each.
    /// - Throws: `BlendError` where they do not; as `Checkpoint.hyperparameters`.
    func check(_ other: Checkpoint) throws -> [String] {
        let family = try other.requireArchitecture()
        guard family.huggingFaceModelType == architecture.huggingFaceModelType else {
            throw BlendError.otherArchitecture(
                file: other.path, found: family.name, first: source.path,
                expected: architecture.name)
        }
        return try checkNumbers(other, family) + checkTokenizer(other)
    }

    /// The name of a number that says how long texts may be, and changes nothing that is computed.
    private static let contextLength = "context length"

    private func checkNumbers(_ other: Checkpoint, _ family: Architecture) throws -> [String] {
        let all = SettingComparison.differences(
            numbers, try other.hyperparameters(), architecture.numbers + family.numbers
        ).filter(\.isDifference)
        let texts = all.map {
            ($0.name, "\($0.name) is \($0.b ?? "not given"), not \($0.a ?? "not given")")
        }
        let serious = texts.filter { $0.0 != Self.contextLength }.map(\.1)
        guard serious.isEmpty else {
            throw BlendError.otherNumbers(
                file: other.path, first: source.path, differences: serious)
        }
        return texts.map { "\(other.path): \($0.1); the output has that of \(source.path)" }
    }

    private func checkTokenizer(_ other: Checkpoint) throws -> [String] {
        let comparison = try TokenizerComparison(source, other)
        let serious = comparison.textDifference
        if let serious, !takesOtherTokenizers {
            throw BlendError.otherTokenizer(
                file: other.path, first: source.path, difference: serious)
        }
        let names = comparison.settings.filter(\.isDifference).map {
            $0.group == .chatTemplate ? "chat template" : $0.name
        }
        let differences = (serious.map { [$0] } ?? []) + names
        let others =
            differences.isEmpty
            ? []
            : [
                "\(other.path): another tokenizer (\(differences.joined(separator: ", "))); the "
                    + "output has that of \(source.path)"
            ]
        return others + comparison.notes
    }

    // MARK: - Weights

    /// The weights that are blended, in the order of the source.
    ///
    /// - Parameters:
    ///   - others: all but the source
    ///   - hasBase: whether the source is the base rather than the first model
    ///   - keepsShared: whether what all have alike stays as it is
    /// - Throws: `BlendError` where a weight is missing or has another shape.
    func weights(
        of others: [Checkpoint], hasBase: Bool, keepsShared: Bool
    ) throws -> (weights: [BlendWeight], sharedCount: Int) {
        let tables = try others.map { try BlendTable(source, $0) }
        var weights: [BlendWeight] = []
        var sharedCount = 0
        for (role, own) in order(tables) {
            let partners = try zip(others, tables).map { other, table in
                (checkpoint: other, weight: try table.partner(of: own, role, in: other))
            }
            let isStored = source.tensor(role) != nil
            if keepsShared, isStored, partners.allSatisfy({ $0.weight.hasBytes(of: own) }) {
                sharedCount += 1
                continue
            }
            let layout = layout(of: role)
            let sources = ([(source, own)] + partners).map {
                BlendWeight.Source($0.1, of: $0.0, as: layout)
            }
            weights.append(
                BlendWeight(
                    role: role, name: architecture.name(of: role, in: .safetensors) ?? own.name,
                    shape: own.canonicalShape, layout: layout, base: hasBase ? sources[0] : nil,
                    models: Array(sources.dropFirst(hasBase ? 1 : 0))))
        }
        return (weights, sharedCount)
    }

    /// The roles of all weights in the order of the source, with its own; a head that only other models have at the end.
    private func order(_ tables: [BlendTable]) -> [(role: WeightRole, own: WeightTensor)] {
        guard let first = tables.first else { return [] }
        var order = first.order
        let head = WeightRole(.output)
        if !order.contains(where: { $0.role == head }),
            let own = tables.lazy.compactMap({ $0.own(head) }).first
        {
            order.append((head, own))
        }
        return order
    }

    /// How Hugging Face's files have the values of a weight, in whatever order.
    private func layout(of role: WeightRole) -> StorageForm {
        let form = architecture.form(of: role, in: .safetensors, numbers)
        return StorageForm(curve: form.curve, shift: form.shift)
    }
}
