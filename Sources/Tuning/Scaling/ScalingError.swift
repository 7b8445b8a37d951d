package import Formats
import Transformer

/// A file of learned factors, or a request for them, that cannot be used.
package enum ScalingError: Failure, Equatable {
    case notAScaling(file: String, reason: String)
    case badTensor(file: String, name: String, reason: String)
    case badMetadata(file: String, key: String, reason: String)
    case otherBlockCount(file: String, count: Int, model: Int)
    case missingBlock(file: String, block: Int, blockCount: Int)
    /// A loss or gradient is no number.
    case diverged(step: Int)
    case fewProbes(file: String, count: Int, needed: Int)
    case shortText(file: String, tokens: Int, needed: Int)
    /// Every α that was asked for is 0.
    case nothing(file: String, blocks: [Int]?)
    /// 1 + β · α is beyond f32.
    case tooStrong(file: String, place: StreamSite, alpha: Float, beta: Float)

    package var kind: FailureKind {
        switch self {
        case .notAScaling, .badTensor, .badMetadata, .fewProbes, .shortText: .input
        case .otherBlockCount, .missingBlock, .nothing: .usage
        case .tooStrong, .diverged: .unsupported
        }
    }

    package var remedy: String? {
        if case .tooStrong = self { "take a smaller strength" } else { nil }
    }

    package var description: String {
        switch self {
        case .notAScaling(let file, let reason): "\(file): holds no scaling: \(reason)"
        case .badTensor(let file, let name, let reason): "\(file): tensor '\(name)' \(reason)"
        case .badMetadata(let file, let key, let reason): "\(file): key '\(key)' \(reason)"
        case .otherBlockCount(let file, let count, let model):
            "\(file): scales a model of \(count) blocks, but this one has \(model)"
        case .missingBlock(let file, let block, let count):
            "\(file): block \(block) does not exist; the blocks are 0 to \(count - 1)"
        case .diverged(let step):
            "at step \(step) of learning a loss is no number; a smaller learning rate may help"
        case .fewProbes(let file, let count, let needed):
            "\(file): has \(count) probes, but \(needed) are needed, to keep some from learning"
        case .shortText(let file, let tokens, let needed):
            "\(file): has \(tokens) tokens, but \(needed) are needed, to keep some from learning"
        case .nothing(let file, let blocks):
            "\(file): every alpha "
                + (blocks.map { "of blocks \(BlockSet.text($0)) " } ?? "") + "is 0"
        case .tooStrong(let file, let place, let alpha, let beta):
            "\(file): alpha is \(alpha) at \(place), and times \(beta) it is beyond f32 (3.4e38)"
        }
    }
}
