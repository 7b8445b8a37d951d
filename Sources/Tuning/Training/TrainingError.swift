package import Formats

/// A tuning that cannot be done as it was asked for.
package enum TrainingError: Failure, Equatable {
    case nothingToTune(file: String)
    case noMatrix(file: String, tensor: String)
    case rankTooLarge(tensor: String, rank: Int, limit: Int)
    case notLowRank
    case noTerms
    case noVector(block: Int, blocks: [Int])
    case noSuchBlock(block: Int, blockCount: Int)
    case wrongWidth(block: Int, width: Int, model: Int)
    case noLength(block: Int)
    case unreachable(goal: String, site: String, block: Int)
    case noChoices(place: String)
    case noTexts
    case noContrast(place: String)

    package var kind: FailureKind {
        switch self {
        case .noChoices, .noContrast, .noLength: .input
        default: .usage
        }
    }

    package var description: String {
        switch self {
        case .nothingToTune(let file): "\(file): has none of the weights that are to be tuned"
        case .noMatrix(let file, let tensor):
            "\(file): tensor '\(tensor)' is no matrix of a block, so it can have no low-rank update"
        case .rankTooLarge(let tensor, let rank, let limit):
            "tensor '\(tensor)': a low-rank update of rank \(rank) is no smaller than the tensor; at most \(limit)"
        case .notLowRank: "weights that are tuned in full make no adapter"
        case .noTerms: "there is no objective"
        case .noVector(let block, let blocks):
            "the objective has no direction for block \(block); it has \(BlockSet.text(blocks))"
        case .noSuchBlock(let block, let blockCount):
            "the objective is about block \(block), but the model has \(blockCount) blocks, 0 to \(blockCount - 1)"
        case .wrongWidth(let block, let width, let model):
            "block \(block): the direction is \(width) wide, but the model's stream is \(model) wide"
        case .noLength(let block): "block \(block): the direction has no length"
        case .unreachable(let goal, let site, let block):
            "objective '\(goal)' at \(site) of block \(block): none of the weights it may reach lies below"
        case .noChoices(let place): "\(place): has no choices with probabilities"
        case .noContrast(let place):
            "\(place): objective 'contrast' needs two more prompts, 'positive' and 'negative'"
        case .noTexts: "objective 'keep' needs ordinary text"
        }
    }
}
