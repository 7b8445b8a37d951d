/// A gated delta net's projections that lie in one matrix of a folder, head of keys by head, and by themselves in a GGUF file.
extension WeightTensor {
    /// Query, key and value, and the gate, as if each were by itself.
    ///
    /// - Returns: nil where the tensor has another number of rows.
    func deltaParts(ofBlock block: Int, _ sizes: DeltaNetSizes) -> [WeightTensor]? {
        guard hasCanonicalRows, canBeWidened, shape.count == 2,
            shape[0] == sizes.width + sizes.valueWidth
        else { return nil }
        let layout = HeadwiseRows(sizes)
        return [
            layout.separate.prefix(3).flatMap { $0 }, layout.separate[3],
        ].enumerated().map { index, runs in
            let slot = BlockSlot.deltaQueryKeyValueGate.parts[index]
            return gathered(from: [self], runs.map { (0, $0) }, role: .block(block, slot))
        }
    }

    /// The matrix of a folder that holds both.
    ///
    /// - Parameter parts: query, key and value, and the gate
    /// - Returns: nil where they have other numbers of rows.
    static func deltaMatrix(
        of parts: [WeightTensor], role: WeightRole, _ sizes: DeltaNetSizes
    ) -> WeightTensor? {
        guard parts.count == 2, parts.allSatisfy({ $0.hasCanonicalRows && $0.shape.count == 2 }),
            parts.map({ $0.shape[0] }) == [sizes.width, sizes.valueWidth],
            parts[0].shape[1] == parts[1].shape[1], parts.allSatisfy(\.canBeWidened)
        else { return nil }
        return parts[0].gathered(from: parts, HeadwiseRows(sizes).together, role: role)
    }

    private var canBeWidened: Bool {
        let row = try? [Float](filling: shape.last ?? 0) { values in
            try widen(0..<values.count, into: values)
        }
        return row != nil
    }

    private func gathered(
        from tensors: [WeightTensor], _ runs: [(tensor: Int, rows: Range<Int>)], role: WeightRole
    ) -> WeightTensor {
        let types = Set(tensors.map(\.type))
        let type = types.count == 1 && type.isPlainFloat ? type : .f32
        let rows = runs.reduce(0) { $0 + $1.rows.count }
        let layout = GatheredRows(tensors, runs, columns: shape[1])
        return WeightTensor(
            .packed(
                PackedTensor(
                    name: name, shape: [rows, shape[1]], valueType: type,
                    label: "\(self.type.name), head by head", layout: layout,
                    parts: tensors.flatMap(\.parts))), role: role)
    }
}

/// Where the rows of queries, keys, values and gates lie in the matrix of a folder.
private struct HeadwiseRows {
    /// Of queries, keys, values and gates, a run for each head of keys.
    let separate: [[Range<Int>]]
    /// The matrix's rows, from the first of two tensors with queries, keys and values, and the second with gates.
    let together: [(tensor: Int, rows: Range<Int>)]

    init(_ sizes: DeltaNetSizes) {
        let values = sizes.valueWidth / sizes.keyHeads
        let widths = [sizes.keySize, sizes.keySize, values, values]
        let head = widths.reduce(0, +)
        let starts = [0, sizes.keyWidth, 2 * sizes.keyWidth, 0]
        separate = widths.indices.map { part in
            (0..<sizes.keyHeads).map { index in
                let first = index * head + widths[..<part].reduce(0, +)
                return first..<first + widths[part]
            }
        }
        together = (0..<sizes.keyHeads).flatMap { index in
            widths.indices.map { part in
                let first = starts[part] + index * widths[part]
                return (part == 3 ? 1 : 0, first..<first + widths[part])
            }
        }
    }
}
