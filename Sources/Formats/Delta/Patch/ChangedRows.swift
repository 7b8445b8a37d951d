/// Which rows of a frame differ from the base's.
struct ChangedRows {
    /// A bit for each row, the lowest of the first byte first.
    let bitmap: [UInt8]
    let count: Int
    private let rows: Int
    private let rowBytes: Int

    /// Compares two buffers of the same number of whole rows.
    init(_ target: UnsafeRawBufferPointer, _ base: UnsafeRawBufferPointer, rowBytes: Int) {
        let rows = target.count / rowBytes
        var bitmap = [UInt8](repeating: 0, count: (rows + 7) / 8)
        for row in 0..<rows {
            let range = (row * rowBytes)..<((row + 1) * rowBytes)
            let own = UnsafeRawBufferPointer(rebasing: target[range])
            if !memcmpIsEqual(own, UnsafeRawBufferPointer(rebasing: base[range])) {
                bitmap[row / 8] |= 1 << UInt8(row % 8)
            }
        }
        self.init(bitmap: bitmap, rows: rows, rowBytes: rowBytes)
    }

    /// - Parameter bitmap: at least a bit for each row; what follows is not looked at.
    init(bitmap: [UInt8], rows: Int, rowBytes: Int) {
        self.bitmap = bitmap
        self.rows = rows
        self.rowBytes = rowBytes
        count = (0..<rows).count { bitmap[$0 / 8] >> UInt8($0 % 8) & 1 == 1 }
    }

    /// The changed rows one after the other.
    func gather(_ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var gathered: [UInt8] = []
        gathered.reserveCapacity(count * rowBytes)
        forEach { row in
            gathered.append(contentsOf: bytes[(row * rowBytes)..<((row + 1) * rowBytes)])
        }
        return gathered
    }

    /// Writes gathered rows to their places.
    func scatter(_ gathered: [UInt8], into bytes: UnsafeMutableRawBufferPointer) {
        var next = 0
        forEach { row in
            let target = UnsafeMutableRawBufferPointer(
                rebasing: bytes[(row * rowBytes)..<((row + 1) * rowBytes)])
            target.copyBytes(from: gathered[next..<(next + rowBytes)])
            next += rowBytes
        }
    }

    private func forEach(_ body: (Int) -> Void) {
        for row in 0..<rows where bitmap[row / 8] >> UInt8(row % 8) & 1 == 1 { body(row) }
    }
}
