/// What a look at all data of a checkpoint finds.
package struct TensorCheck: Sendable {
    /// One tensor with something odd in it.
    package struct Finding: Sendable {
        package let tensor: String
        package let nanCount: Int
        package let infinityCount: Int
        /// Whether every value is zero.
        package let isZero: Bool
        /// How many rows at the end are all zeros, where others are not; a sign of a download cut short.
        package let zeroTailRows: Int
    }

    package let findings: [Finding]
    /// Tensors whose type rtedit cannot widen; they were not looked at.
    package let skipped: [String]

    /// Whether no tensor has a value that is not finite.
    package var isFinite: Bool { findings.allSatisfy { $0.nanCount == 0 && $0.infinityCount == 0 } }

    /// Reads all data of some tensors, the crew's threads a tensor each.
    ///
    /// - Parameter advance: called from any thread with the number of bytes looked at since.
    package init(
        _ tensors: [WeightTensor], crew: WorkCrew,
        advance: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        let found = crew.map(tensors.count) { index -> Finding? in
            guard Dequantizer.isSupported(tensors[index].type) else { return nil }
            defer { advance(tensors[index].byteCount) }
            return Self.look(at: tensors[index])
        }
        findings = found.compactMap(\.self)
        skipped = tensors.filter { !Dequantizer.isSupported($0.type) }.map(\.name)
    }

    /// Reads all data of a checkpoint.
    package init(
        _ checkpoint: Checkpoint, crew: WorkCrew,
        advance: @escaping @Sendable (Int) -> Void = { _ in }
    ) {
        self.init(checkpoint.tensors, crew: crew, advance: advance)
    }

    private static func look(at tensor: WeightTensor) -> Finding? {
        let columns = tensor.description.columns
        var nans = 0
        var infinities = 0
        var lastNonZero = -1
        let rows = tensor.description.rows
        // An empty tensor may have rows of any length.
        guard rows > 0 else { return nil }
        var row = [Float](repeating: 0, count: columns)
        for number in 0..<rows {
            let isWidened = row.withUnsafeMutableBufferPointer { row in
                (try? tensor.widen((number * columns)..<((number + 1) * columns), into: row)) != nil
            }
            guard isWidened else { return nil }
            var isZero = true
            for value in row where value != 0 {
                isZero = false
                if value.isNaN { nans += 1 } else if value.isInfinite { infinities += 1 }
            }
            if !isZero { lastNonZero = number }
            if number % 4096 == 4095 { tensor.releasePages() }
        }
        tensor.releasePages()
        let tail = rows - 1 - lastNonZero
        let isZero = lastNonZero < 0 && rows > 0
        // A tail of a row or two is nothing odd in an embedding.
        guard nans > 0 || infinities > 0 || isZero || tail > max(2, rows / 20) else { return nil }
        return Finding(
            tensor: tensor.name, nanCount: nans, infinityCount: infinities, isZero: isZero,
            zeroTailRows: isZero ? 0 : tail)
    }
}
