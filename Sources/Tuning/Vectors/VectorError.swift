package import Formats
package import Transformer

/// A steering vector, or a request for one, that cannot be used.
package enum VectorError: Failure, Equatable {
    case notAVector(file: String, reason: String)
    case badTensor(file: String, name: String, reason: String)
    case badMetadata(file: String, key: String, reason: String)
    case notFinite(file: String, block: Int, index: Int)
    /// A value times the scale is beyond f32.
    case tooStrong(file: String, block: Int, index: Int, value: Float, scale: Float)
    case missingBlock(file: String, block: Int, available: [Int])
    /// A vector acts at another site than the one it is taken for or put together with.
    case otherSite(file: String, site: Site, wanted: Site)
    case otherWidth(file: String, width: Int, other: String, wanted: Int)
    /// A file of rtedit, which is not numbered as llama.cpp's generator does.
    case otherConvention(file: String)
    case notInConvention(file: String, site: Site)
    case blocksAreNamed(file: String)
    case noFirstBlock(file: String)
    case noCommonBlock(file: String, blocks: [Int], others: [Int])
    /// Arithmetic gave a value beyond f32.
    case beyondFloat(block: Int, index: Int, value: Double)
    case nothingLeft(block: Int, share: Double)
    case noLength(file: String, block: Int)
    case badSpecification(text: String, reason: String)
    case wrongWidth(file: String, width: Int, model: Int)
    case noSuchOffset(file: String, offset: Int, available: [Int])
    case noSuchBlock(file: String, block: Int, blockCount: Int)

    package var kind: FailureKind {
        switch self {
        case .badSpecification, .missingBlock, .wrongWidth, .noSuchBlock, .noSuchOffset, .otherSite,
            .otherWidth, .otherConvention, .blocksAreNamed, .noFirstBlock, .noCommonBlock:
            .usage
        case .tooStrong, .notInConvention, .beyondFloat, .nothingLeft, .noLength: .unsupported
        default: .input
        }
    }

    package var remedy: String? {
        switch self {
        case .tooStrong: "take a smaller strength"
        case .notInConvention: "write it in llama.cpp's convention, or as safetensors"
        case .beyondFloat:
            "divide the vectors' factors by the same number; a SPEC's strength makes up for it"
        case .nothingLeft: "remove fewer directions, or do without this one"
        case .noLength: "leave that block out of the SPEC"
        default: nil
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
        case .otherSite(let file, let site, let wanted):
            "\(file): acts at \(site.rawValue), not at \(wanted.rawValue)"
        case .otherWidth(let file, let width, let other, let wanted):
            "\(file): its directions are \(width) wide, but those of \(other) \(wanted)"
        case .otherConvention(let file):
            "\(file): was written by rtedit, and so numbers blocks as llama.cpp's loader does, not as its "
                + "generator"
        case .notInConvention(let file, let site):
            "\(file): the generator's convention is one of GGUF files and of \(Site.residPost.rawValue); this "
                + "vector acts at \(site.rawValue)"
        case .blocksAreNamed(let file):
            "\(file): names its blocks itself; no first block is to be given"
        case .noFirstBlock(let file):
            "\(file): one array of several rows does not say of which blocks; 'vector convert' takes "
                + "the first (--first-block)"
        case .noCommonBlock(let file, let blocks, let others):
            "\(file): has directions of blocks \(BlockSet.text(blocks)), and the others of "
                + "\(BlockSet.text(others)): none of the same"
        case .beyondFloat(let block, let index, let value):
            "the direction of block \(block) would be \(value) at index \(index), beyond f32 (3.4e38)"
        case .nothingLeft(let block, let share):
            "nothing is left of the direction of block \(block): \(share) of its length"
        case .noLength(let file, let block):
            "\(file): the direction of block \(block) has no length"
        case .badSpecification(let text, let reason):
            "'\(text)': \(reason); the form is FILE[:SCALE][@BLOCKS], such as mood.gguf:-0.9@10-15"
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
