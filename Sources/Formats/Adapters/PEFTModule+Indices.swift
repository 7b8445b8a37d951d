extension PEFTModule {
    /// All numbers of a tensor of integers.
    ///
    /// - Throws: `AdapterError` where there is none, or it has another shape, type or numbers that are not from 0 to below
    ///   the limit.
    func indices(_ part: String, _ shape: [Int], below limit: Int) throws(AdapterError) -> [Int] {
        let tensor = try tensor(part)
        guard tensor.shape == shape else { throw try misfit(part, expected: shape) }
        guard let numbers = tensor.integers else {
            throw .unsupportedTensor(
                file: file, tensor: tensor.name, reason: "is \(tensor.type.name), not of integers")
        }
        if let index = numbers.firstIndex(where: { $0 < 0 || $0 >= limit }) {
            throw .unsupportedTensor(
                file: file, tensor: tensor.name,
                reason:
                    "has \(numbers[index]) at index \(index), which is not from 0 to \(limit - 1)")
        }
        return numbers
    }
}

extension StoredTensor {
    /// All numbers of a tensor of integers; nil for other types. What no `Int` holds is −1.
    fileprivate var integers: [Int]? {
        switch type {
        case .i64: integers(of: Int64.self)
        case .i32: integers(of: Int32.self)
        case .i16: integers(of: Int16.self)
        case .i8: integers(of: Int8.self)
        case .u64: integers(of: UInt64.self)
        case .u32: integers(of: UInt32.self)
        case .u16: integers(of: UInt16.self)
        case .u8: integers(of: UInt8.self)
        default: nil
        }
    }

    private func integers<Stored: FixedWidthInteger & BitwiseCopyable>(of: Stored.Type) -> [Int] {
        bytes.withUnsafeBytes { bytes in
            (0..<(bytes.count / MemoryLayout<Stored>.size)).map { index in
                let stored = bytes.loadUnaligned(
                    fromByteOffset: index * MemoryLayout<Stored>.size, as: Stored.self)
                return Int(exactly: Stored(littleEndian: stored)) ?? -1
            }
        }
    }
}
