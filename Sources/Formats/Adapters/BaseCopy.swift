/// A weight of the base that an adapter's file holds beside its updates, as PEFT saves it with updates of the embedding
/// and the head: it must be the base's own, or the adapter was trained on another one.
struct BaseCopy {
    let file: String
    let tensor: StoredTensor
    let role: WeightRole
    let base: Checkpoint

    private static let elementsPerTile = 1 << 18
    /// What rounding to the coarsest quantised types takes of a weight's norm at most.
    private static let quantizationError = 0.35

    /// Compares the copy with the base's weight. Values may differ by rounding to the coarser of their two types; rows that
    /// the base's format leaves out are not looked at.
    ///
    /// - Throws: `AdapterError.otherBase` where they differ by more, `CheckpointError` where they cannot be read.
    func check() throws {
        guard let own = WeightList(base).weights(for: role).first else {
            throw AdapterError.unknownTarget(file: file, tensor: tensor.name, base: base.path)
        }
        let copy = WeightTensor(
            tensor, role: role, form: base.form(of: role, in: .safetensors))
        guard copy.canonicalShape == own.canonicalShape || isPadded(copy, beside: own) else {
            throw AdapterError.otherBase(
                file: file, tensor: tensor.name, base: base.path,
                difference: "has shape \(copy.canonicalShape), but the base's \(own.canonicalShape)"
            )
        }
        let pair = TensorPair(
            role: role, WeightRows(own, own.form), WeightRows(copy, copy.form))
        let isExact = own.packed == nil && own.type.isPlainFloat && copy.type.isPlainFloat
        guard pair.a.isReadable, pair.b.isReadable, pair.columns > 0 else {
            throw AdapterError.unsupportedTensor(
                file: file, tensor: tensor.name,
                reason: "is \(tensor.type.name), which is not supported")
        }
        let height = max(1, Self.elementsPerTile / pair.columns)
        var (error, size) = (0.0, 0.0)
        for start in stride(from: 0, to: pair.rows, by: height) {
            let rows = start..<min(start + height, pair.rows)
            var a = [Float](repeating: 0, count: rows.count * pair.columns)
            var b = a
            try pair.read(rows: rows, a: &a, b: &b)
            pair.releasePages(rows: rows)
            if isExact {
                guard let index = try difference(a, own.type, b, copy.type) else { continue }
                throw otherBase(index + start * pair.columns, pair.columns, a[index], b[index])
            }
            for (left, right) in zip(a, b) {
                error += Double(left - right) * Double(left - right)
                size += Double(right) * Double(right)
            }
        }
        // Also where one of the sums is not a number.
        guard isExact || error.squareRoot() <= Self.quantizationError * size.squareRoot() else {
            throw AdapterError.otherBase(
                file: file, tensor: tensor.name, base: base.path,
                difference:
                    "is \(error.squareRoot() / size.squareRoot()) of its norm away from the base's, "
                    + "more than rounding to \(own.type.name) takes")
        }
    }

    /// Whether the copy is that of an embedding of which the base's format leaves out rows.
    private func isPadded(_ copy: WeightTensor, beside own: WeightTensor) -> Bool {
        guard own.role == WeightRole(.tokenEmbedding), copy.shape.count == 2,
            copy.shape[1] == own.shape[1]
        else { return false }
        return base.architecture?.differInPadding(
            rows: copy.shape[0], in: .safetensors, own.shape[0], in: base.format) ?? false
    }

    private func otherBase(_ index: Int, _ columns: Int, _ own: Float, _ copy: Float)
        -> AdapterError
    {
        .otherBase(
            file: file, tensor: tensor.name, base: base.path,
            difference: "is \(copy) at \([index / columns, index % columns]), but the base's \(own)"
        )
    }

    /// The first place where the values are not each other's rounding.
    private func difference(
        _ a: [Float], _ typeA: ElementType, _ b: [Float], _ typeB: ElementType
    ) throws -> Int? {
        guard a != b else { return nil }
        let (coarseA, coarseB) = (try typeB.rounding(a), try typeA.rounding(b))
        return a.indices.first { a[$0] != b[$0] && coarseA[$0] != b[$0] && a[$0] != coarseB[$0] }
    }
}

extension ElementType {
    /// The values as they are read back from this plain type.
    fileprivate func rounding(_ values: [Float]) throws -> [Float] {
        guard self == .f16 || self == .bf16 else { return values }
        var stored = [UInt16](repeating: 0, count: values.count)
        var result = values
        try values.withUnsafeBufferPointer { values in
            try stored.withUnsafeMutableBytes { stored in
                _ = try FloatEncoder.encode(values, as: self, into: stored)
            }
        }
        try stored.withUnsafeBytes { stored in
            try result.withUnsafeMutableBufferPointer { result in
                try Dequantizer.widen(stored, type: self, into: result)
            }
        }
        return result
    }
}
