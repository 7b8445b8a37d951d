/// Finds for each tensor of a target what it most likely was made from.
///
/// In this order: the base's tensor of the same name, where a sample of its bytes is the same; any base tensor with the same
/// sample; the weight that belongs to it (`WeightMatching`), in the layout of the target's format; the tensor of the same
/// name. A wrong guess costs bytes, never correctness.
struct BaseFinder {
    private let byName: [ExactString: StoredTensor]
    private let bySample: [Sample: StoredTensor]
    /// What the weights of a tensor of the target are in the base, by the target's names.
    private let byWeight: [ExactString: TensorContent]

    /// - Parameter target: the model that the target is; nil where it is none, or a plan for the base's own format.
    init(base: FileSet, target: Checkpoint?) {
        let tensors = base.tensors
        byName = base.tensorsByName
        bySample = Dictionary(tensors.map { (Sample($0), $0) }) { first, _ in first }
        if let model = base.checkpoint, let target {
            byWeight = Self.contents(WeightMatching(model, target), byName)
        } else {
            byWeight = [:]
        }
    }

    /// What the tensor is predicted from, or nil where there is nothing like it.
    func content(for tensor: OutputPlan.Tensor) -> TensorContent? {
        let description = tensor.description
        let name = ExactString(description.name)
        if let bytes = tensor.wholeMappedBytes {
            let sample = Sample(StoredTensor(description: description, bytes: bytes))
            if let own = byName[name], Sample(own) == sample { return .tensor(own) }
            if let other = bySample[sample] { return .tensor(other) }
        }
        return byWeight[name] ?? byName[name].map { .tensor($0) }
    }

    // MARK: - Weights

    /// The base's tensors of matched weights, by the names of the target's tensors.
    private static func contents(
        _ matching: WeightMatching, _ byName: [ExactString: StoredTensor]
    ) -> [ExactString: TensorContent] {
        var matches: [ExactString: [WeightMatching.Match]] = [:]
        for match in matching.matches {
            guard let own = match.b else { continue }
            // An embedding that stands for a head is there as itself too, and says nothing of a head of another shape.
            let isOwn = !match.isTiedHead || own.role == match.role
            let isAlike = !match.isTiedHead || own.canonicalShape == match.a?.canonicalShape
            if isOwn, isAlike { matches[ExactString(own.name), default: []].append(match) }
        }
        return matches.compactMapValues { content(of: $0, matching, byName) }
    }

    /// The content of a tensor of the target that holds these weights, or nil where the base does not have them.
    private static func content(
        of matches: [WeightMatching.Match], _ matching: WeightMatching,
        _ byName: [ExactString: StoredTensor]
    ) -> TensorContent? {
        let weights = matches.sorted { $0.b?.expert ?? 0 < $1.b?.expert ?? 0 }
            .compactMap(\.a)
        guard let first = weights.first else { return nil }
        // Where both sides keep all experts in one tensor, these are taken as the one they are.
        let whole = ExactString(first.name)
        if matches.first?.b?.expert != nil,
            weights.enumerated().allSatisfy({
                ExactString($1.name) == whole && $1.expert == $0
            })
        {
            return byName[whole].map { .tensor($0) }
        }
        // Where the base cannot be laid out anew, its tensors can still be compared by name.
        let parts = weights.compactMap { weight -> TensorContent? in
            let target = matching.b
            // A packed weight is no tensor of its name: its parts are compared by theirs.
            guard weight.packed == nil,
                let form = try? matching.a.form(
                    of: weight, in: target.checkpoint.format, of: target.architecture),
                let stored = byName[ExactString(weight.name)]?.part(ofExpert: weight.expert),
                stored.shape == weight.shape
            else { return nil }
            // A patch predicts stored values; scales beside them are tensors of their own.
            var change = weight.form.change(to: form)
            change.factor = 1
            return .tensor(stored, change)
        }
        guard parts.count == weights.count, weights.count == matches.count else { return nil }
        return parts.count == 1
            ? parts.first : TensorContent(.parts(parts, rows: first.canonicalShape.first ?? 0))
    }

    /// What tensors with equal bytes have in common: type, size, and a hash of some of the bytes.
    private struct Sample: Hashable {
        let type: ElementType
        let byteCount: Int
        let hash: UInt64

        private static let partSize = 1024

        init(_ tensor: StoredTensor) {
            type = tensor.type
            byteCount = tensor.bytes.count
            hash = tensor.bytes.withUnsafeBytes { bytes in
                guard bytes.count > 4 * Self.partSize else { return XXH64.hash(bytes) }
                let last = bytes.count - Self.partSize
                let parts = [0, last / 3, last / 3 * 2, last].flatMap { start in
                    Array(bytes[start..<(start + Self.partSize)])
                }
                return parts.span.bytes.withUnsafeBytes { XXH64.hash($0) }
            }
            // The system may map megabytes around each byte that is read.
            tensor.releasePages()
        }
    }
}

extension OutputPlan.Tensor {
    /// The bytes where they are those of a mapped file as they are.
    var wholeMappedBytes: MappedBytes? {
        guard isCopy, let tensor = content.rows?.tensor,
            tensor.bytes.count == description.byteCount
        else { return nil }
        return tensor.bytes
    }
}
