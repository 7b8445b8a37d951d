import Formats

/// Keys and values of a block that other blocks read too, or their gradients.
struct KeyValueRows {
    /// (R, K)
    let key: ActivationMatrix
    /// (R, K)
    let value: ActivationMatrix

    init(_ sizes: BlockSizes) {
        key = ActivationMatrix(width: sizes.keyValueWidth)
        value = ActivationMatrix(width: sizes.keyValueWidth)
    }

    /// Those of all blocks of a model that others read, by their numbers.
    static func ofSources(_ configuration: DecoderConfiguration) -> [Int: KeyValueRows] {
        Dictionary(
            uniqueKeysWithValues: configuration.keySources.map {
                ($0, KeyValueRows(configuration.sizes(ofBlock: $0)))
            })
    }
}

/// What attention computes for the rows of a chunk.
///
/// Letters: R rows of the chunk, Q width of all query heads, K width of all key heads.
struct AttentionActivations {
    /// (R, Q): before the heads' norm, where the family has one; else the same as `query`, like `rawKey` and `key`.
    let rawQuery: ActivationMatrix
    /// (R, K)
    let rawKey: ActivationMatrix
    /// (R, Q), rotated
    let query: ActivationMatrix
    /// (R, K), rotated
    let key: ActivationMatrix
    /// (R, K): before the heads' norm, where the family norms values; else the same as `value`.
    let rawValue: ActivationMatrix
    /// (R, K)
    let value: ActivationMatrix
    /// (R, Q): the heads' outputs.
    let heads: ActivationMatrix
    /// (R, Q): the gate on them, where the family has one.
    let gate: ActivationMatrix
    /// (R, Q): the heads' outputs after their gate; the same as `heads` where there is none.
    let output: ActivationMatrix
    private let hasGate: Bool

    /// - Parameter isKept: whether a way back reads what was before the heads' norm.
    init(_ configuration: DecoderConfiguration, _ sizes: BlockSizes, isKept: Bool) {
        let (normsQueries, normsKeys) = Self.normedHeads(configuration)
        query = ActivationMatrix(width: sizes.queryWidth)
        key = ActivationMatrix(width: sizes.keyValueWidth)
        rawQuery = isKept && normsQueries ? ActivationMatrix(width: query.width) : query
        rawKey = isKept && normsKeys ? ActivationMatrix(width: key.width) : key
        value = ActivationMatrix(width: sizes.keyValueWidth)
        rawValue =
            isKept && configuration.normsValues ? ActivationMatrix(width: value.width) : value
        heads = ActivationMatrix(width: sizes.queryWidth)
        gate = ActivationMatrix(width: sizes.queryWidth)
        hasGate = configuration.slots.contains(.attentionQueryGate)
        output = hasGate && isKept ? ActivationMatrix(width: sizes.queryWidth) : heads
    }

    /// The same memory with these keys and values.
    init(_ other: AttentionActivations, _ rows: KeyValueRows) {
        rawQuery = other.rawQuery
        query = other.query
        rawKey = other.rawKey === other.key ? rows.key : other.rawKey
        key = rows.key
        rawValue = other.rawValue === other.value ? rows.value : other.rawValue
        value = rows.value
        heads = other.heads
        gate = other.gate
        hasGate = other.hasGate
        output = other.output
    }

    /// What a row takes where it is kept for the way back.
    static func floatsPerRow(_ configuration: DecoderConfiguration, _ sizes: BlockSizes) -> Int {
        let (normsQueries, normsKeys) = normedHeads(configuration)
        let hasGate = configuration.slots.contains(.attentionQueryGate)
        return sizes.queryWidth * ((normsQueries ? 3 : 2) + (hasGate ? 2 : 0))
            + sizes.keyValueWidth * ((normsKeys ? 3 : 2) + (configuration.normsValues ? 1 : 0))
    }

    private static func normedHeads(
        _ configuration: DecoderConfiguration
    ) -> (queries: Bool, keys: Bool) {
        let slots = configuration.slots
        return (slots.contains(.attentionQueryNorm), slots.contains(.attentionKeyNorm))
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in [rawQuery, rawKey, query, key, rawValue, value, heads, output] {
            matrix.reserve(rows)
        }
        if hasGate { gate.reserve(rows) }
    }
}

/// The gradients of what attention computes, which every block of the same sizes uses anew.
///
/// Letters as in `AttentionActivations`.
struct AttentionGradients {
    /// (R, Q): of the heads' outputs.
    let output: ActivationMatrix
    /// (R, Q)
    let query: ActivationMatrix
    /// (R, K)
    let key: ActivationMatrix
    /// (R, K)
    let value: ActivationMatrix
    /// (R, Q): before the heads' norm.
    let rawQuery: ActivationMatrix
    /// (R, K)
    let rawKey: ActivationMatrix
    /// (R, Q): of the gate on the heads' outputs.
    let gate: ActivationMatrix
    /// (R, K)
    let rawValue: ActivationMatrix
    /// (R, Q + 2K): of a matrix that holds all three.
    let fused: ActivationMatrix
    /// (R, 2Q): of a matrix that holds queries and the gate.
    let queryGate: ActivationMatrix
    private let normsHeads: Bool
    private let normsValues: Bool
    private let isFused: Bool
    private let hasGate: Bool

    init(_ configuration: DecoderConfiguration, _ sizes: BlockSizes) {
        let (query, key) = (sizes.queryWidth, sizes.keyValueWidth)
        output = ActivationMatrix(width: query)
        self.query = ActivationMatrix(width: query)
        self.key = ActivationMatrix(width: key)
        value = ActivationMatrix(width: key)
        rawQuery = ActivationMatrix(width: query)
        rawKey = ActivationMatrix(width: key)
        gate = ActivationMatrix(width: query)
        rawValue = ActivationMatrix(width: key)
        fused = ActivationMatrix(width: query + 2 * key)
        queryGate = ActivationMatrix(width: 2 * query)
        normsHeads = configuration.slots.contains(.attentionQueryNorm)
        normsValues = configuration.normsValues
        isFused = configuration.slots.contains(.attentionQueryKeyValue)
        hasGate = configuration.slots.contains(.attentionQueryGate)
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in [output, query, key, value] { matrix.reserve(rows) }
        if normsHeads { for matrix in [rawQuery, rawKey] { matrix.reserve(rows) } }
        if normsValues { rawValue.reserve(rows) }
        if isFused { fused.reserve(rows) }
        if hasGate { for matrix in [gate, queryGate] { matrix.reserve(rows) } }
    }
}
