/// Finds for each tensor of a target what it most likely was made from.
///
/// In this order: the base's tensor of the same name, where a sample of its bytes is the same; any base tensor with the same
/// sample; the tensor of the same name; the one with the same role, through the conversion between the formats where
/// they differ. A wrong guess costs bytes, never correctness.
struct TensorMatcher {
    private let byName: [ExactString: StoredTensor]
    private let bySample: [Sample: StoredTensor]
    private let byRole: [WeightRole: StoredTensor]
    /// The base converted to the target's format, by the names there.
    private let converted: [ExactString: TensorContent]
    private let target: Checkpoint?

    /// - Parameter target: the model that the target is; nil where it is none, or a plan for the base's own format.
    init(base: FileSet, target: Checkpoint?) {
        let tensors = base.tensors
        byName = base.tensorsByName
        bySample = Dictionary(tensors.map { (Sample($0), $0) }) { first, _ in first }
        var byRole: [WeightRole: StoredTensor] = [:]
        for tensor in base.checkpoint?.tensors ?? [] {
            if let role = tensor.role { byRole[role] = byName[ExactString(tensor.name)] }
        }
        self.byRole = byRole
        self.target = target
        if let model = base.checkpoint, let target, model.format != target.format {
            converted = Self.converted(model, to: target.format, byName)
        } else {
            converted = [:]
        }
    }

    /// What the tensor is predicted from, or nil where there is nothing like it.
    func match(_ tensor: OutputPlan.Tensor) -> TensorContent? {
        let description = tensor.description
        let name = ExactString(description.name)
        if let bytes = tensor.wholeMappedBytes {
            let sample = Sample(StoredTensor(description: description, bytes: bytes))
            if let own = byName[name], Sample(own) == sample { return .tensor(own) }
            if let other = bySample[sample] { return .tensor(other) }
        }
        if let match = converted[name] { return match }
        if let own = byName[name] { return .tensor(own) }
        guard converted.isEmpty, let target,
            let role = target.architecture?.role(of: description.name, in: target.format)
        else { return nil }
        return byRole[role].map { .tensor($0) }
    }

    /// What a conversion makes each tensor of the other format from.
    private static func converted(
        _ base: Checkpoint, to format: FileFormat, _ byName: [ExactString: StoredTensor]
    ) -> [ExactString: TensorContent] {
        // Where the model cannot be converted, its tensors can still be compared by name.
        guard let plan = try? OutputPlan(source: base, edits: [], format: format) else {
            return [:]
        }
        var matches: [ExactString: TensorContent] = [:]
        for tensor in plan.tensors {
            if let match = tensor.content.taken(from: byName) {
                matches[ExactString(tensor.description.name)] = match
            }
        }
        return matches
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

extension TensorContent {
    /// The same content made of other tensors of the same names, or nil where there are none, or it has values of its own.
    fileprivate func taken(from byName: [ExactString: StoredTensor]) -> TensorContent? {
        guard updates.isEmpty else { return nil }
        switch origin {
        case .parts(let parts, let rows):
            let own = parts.compactMap { $0.taken(from: byName) }
            return own.count == parts.count ? TensorContent(.parts(own, rows: rows)) : nil
        case .rows(let rows):
            guard let tensor = rows.tensor, let whole = byName[ExactString(tensor.name)] else {
                return nil
            }
            guard let expert = tensor.expert else { return .tensor(whole, rows.change) }
            return whole.matrix(ofExpert: expert).map { .tensor($0, rows.change) }
        }
    }
}
