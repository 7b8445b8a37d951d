/// The weights of two models that are blended with each other, by what they are for.
struct BlendTable {
    private let source: Checkpoint
    private(set) var order: [(role: WeightRole, own: WeightTensor)] = []
    private var partners: [WeightRole: (own: WeightTensor, other: WeightTensor)] = [:]

    /// - Throws: `BlendError` where one has a weight that the other has not, or in another shape, or a tensor that is not
    ///   known and not the same.
    init(_ source: Checkpoint, _ other: Checkpoint) throws {
        self.source = source
        for match in WeightMatching(source, other).matches {
            if let role = match.role, !role.isBlended { continue }
            if match.role == nil, [match.a, match.b].contains(where: Self.isRecomputed) {
                continue
            }
            guard let own = match.a, let weight = match.b else {
                let present = match.a == nil ? other : source
                throw BlendError.missingTensor(
                    file: match.a == nil ? source.path : other.path,
                    tensor: (match.a ?? match.b)?.name ?? "", other: present.path)
            }
            guard let role = match.role else {
                guard !own.hasBytes(of: weight) else { continue }
                throw BlendError.unknownTensor(
                    file: source.path, tensor: own.name, other: other.path)
            }
            try Self.check(own, of: source, beside: weight, of: other)
            order.append((role, own))
            partners[role] = (own, weight)
        }
    }

    /// The source's weight.
    func own(_ role: WeightRole) -> WeightTensor? { partners[role]?.own }

    /// The other model's weight; its embedding for a head that neither of the two has.
    ///
    /// - Throws: `BlendError.missingTensor`.
    func partner(
        of own: WeightTensor, _ role: WeightRole, in other: Checkpoint
    ) throws(BlendError) -> WeightTensor {
        let found =
            partners[role]
            ?? (role == WeightRole(.output) ? partners[WeightRole(.tokenEmbedding)] : nil)
        guard let found else {
            throw .missingTensor(file: other.path, tensor: own.name, other: source.path)
        }
        return found.other
    }

    private static func isRecomputed(_ weight: WeightTensor?) -> Bool {
        weight.map { Architecture.isRecomputed($0.name) } ?? false
    }

    private static func check(
        _ own: WeightTensor, of source: Checkpoint, beside weight: WeightTensor,
        of other: Checkpoint
    ) throws(BlendError) {
        guard own.canonicalShape == weight.canonicalShape else {
            throw .otherShape(
                file: other.path, tensor: weight.name, found: weight.canonicalShape,
                first: source.path, expected: own.canonicalShape)
        }
        for (tensor, checkpoint) in [(own, source), (weight, other)] {
            guard let stored = tensor.stored, !Dequantizer.isSupported(stored.type) else {
                continue
            }
            throw .unreadable(
                file: checkpoint.path, tensor: tensor.name,
                problem: .unsupported(type: stored.type))
        }
    }
}

extension WeightRole {
    /// Whether a weight takes part in a blend: not numbers that follow from the model's, nor scales that stand beside a
    /// matrix and take part in its values.
    fileprivate var isBlended: Bool {
        switch slot {
        case .ropeFrequencies, .ropeFactorsLong, .ropeFactorsShort: false
        default: part.isOfValues
        }
    }
}
