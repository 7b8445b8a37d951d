package import Formats

/// A steering vector, or a request for one, that cannot be used.
package enum VectorError: Failure, Equatable {
    case notAVector(file: String, reason: String)
    case badTensor(file: String, name: String, reason: String)
    case badMetadata(file: String, key: String, reason: String)
    case notFinite(file: String, block: Int, index: Int)
    /// A value times the scale is beyond f32.
    case tooStrong(file: String, block: Int, index: Int, value: Float, scale: Float)
    case missingBlock(file: String, block: Int, available: [Int])
    case badSpecification(text: String, reason: String)
    case wrongWidth(file: String, width: Int, model: Int)
    case noSuchOffset(file: String, offset: Int, available: [Int])
    case noSuchBlock(file: String, block: Int, blockCount: Int)

    package var kind: FailureKind {
        switch self {
        case .badSpecification, .missingBlock, .wrongWidth, .noSuchBlock, .noSuchOffset: .usage
        case .tooStrong: .unsupported
        default: .input
        }
    }

    package var description: String {
        switch self {
        case .notAVector(let file, let reason): "\(file): is not a steering vector: \(reason)"
        case .badTensor(let file, let name, let reason): "\(file): tensor '\(name)' \(reason)"
        case .badMetadata(let file, let key, let reason): "\(file): key '\(key)' \(reason)"
        case .notFinite(let file, let block, let index):
            "\(file): the direction of block \(block) is not finite at index \(index)"
        case .tooStrong(let file, let block, let index, let value, let scale):
            "\(file): the direction of block \(block) is \(value) at index \(index), and times "
                + "\(scale) it is beyond f32 (3.4e38)"
        case .missingBlock(let file, let block, let available):
            "\(file): has no direction for block \(block); it has \(BlockSet.text(available))"
        case .badSpecification(let text, let reason): "'\(text)': \(reason)"
        case .wrongWidth(let file, let width, let model):
            "\(file): its directions are \(width) wide, but the model's stream is \(model) wide"
        case .noSuchOffset(let file, let offset, let available):
            "\(file): has no directions of token \(offset); it has those of tokens "
                + "\(available.min() ?? 0) to \(available.max() ?? 0)"
        case .noSuchBlock(let file, let block, let count):
            "\(file): block \(block) does not exist; the model's blocks are 0 to \(count - 1)"
        }
    }
}
