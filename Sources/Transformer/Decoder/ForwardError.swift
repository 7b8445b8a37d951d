package import Formats

/// Why a forward pass was not run.
package enum ForwardError: Failure, Equatable {
    case noSlices
    case noTokens(slice: Int)
    case tokenOutOfRange(slice: Int, index: Int, token: Int, vocabularySize: Int)
    case contextOverflow(slice: Int, positions: Int, limit: Int)
    /// Two slices of one pass continue the same cache.
    case sharedCache(slices: [Int])
    /// A cache was made for a model of other sizes.
    case foreignCache(slice: Int, expected: [Int], found: [Int])
    case interventionBlock(block: Int, blockCount: Int)
    case interventionWidth(block: Int, site: Site, expected: Int, found: Int)
    /// A vector or strength holds NaN or an infinity.
    case interventionNotFinite(block: Int, site: Site)
    /// A zero vector has no direction to ablate.
    case interventionWithoutDirection(block: Int, site: Site)
    /// The output of a sub-layer is to be scaled where none ends.
    case interventionWithoutSubLayer(site: Site)
    /// A scope gives another number of first tokens than there are slices.
    case scopeCount(expected: Int, found: Int)
    /// The blocks to run are none, or not all there.
    case blocks(Range<Int>, blockCount: Int)
    /// Logits were asked of a pass that stops before the head.
    case logitsAfterStop(block: Int)
    /// A pass that starts above block 0 takes a stream of so many numbers for each slice.
    case entryCount(slice: Int, expected: Int, found: Int)

    package var kind: FailureKind { .usage }

    package var description: String {
        switch self {
        case .noSlices:
            "there is no text to run the model on"
        case .noTokens(let slice):
            "text \(slice) holds no tokens"
        case .tokenOutOfRange(let slice, let index, let token, let vocabularySize):
            "text \(slice): token \(index) has the id \(token), but the vocabulary ends before \(vocabularySize)"
        case .contextOverflow(let slice, let positions, let limit):
            "text \(slice) would take \(positions) positions, but the model's context ends at \(limit)"
        case .sharedCache(let slices):
            "texts \(slices) continue the same cache"
        case .foreignCache(let slice, let expected, let found):
            "text \(slice): its cache holds (blocks, bytes a position) \(found), but the model needs \(expected)"
        case .interventionBlock(let block, let blockCount):
            "a vector acts on block \(block), but the model's blocks are 0 to \(blockCount - 1)"
        case .interventionWidth(let block, let site, let expected, let found):
            "the vector for \(site.rawValue) of block \(block) has \(found) numbers, but the model's width is \(expected)"
        case .interventionNotFinite(let block, let site):
            "the vector or strength for \(site.rawValue) of block \(block) is not finite"
        case .interventionWithoutDirection(let block, let site):
            "the vector to ablate at \(site.rawValue) of block \(block) is zero and has no direction"
        case .interventionWithoutSubLayer(let site):
            "no sub-layer's output is added at \(site.rawValue), so that none can be scaled there"
        case .scopeCount(let expected, let found):
            "first tokens are given for \(found) texts, but there are \(expected)"
        case .blocks(let blocks, let blockCount):
            "cannot run the blocks \(blocks): the model's blocks are 0 to \(blockCount - 1)"
        case .logitsAfterStop(let block):
            "logits need every block, but the pass stops after block \(block)"
        case .entryCount(let slice, let expected, let found):
            "text \(slice): its stream holds \(found) numbers, but \(expected) are needed"
        }
    }
}
