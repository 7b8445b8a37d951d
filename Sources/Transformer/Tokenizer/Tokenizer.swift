package import Formats

/// Turns text into token ids and back.
///
/// ```swift
/// let tokenizer = try Tokenizer(checkpoint.tokenizer())
/// let ids = tokenizer.encode("The quick brown fox")
/// print(tokenizer.decode(ids))
/// ```
///
/// Added tokens are found in the text first (the longest, from left to right); the stretches between are normalised and
/// cut into pieces, and the model turns each piece into tokens. Ids equal those of Hugging Face's `tokenizers` library
/// where the definition comes from `tokenizer.json`, and SentencePiece's where it comes from `tokenizer.model` or from
/// the scores of a GGUF file.
///
/// There is never a second beginning of text: where the text itself begins with that token (a rendered chat
/// template often does), `encode` adds none. The same holds for the end of text.
package struct Tokenizer: Sendable {
    package let definition: TokenizerDefinition
    /// The tokens that end generation: see `TokenizerDefinition.endOfGeneration`.
    package let endOfGeneration: Set<Int>

    private let splitter: PieceSplitter
    private let encoder: any PieceEncoder
    /// Looked for in the text as it is, and after the normalizers ran; without and with special tokens.
    private let plainTokens: AddedTokens
    private let plainNormalizedTokens: AddedTokens
    private let allTokens: AddedTokens
    private let allNormalizedTokens: AddedTokens
    /// The texts of the tokens that are looked for after the normalizers ran: decoded in that form, too.
    private let normalizedTexts: [Int: [UInt8]]

    /// - Throws: `TokenizerError.tokenTooLong` for an added token, or a token of a unigram model, of more than 1,024
    ///   bytes.
    package init(_ definition: TokenizerDefinition) throws(TokenizerError) {
        self.definition = definition
        splitter = PieceSplitter(rule: definition.preTokenizer)
        endOfGeneration = definition.endOfGeneration
        encoder = try definition.pieceEncoder()
        var normalizedTexts: [Int: [UInt8]] = [:]
        for (id, rules) in definition.addedTokenRules where rules.isNormalized {
            normalizedTexts[id] = Self.normalized(Array(definition.tokens[id]), by: definition)
        }
        self.normalizedTexts = normalizedTexts
        func tokens(special: Bool, normalized: Bool) throws(TokenizerError) -> AddedTokens {
            var tokens: [(text: ArraySlice<UInt8>, id: Int)] = []
            for (id, kind) in definition.kinds.enumerated()
            where kind == .userDefined || special && kind.isAdded {
                let text = normalizedTexts[id]
                guard (text != nil) == normalized else { continue }
                tokens.append((text?[...] ?? definition.tokens[id], id))
            }
            return try AddedTokens(tokens, rules: definition.addedTokenRules)
        }
        plainTokens = try tokens(special: false, normalized: false)
        plainNormalizedTokens = try tokens(special: false, normalized: true)
        allTokens = try tokens(special: true, normalized: false)
        allNormalizedTokens = try tokens(special: true, normalized: true)
    }

    package var vocabularySize: Int { definition.tokens.count }

    // MARK: - Encoding

    /// The ids of a text.
    ///
    /// - Parameters:
    ///   - text: any text; it is not trimmed
    ///   - addSpecial: add the beginning and end of text where the model wants them
    ///   - parseSpecial: take the text of a control token for that token, as chat templates need;
    ///     without it, it is ordinary text
    /// - Returns: the ids, each below `vocabularySize`.
    package func encode(_ text: String, addSpecial: Bool = true, parseSpecial: Bool = true) -> [Int]
    {
        let bytes = Array(text.utf8)
        var encoder = encoder
        var ids: [Int] = []
        for part in (parseSpecial ? allTokens : plainTokens).parts(of: bytes) {
            switch part {
            case .token(let id): ids.append(id)
            case .text(let range):
                encode(
                    Self.normalized(Array(bytes[range]), by: definition),
                    isFirst: range.lowerBound == 0, parseSpecial: parseSpecial, with: &encoder,
                    into: &ids)
            }
        }
        return addSpecial ? addingEnds(to: ids) : ids
    }

    /// Encodes a stretch of normalised text without added tokens but those that are normalised as well.
    private func encode(
        _ stretch: [UInt8], isFirst: Bool, parseSpecial: Bool,
        with encoder: inout any PieceEncoder, into ids: inout [Int]
    ) {
        let added = parseSpecial ? allNormalizedTokens : plainNormalizedTokens
        for part in added.parts(of: stretch) {
            switch part {
            case .token(let id): ids.append(id)
            case .text(let range):
                let pieces = splitter.pieces(
                    of: range.count == stretch.count ? stretch : Array(stretch[range]),
                    isFirst: isFirst && range.lowerBound == 0)
                for piece in pieces { encoder.encode(piece, into: &ids) }
            }
        }
    }

    private static func normalized(_ text: [UInt8], by definition: TokenizerDefinition) -> [UInt8] {
        definition.normalizers.reduce(text) { $1.applied(to: $0) }
    }

    private func addingEnds(to ids: [Int]) -> [Int] {
        var ids = ids
        if definition.addsBeginningOfText, let first = definition.beginningOfText,
            ids.first != first
        {
            ids.insert(first, at: 0)
        }
        if definition.addsEndOfText, let last = definition.endOfText, ids.last != last {
            ids.append(last)
        }
        return ids
    }

    // MARK: - Decoding

    /// The bytes that a token stands for: none for padding entries and for ids outside the vocabulary.
    package func bytes(of token: Int) -> [UInt8] {
        guard definition.tokens.indices.contains(token) else { return [] }
        let written = normalizedTexts[token]?[...] ?? definition.tokens[token]
        switch (definition.kinds[token], definition.decoder) {
        case (.unused, _): return []
        case (.byte, .spaceMarks): return ByteToken.byte(of: written).map { [$0] } ?? Array(written)
        case (_, .spaceMarks):
            let text = String(decoding: written, as: UTF8.self)
            return Array(text.replacing(PreTokenizerRule.spaceMark, with: " ").utf8)
        case (.normal, .byteLevel), (.byte, .byteLevel):
            return ByteAlphabet.decode(written) ?? Array(written)
        // The `tokenizers` library takes added tokens for stand-ins of bytes as well, which breaks all but ASCII.
        case (_, .byteLevel): return Array(written)
        }
    }

    /// The text of one token, for tables; bytes that are not UTF-8 by themselves become U+FFFD.
    package func piece(of token: Int) -> String {
        String(decoding: bytes(of: token), as: UTF8.self)
    }

    /// Whether a token is a control token: left out of decoded text, found in text only when parsed.
    package func isSpecial(_ token: Int) -> Bool {
        guard definition.kinds.indices.contains(token) else { return false }
        return definition.kinds[token] == .control || definition.kinds[token] == .unknown
    }

    /// The text of tokens; bytes that are not UTF-8 become U+FFFD.
    ///
    /// - Parameters:
    ///   - tokens: ids; those outside the vocabulary stand for nothing
    ///   - skipSpecial: leave control tokens out
    /// - Returns: the text.
    package func decode(_ tokens: [Int], skipSpecial: Bool = true) -> String {
        var stream = TokenTextStream(self, skipSpecial: skipSpecial)
        return tokens.map { stream.push($0) }.joined() + stream.finish()
    }
}
