/// What a tensor is predicted from: base tensors, and how a conversion would bring them into the tensor's form.
struct TensorMatch: Sendable {
    struct Part: Sendable {
        let tensor: CheckpointTensor
        let expert: Int?
        let order: TensorContent.RowOrder
        let isTransposed: Bool
        let shift: Float

        init(
            _ tensor: CheckpointTensor, expert: Int? = nil, order: TensorContent.RowOrder = .same,
            isTransposed: Bool = false, shift: Float = 0
        ) {
            self.tensor = tensor
            self.expert = expert
            self.order = order
            self.isTransposed = isTransposed
            self.shift = shift
        }

        /// The part of the base that is used, as a matrix of its own where it is one of several.
        fileprivate var origin: CheckpointTensor? {
            guard let expert else { return tensor }
            let count = tensor.shape.first ?? 0
            guard tensor.shape.count == 3, expert < count else { return nil }
            let size = tensor.bytes.count / count
            return tensor.bytes.slice((expert * size)..<((expert + 1) * size)).map { bytes in
                CheckpointTensor(
                    description: TensorDescription(
                        name: tensor.name, type: tensor.type,
                        shape: Array(tensor.shape.dropFirst())),
                    bytes: bytes)
            }
        }
    }

    let parts: [Part]
    /// The rows of each part, where there are several.
    let rows: Int

    init(parts: [Part], rows: Int) {
        self.parts = parts
        self.rows = rows
    }

    /// A tensor that is predicted from one of the same form.
    init(_ tensor: CheckpointTensor) {
        self.init(parts: [Part(tensor)], rows: 0)
    }
}

/// Bytes that are in a mapped file or were made.
enum FrameBytes: Sendable {
    case mapped(MappedBytes)
    case made([UInt8])

    func withUnsafeBytes<Result, Problem: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Problem) -> Result
    ) throws(Problem) -> Result {
        switch self {
        case .mapped(let bytes): try bytes.withUnsafeBytes(body)
        case .made(let bytes): try bytes.span.bytes.withUnsafeBytes(body)
        }
    }

    /// Gives mapped pages back to the system.
    func release() {
        if case .mapped(let bytes) = self { bytes.file.release(bytes.range) }
    }
}

/// Makes the bytes that a tensor is expected to have, a range at a time.
struct TensorPredictor: Sendable {
    private enum Origin {
        /// The base's bytes at the same offset.
        case bytes(MappedBytes)
        /// Converted rows, of which so many are there.
        case rows(OutputPlan.Tensor, available: Int)
    }

    private let origin: Origin

    /// The smallest range that can be made: a row of the tensor, or one byte.
    let unit: Int

    /// - Returns: nil where the base tensors do not fit the tensor.
    init?(_ match: TensorMatch, for description: TensorDescription) {
        if match.parts.count == 1, let part = match.parts.first,
            part.isIdentity(for: description)
        {
            origin = .bytes(part.tensor.bytes)
            unit = 1
            return
        }
        let isReorderedBias =
            description.shape.count == 1 && match.parts.contains { $0.order != .same }
        let columns = isReorderedBias ? 1 : description.columns
        guard let elements = description.elementCount, columns > 0,
            let rowBytes = description.type.byteCount(elements: columns), rowBytes > 0,
            RowEncoder.isSupported(description.type)
                || match.parts.allSatisfy({
                    $0.tensor.type == description.type
                })
        else { return nil }
        let rows = elements / columns
        var contents: [TensorContent] = []
        var available = rows
        for part in match.parts {
            let own = match.parts.count == 1 ? rows : match.rows
            guard let (content, reached) = part.content(rows: own, columns: columns) else {
                return nil
            }
            if match.parts.count == 1 { available = reached }
            contents.append(content)
        }
        guard let first = contents.first,
            match.parts.count == 1
                || match.rows.multipliedReportingOverflow(by: contents.count) == (rows, false)
        else { return nil }
        let content =
            contents.count == 1
            ? first : TensorContent(origin: .parts(contents, rows: match.rows))
        origin = .rows(
            OutputPlan.Tensor(description, content, columns: columns), available: available)
        unit = rowBytes
    }

    /// The expected bytes of a range of whole units, or nil where the base does not reach so far.
    ///
    /// - Throws: `CheckpointError.cannotEncode` where the base cannot be converted.
    func bytes(_ range: Range<Int>) throws(CheckpointError) -> FrameBytes? {
        switch origin {
        case .bytes(let bytes): return bytes.slice(range).map { .mapped($0) }
        case .rows(let tensor, let available):
            let rows = (range.lowerBound / unit)..<(range.upperBound / unit)
            guard rows.upperBound <= available else { return nil }
            let bytes = try tensor.bytes(rows: rows, measuring: false).bytes
            tensor.releaseSource(rows: rows)
            return .made(bytes)
        }
    }
}

extension TensorMatch.Part {
    /// Whether the tensor's bytes are expected to be the base's own.
    func isIdentity(for description: TensorDescription) -> Bool {
        expert == nil && order == .same && !isTransposed && shift == 0
            && tensor.type == description.type
    }

    /// The rows as a conversion makes them, and how many there are at most; nil where the base does not have the form
    /// they need.
    fileprivate func content(
        rows: Int, columns: Int
    ) -> (content: TensorContent, available: Int)? {
        guard let origin, let elements = origin.description.elementCount,
            order.isPermutation(ofRows: rows), shift.isFinite
        else { return nil }
        let available = elements / columns
        if isTransposed {
            guard origin.shape == [columns, rows], Dequantizer.isSupported(origin.type) else {
                return nil
            }
        } else {
            guard columns % origin.type.elementsPerBlock == 0,
                order == .same || available == rows
            else { return nil }
        }
        return (
            TensorContent(
                origin: .tensor(origin), order: order, isTransposed: isTransposed, shift: shift),
            min(available, rows)
        )
    }
}
