/// One weight that is blended: its rows in every model, in Hugging Face's order, and its values as Hugging Face's files
/// have them, whatever the models' formats.
struct BlendWeight: Sendable {
    let role: WeightRole
    /// The published name.
    let name: String
    /// Of the canonical weight.
    let shape: [Int]
    /// What makes the canonical weight of the blended values.
    let layout: StorageForm
    /// From which the models differ; nil where the method has none.
    let base: Source?
    let models: [Source]

    /// The weight in one of the models.
    struct Source: Sendable {
        let file: String
        let name: String
        private let rows: WeightRows

        /// - Parameter layout: in which the values are read
        init(_ weight: WeightTensor, of checkpoint: Checkpoint, as layout: StorageForm) {
            file = checkpoint.path
            name = weight.name
            rows = WeightRows(weight, weight.form.change(to: layout))
        }

        /// - Throws: `QuantizationError` where the type cannot be widened.
        func read(
            _ range: Range<Int>, columns: Int, into values: UnsafeMutableBufferPointer<Float>
        ) throws(QuantizationError) {
            try rows.readRows(range, columns: columns, into: values)
            rows.releasePages(rows: range, columns: columns)
        }
    }

    /// The length of a row; of a vector each element is one.
    var columns: Int { shape.count > 1 ? max(shape.last ?? 1, 1) : 1 }

    var count: Int { shape.reduce(1, *) }

    var rowCount: Int { count / columns }

    /// Values that are read at a time, unless a row has more.
    private static let valuesPerTile = 1 << 16

    /// All rows, a few at a time.
    var tiles: [Range<Int>] {
        let height = max(1, Self.valuesPerTile / columns)
        return stride(from: 0, to: rowCount, by: height).map {
            $0..<min($0 + height, rowCount)
        }
    }

    /// What sets rows of a model apart from the base; the rows themselves where there is none.
    func differences(_ rows: Range<Int>, of model: Source) throws(QuantizationError) -> [Float] {
        var values = try values(of: model, rows)
        guard let base else { return values }
        let own = try self.values(of: base, rows)
        for index in values.indices { values[index] -= own[index] }
        return values
    }

    /// Rows of one model.
    ///
    /// - Throws: `QuantizationError` where the type cannot be widened, or a value is not finite.
    func values(of source: Source, _ rows: Range<Int>) throws(QuantizationError) -> [Float] {
        let values = try [Float](filling: rows.count * columns) {
            target throws(QuantizationError) in
            try source.read(rows, columns: columns, into: target)
        }
        guard let index = values.firstIndex(where: { !$0.isFinite }) else { return values }
        throw .sourceNotFinite(
            file: source.file, tensor: source.name, index: rows.lowerBound * columns + index)
    }
}
