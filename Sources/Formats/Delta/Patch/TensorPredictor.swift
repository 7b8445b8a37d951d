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

    /// - Parameter content: base tensors, and how a conversion would bring them into the tensor's form.
    /// - Returns: nil where the base tensors do not fit the tensor.
    init?(_ content: TensorContent, for description: TensorDescription) {
        if let tensor = content.identity(for: description) {
            origin = .bytes(tensor.bytes)
            unit = 1
            return
        }
        let columns = content.columns(of: description.shape)
        guard let elements = description.elementCount, columns > 0,
            let rowBytes = description.type.byteCount(elements: columns), rowBytes > 0,
            let available = content.availableRows(
                of: elements / columns, columns: columns, as: description.type)
        else { return nil }
        origin = .rows(OutputPlan.Tensor(description, content), available: available)
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

extension TensorContent {
    /// The base tensor whose own bytes the tensor is expected to have, or nil.
    func identity(for description: TensorDescription) -> StoredTensor? {
        guard isCopy(as: description.type), let tensor = rows?.tensor, tensor.expert == nil else {
            return nil
        }
        return tensor
    }

    /// How many of so many rows can be made; nil where the sources do not have the form they need.
    fileprivate func availableRows(of count: Int, columns: Int, as type: ElementType) -> Int? {
        switch origin {
        case .above, .beside, .turns: return nil
        case .rows(let source): return source.availableRows(of: count, columns: columns, as: type)
        case .parts(let parts, let rows):
            guard !parts.isEmpty,
                rows.multipliedReportingOverflow(by: parts.count) == (count, false),
                parts.allSatisfy({
                    $0.availableRows(of: rows, columns: columns, as: type) == rows
                })
            else { return nil }
            return count
        }
    }
}

extension WeightRows {
    /// How many of so many rows can be made; nil where the base does not have the form they need.
    fileprivate func availableRows(of count: Int, columns: Int, as type: ElementType) -> Int? {
        guard let tensor, let elements = tensor.description.elementCount,
            RowEncoder.isSupported(type) || tensor.type == type,
            change.rows.isPermutation(ofRows: count), change.shift.isFinite,
            change.columns == .same, change.curve == .none
        else { return nil }
        let available = elements / columns
        if change.isTransposed {
            guard tensor.shape == [columns, count], Dequantizer.isSupported(tensor.type) else {
                return nil
            }
        } else {
            guard columns % tensor.type.elementsPerBlock == 0, !isReordered || available == count
            else { return nil }
        }
        return min(available, count)
    }
}
