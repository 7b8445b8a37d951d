public import Transformer

/// A vector as users name it: `FILE[:SCALE][@BLOCKS]`.
public struct VectorSpecification: Sendable, Hashable {
    public let file: String
    public let scale: Float
    /// Nil: all blocks of the file.
    public let blocks: [Int]?

    /// Reads the text of an option. `:` and `@` in folders' names are part of the path; in the file's own name they
    /// begin the scale and the blocks.
    ///
    /// - Throws: `VectorError.badSpecification` where the scale or the blocks are malformed.
    public init(_ text: String) throws(VectorError) {
        var rest = text[...]
        if let at = rest.lastIndex(of: "@"), !rest[at...].contains("/") {
            let list = rest[rest.index(after: at)...]
            guard let parsed = BlockSet.parse(list) else {
                throw .badSpecification(
                    text: text, reason: "'\(list)' is no list of blocks like 12, 10-17 or 8,10-12")
            }
            blocks = parsed
            rest = rest[..<at]
        } else {
            blocks = nil
        }
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/") {
            let number = rest[rest.index(after: colon)...]
            guard let parsed = Float(number), parsed.isFinite else {
                throw .badSpecification(text: text, reason: "'\(number)' is no finite scale")
            }
            scale = parsed
            rest = rest[..<colon]
        } else {
            scale = 1
        }
        guard !rest.isEmpty else { throw .badSpecification(text: text, reason: "it names no file") }
        file = String(rest)
    }

    /// Opens the file and gives the interventions it asks for.
    ///
    /// - Parameters:
    ///   - hiddenSize: the width of the model's residual stream.
    ///   - blockCount: the number of the model's blocks.
    /// - Throws: `VectorError` where the file is no vector or does not fit the model, and file errors.
    public func interventions(
        _ operation: Intervention.Operation, convention: VectorFile.Convention = .llamaCpp,
        hiddenSize: Int,
        blockCount: Int
    ) throws -> [Intervention] {
        let vector = try VectorFile.read(file, convention: convention)
        guard vector.width == hiddenSize else {
            throw VectorError.wrongWidth(file: file, width: vector.width, model: hiddenSize)
        }
        let found = try vector.interventions(operation, scale: scale, blocks: blocks, name: file)
        if let outside = found.first(where: { $0.block >= blockCount }) {
            throw VectorError.noSuchBlock(file: file, block: outside.block, blockCount: blockCount)
        }
        return found
    }
}
