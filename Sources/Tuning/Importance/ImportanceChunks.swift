import Formats
package import Transformer

/// A text in pieces of equal length, as `llama-imatrix` cuts it: the tokens of the whole text, from the beginning, and what
/// is left at the end is not read. Where the tokenizer adds a token for the beginning of text, it takes the place of each
/// piece's first token.
package struct ImportanceChunks: Sendable {
    /// Tokens of a piece.
    package let size: Int
    private let tokens: [Int]
    /// What each piece begins with, if not its own token.
    private let beginning: Int?

    /// - Parameters:
    ///   - text: a line end at its end is left out; the text of special tokens is ordinary text
    ///   - tokenizer: the model's
    ///   - size: tokens of a piece
    /// - Throws: `ImportanceRunError.shortText` for a text that does not fill a piece.
    package init(
        of text: String, tokenizer: Tokenizer, size: Int
    ) throws(ImportanceRunError) {
        let text =
            text.utf8.last == UInt8(ascii: "\n") ? String(text.unicodeScalars.dropLast()) : text
        let definition = tokenizer.definition
        self.init(
            tokens: tokenizer.encode(text, parseSpecial: false), size: size,
            beginning: definition.addsBeginningOfText ? definition.beginningOfText : nil)
        guard count > 0 else {
            throw .shortText(tokens: tokens.count, chunkSize: size)
        }
    }

    /// - Precondition: pieces have at least one token.
    init(tokens: [Int], size: Int, beginning: Int?) {
        precondition(size > 0)
        self.tokens = tokens
        self.size = size
        self.beginning = beginning
    }

    /// How many whole pieces there are.
    package var count: Int { tokens.count / size }

    /// The tokens of a piece.
    ///
    /// - Precondition: there is such a piece.
    package subscript(index: Int) -> [Int] {
        precondition((0..<count).contains(index))
        var chunk = Array(tokens[index * size..<(index + 1) * size])
        if let beginning { chunk[0] = beginning }
        return chunk
    }

    /// The bytes of all that the pieces' tokens depend on, for a hash.
    var identity: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity((tokens.count + 2) * MemoryLayout<Int32>.size)
        for number in [size, beginning ?? -1] + tokens {
            bytes.appendBytes(of: Int32(truncatingIfNeeded: number))
        }
        return bytes
    }
}
