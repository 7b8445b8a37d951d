/// The sizes of gated delta nets (arXiv 2412.06464), which mix the tokens of blocks that have no attention.
package struct DeltaNetSizes: Sendable, Hashable {
    /// Heads of queries and keys.
    package var keyHeads: Int
    /// Heads of values, each with a state of its own.
    package var valueHeads: Int
    package var keySize: Int
    package var valueSize: Int
    /// How many positions the convolution before it sees, a token's own among them.
    package var taps: Int
    /// Of how many blocks files say that one attends, beside the table of blocks, which decides.
    package var statedInterval: Int

    package init(
        keyHeads: Int, valueHeads: Int, keySize: Int, valueSize: Int, taps: Int,
        statedInterval: Int = 4
    ) {
        self.keyHeads = keyHeads
        self.valueHeads = valueHeads
        self.keySize = keySize
        self.valueSize = valueSize
        self.taps = taps
        self.statedInterval = statedInterval
    }

    /// Width of all heads of queries, or of keys.
    package var keyWidth: Int { keyHeads * keySize }
    /// Width of all heads of values.
    package var valueWidth: Int { valueHeads * valueSize }
    /// Width of queries, keys and values together.
    package var width: Int { 2 * keyWidth + valueWidth }

    /// The order that brings a GGUF file's heads of values back to Hugging Face's.
    ///
    /// - Parameters:
    ///   - first: how many rows stand before them
    ///   - headSize: how many rows a head has
    func groupingHeads(first: Int = 0, headSize: Int) -> RowOrder {
        guard valueHeads != keyHeads, keyHeads > 0 else { return .same }
        return .exchangingHeads(
            first: first, outer: valueHeads / keyHeads, inner: keyHeads, headSize: headSize)
    }
}
