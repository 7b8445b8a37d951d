/// Typed look-ups of an architecture's keys in GGUF metadata.
struct GGUFKeys: NumberKeys {
    let metadata: GGUFMetadata
    let prefix: String
    let file: String
    /// What decides in place of keys.
    var tensors = Hyperparameters.TensorFacts()

    func full(_ key: String) -> String { prefix + "." + key }

    func name(config: String, metadata: String) -> String { full(metadata) }

    func isGiven(_ name: String) -> Bool { metadata[name] != nil }

    // MARK: - Marks of families

    func isAbove0(_ key: String) -> Bool {
        let value = metadata[full(key)]
        return value?.number ?? value?.integer.map(Double.init) ?? 0 > 0
    }

    func isOff(_ key: String) -> Bool { metadata[full(key)]?.bool == false }

    func isList(_ key: String) -> Bool { metadata[full(key)]?.array != nil }

    // MARK: - Values

    func integer(_ key: String) throws(CheckpointError) -> Int? {
        guard let value = metadata[full(key)] else { return nil }
        guard let integer = value.integer else {
            throw .wrongValue(file: file, key: full(key), expected: "an integer")
        }
        return integer
    }

    func number(_ key: String) throws(CheckpointError) -> Double? {
        guard let value = metadata[full(key)] else { return nil }
        guard let number = value.number ?? value.integer.map(Double.init) else {
            throw .wrongValue(file: file, key: full(key), expected: "a number")
        }
        // The shortest decimal of an f32: 1e-05 rather than 9.99999974e-06.
        if case .f32(let float) = value { return Double(float.description) ?? number }
        return number
    }

    /// A number of every block: one for all, or a list whose elements are all the same.
    func integer(_ key: String, blocks: Int) throws(CheckpointError) -> Int? {
        guard case .array(let array) = metadata[full(key)] else { return try integer(key) }
        guard let list = array.integers else {
            throw .wrongValue(file: file, key: full(key), expected: "an integer or integers")
        }
        guard list.count == blocks, let first = list.first else {
            throw .contradiction(
                file: file, fact: "\(full(key)) has \(list.count) entries for \(blocks) blocks")
        }
        if let other = list.firstIndex(where: { $0 != first }) {
            throw .unsupportedFeature(
                file: file,
                fact: "'\(full(key))' is \(first) in block 0 and \(list[other]) in block \(other); "
                    + "blocks of different shape are not supported")
        }
        return first
    }

    /// A number of every block: one for all, or a list; nil where there is neither.
    func integers(_ key: String, blocks: Int) throws(CheckpointError) -> [Int]? {
        try require(blocks, in: Hyperparameters.largestTable, "number of blocks")
        guard case .array(let array) = metadata[full(key)] else {
            return try integer(key).map { [Int](repeating: $0, count: blocks) }
        }
        guard let list = array.integers else {
            throw .wrongValue(file: file, key: full(key), expected: "an integer or integers")
        }
        guard list.count == blocks else {
            throw .contradiction(
                file: file, fact: "\(full(key)) has \(list.count) entries for \(blocks) blocks")
        }
        return list
    }

    func requiredIntegers(_ key: String, blocks: Int) throws(CheckpointError) -> [Int] {
        guard let values = try integers(key, blocks: blocks) else {
            throw .missingKey(file: file, key: full(key))
        }
        return values
    }

    func required(_ key: String, blocks: Int) throws(CheckpointError) -> Int {
        guard let value = try integer(key, blocks: blocks) else {
            throw .missingKey(file: file, key: full(key))
        }
        return value
    }

    /// A size, where 0 stands for none.
    func nonZero(_ key: String) throws(CheckpointError) -> Int? {
        let size = try integer(key)
        return size == 0 ? nil : size
    }

    /// A factor, where 0 stands for none.
    func scale(_ key: String) throws(CheckpointError) -> Double? {
        let scale = try number(key)
        return scale == 0 ? nil : scale
    }

    func flag(_ key: String) throws(CheckpointError) -> Bool? {
        guard let value = metadata[full(key)] else { return nil }
        guard let flag = value.bool else {
            throw .wrongValue(file: file, key: full(key), expected: "true or false")
        }
        return flag
    }

    /// A list of booleans; nil where the key is missing or has another value.
    func flags(_ key: String) -> [Bool]? {
        guard case .array(.bool(let flags)) = metadata[full(key)] else { return nil }
        return flags
    }

    func text(_ key: String) throws(CheckpointError) -> String? {
        guard let value = metadata[full(key)] else { return nil }
        guard let text = value.text else {
            throw .wrongValue(file: file, key: full(key), expected: "a string")
        }
        return text
    }
}
