/// Attention that sees only the last positions, in some blocks or in all.
package struct SlidingWindow: Sendable, Hashable {
    /// How many positions a token sees, itself included.
    package var size: Int
    /// Every block of this number sees all positions, counted from 1; 0 where none does.
    package var globalEvery: Int
    /// The rotary base of the blocks with a window, whose frequencies are not scaled then; nil where both are the
    /// model's.
    package var ropeBase: Double?

    package init(size: Int, globalEvery: Int = 0, ropeBase: Double? = nil) {
        self.size = size
        self.globalEvery = globalEvery
        self.ropeBase = ropeBase
    }

    /// Whether the block with this 0-based index has the window.
    package func covers(block: Int) -> Bool {
        globalEvery == 0 || (block + 1) % globalEvery != 0
    }
}
