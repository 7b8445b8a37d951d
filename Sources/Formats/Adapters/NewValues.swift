/// Values in place of the base's, read from the adapter's file as they are written: whole modules and biases.
struct NewValues: RowChange {
    private let rows: BaseRows
    /// The adapter's.
    private let tensor: StoredTensor

    /// - Parameter form: how the file lays the weight out.
    init(_ tensor: StoredTensor, _ form: StorageForm) {
        self.tensor = tensor
        rows = BaseRows(WeightTensor(tensor, form: form))
    }

    /// That of the canonical weight.
    var shape: [Int] { rows.shape }

    func repeats(_ other: NewValues) -> Bool { tensor.hasBytes(of: other.tensor) }

    func change(
        row: Int, _ values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        try rows.read(row..<(row + 1), into: values)
    }
}

/// The embeddings of some tokens in place of the base's.
struct NewTokens: RowChange {
    private let values: NewValues
    /// By the token, which of the tensor's rows it has.
    private let places: [Int: Int]

    /// - Parameter tokens: as many as the tensor has rows, none of them twice.
    init(_ tensor: StoredTensor, tokens: [Int]) {
        values = NewValues(tensor, .canonical)
        places = Dictionary(zip(tokens, tokens.indices)) { first, _ in first }
    }

    func repeats(_ other: NewTokens) -> Bool {
        places == other.places && values.repeats(other.values)
    }

    func change(
        row: Int, _ values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        guard let place = places[row] else { return }
        try self.values.change(row: place, values)
    }
}
