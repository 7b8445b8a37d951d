public import Formats

/// Everything that sets the decoder's behaviour, apart from the weights.
///
/// There is one decoder for all families: what differs between them is a value here, never a class. Which
/// projections have a bias is not stated: a bias is used where the checkpoint has one.
public struct DecoderConfiguration: Sendable, Hashable {
    /// Sizes, norm epsilon, rotary parameters, tied head.
    public let sizes: Hyperparameters
    /// Which dimensions of a head are rotated together; it follows the file format, see `Architecture`.
    public let ropePairing: RopePairing
    /// Heads, what their scores are multiplied by, and how far back they see.
    public let attention: AttentionShape

    /// Width of all query heads together.
    public var queryWidth: Int { sizes.headCount * sizes.headSize }
    /// Width of all key (or value) heads together.
    public var keyValueWidth: Int { sizes.keyValueHeadCount * sizes.headSize }

    /// How many positions a sequence may take.
    ///
    /// Dynamic rotary scaling is made to go past the context length, by its factor.
    public var positionLimit: Int {
        guard case .dynamic(let factor, let originalContext) = sizes.rope.scaling else {
            return sizes.contextLength
        }
        let stretched = min(Double(originalContext) * factor, Double(Int32.max))
        return max(sizes.contextLength, Int(stretched))
    }

    /// - Parameters:
    ///   - sizes: numbers as `Checkpoint.hyperparameters()` checks them.
    ///   - ropePairing: how the weights of query and key are laid out.
    ///   - file: the model's path, for errors.
    /// - Throws: `DecoderError.badRotary` for rotary parameters that give no frequencies.
    public init(
        _ sizes: Hyperparameters, ropePairing: RopePairing, file: String
    ) throws(DecoderError) {
        self.sizes = sizes
        self.ropePairing = ropePairing
        attention = AttentionShape(
            heads: sizes.headCount, keyValueHeads: sizes.keyValueHeadCount,
            headSize: sizes.headSize, scale: 1 / Float(sizes.headSize).squareRoot())
        if let fact = Self.problem(of: sizes.rope) { throw .badRotary(file: file, fact: fact) }
    }

    /// The configuration of a checkpoint.
    ///
    /// - Throws: `DecoderError.badRotary`, and what reading the architecture and hyperparameters throws.
    public init(_ checkpoint: Checkpoint) throws {
        let architecture = try checkpoint.requireArchitecture()
        try self.init(
            checkpoint.hyperparameters(),
            ropePairing: architecture.ropePairing(in: checkpoint.format), file: checkpoint.path)
    }

    /// What keeps these parameters from giving one finite frequency for every pair, or nil.
    private static func problem(of rope: RopeParameters) -> String? {
        guard rope.base > 1 else { return "the base \(rope.base) is not above 1" }
        switch rope.scaling {
        case .dynamic(let factor, _) where factor < 1:
            return "the dynamic scaling factor \(factor) is below 1"
        case .dynamic where rope.dimensions <= 2:
            return "dynamic scaling needs more than \(rope.dimensions) rotary dimensions"
        case .divisors(let divisors) where divisors.count != rope.dimensions / 2:
            return
                "there are \(divisors.count) divisors for \(rope.dimensions / 2) pairs of dimensions"
        default:
            return nil
        }
    }
}
