/// Numbers that are added, one to each row.
struct AddedValues: RowChange {
    let values: [Float]

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        for column in values.indices { values[column] += self.values[row] }
    }
}

/// Numbers that rows are multiplied by, one for each.
struct ScaledRows: RowChange {
    let factors: [Float]

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        for column in values.indices { values[column] *= factors[row] }
    }
}

/// Numbers that columns are multiplied by, one for each.
struct ScaledColumns: RowChange {
    let factors: [Float]

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        for column in values.indices { values[column] *= factors[column] }
    }
}
