package import Formats
package import Transformer

/// Contrast pairs that give no direction, or a call that cannot be carried out on them.
package enum ExtractionError: Failure, Equatable {
    case noPairs
    case noDirection(block: Int, position: Position)
    /// All pairs have the same tokens on both sides up to those compared.
    case identicalPairs(pairs: Int, position: Position, place: String)
    /// What was found is no longer than rounding can make it.
    case onlyRounding(
        block: Int, position: Position, length: Double, floor: Double, streamNorm: Double)
    /// Nothing of the direction is left after nuisance directions were projected out.
    case nothingLeft(block: Int, position: Position)
    case nuisanceSite(file: String, found: Site, expected: Site)
    case zeroNuisance(file: String, block: Int)
    /// More offsets are wanted than the shortest prompt has tokens.
    case offsets(wanted: Int, shortest: Int, place: String)
    /// The best offset is asked for, but too few pairs are there to hold any out.
    case nothingHeldOut
    case noAssistantText(place: String)
    case noneInCharacter(pairs: Int)
    /// There is no text that a model could write.
    case nothingToWrite(place: String)
    /// The model's loss on a sentence is no number.
    case notFinite(block: Int, place: String)

    package var kind: FailureKind {
        switch self {
        case .noPairs, .noDirection, .identicalPairs, .onlyRounding, .nothingLeft, .nothingHeldOut,
            .zeroNuisance, .noAssistantText,
            .noneInCharacter, .nothingToWrite, .notFinite:
            .input
        case .nuisanceSite, .offsets: .usage
        }
    }

    package var description: String {
        switch self {
        case .noPairs: "there are no contrast pairs"
        case .noDirection(let block, let position):
            "block \(block): the pairs' two sides do not differ on average at the chosen token "
                + "(\(position.text))"
        case .identicalPairs(let pairs, let position, let place):
            "\(place): in all \(pairs) pairs the two sides are the same tokens up to the one compared "
                + "(\(position.text)), so they give no direction; does the chat template leave out what "
                + "should tell them apart?"
        case .onlyRounding(let block, let position, let length, let floor, let norm):
            "block \(block): what the pairs differ by at token \(position.text) is "
                + "\(Float(length)) long, and rounding alone can make \(Float(floor)) "
                + "(\(Float(RoundingFloor.share)) of the stream's norm, \(Float(norm))): it is no direction"
        case .nothingLeft(let block, let position):
            "block \(block): nothing is left of the direction at token \(position.text) once the "
                + "others are projected out"
        case .nuisanceSite(let file, let found, let expected):
            "\(file): its directions are of \(found.rawValue), and cannot be projected out at "
                + expected.rawValue
        case .zeroNuisance(let file, let block):
            "\(file): the direction of block \(block) is zero; there is nothing to project out"
        case .offsets(let wanted, let shortest, let place):
            "\(wanted) offsets are wanted, but the shortest prompt (\(place)) has \(shortest) tokens"
        case .nothingHeldOut:
            "the best token cannot be told: it takes pairs from 2 lines to hold some out"
        case .noAssistantText(let place):
            "\(place): only a pair of turns with an assistant's text on both sides can be in character"
        case .noneInCharacter(let pairs):
            "the model answers in character in none of the \(pairs) pairs"
        case .nothingToWrite(let place):
            "\(place): a latent vector is sought for a plain text or an assistant's, and there is none, or it has one token"
        case .notFinite(let block, let place):
            "\(place): block \(block): the model's loss on the sentence is not finite"
        }
    }
}
