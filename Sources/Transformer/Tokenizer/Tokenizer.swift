public import Formats
import Foundation

/// Turns text into token ids and back.
///
/// ```swift
/// let tokenizer = try Tokenizer(checkpoint.tokenizer())
/// let ids = tokenizer.encode("The quick brown fox")
/// print(tokenizer.decode(ids))
/// ```
///
/// Byte-level byte-pair encoding: added tokens are found in the text first (the longest, from left to right);
/// the stretches between are cut into pieces by the pre-tokenizer, and the bytes of each piece are merged.
/// Ids equal those of Hugging Face's `tokenizers` library.
///
/// There is never a second beginning of text: where the text itself begins with that token (a rendered chat
/// template often does), `encode` adds none. The same holds for the end of text.
public struct Tokenizer: Sendable {
    public let definition: TokenizerDefinition
    /// The tokens that end generation: end of text, end of turn, and what llama.cpp counts as such.
    public let endOfGeneration: Set<Int>

    private let preTokenizer: PreTokenizer
    private let encoder: BytePairEncoder
    /// The whole-piece vocabulary, where pieces that are tokens are not merged.
    private let wholePieces: TokenIndex?
    /// Found whether or not special tokens are parsed.
    private let userDefinedTokens: AddedTokens
    private let allAddedTokens: AddedTokens

    /// - Throws: `TokenizerError.tokenTooLong` for an added token of more than 1,024 bytes.
    public init(_ definition: TokenizerDefinition) throws(TokenizerError) {
        self.definition = definition
        preTokenizer = PreTokenizer(family: definition.preTokenizer)
        endOfGeneration = EndOfGeneration.ids(of: definition)
        switch definition.model {
        case .byteLevelBPE(let merges, let ignoresMerges):
            encoder = BytePairEncoder(
                merges: MergeTable(merges), byteTokens: Self.byteTokens(of: definition))
            wholePieces = ignoresMerges ? TokenIndex(definition.tokens) : nil
        }
        var userDefined = AddedTokens()
        var all = AddedTokens()
        for (id, kind) in definition.kinds.enumerated() {
            switch kind {
            case .userDefined:
                try userDefined.insert(definition.tokens[id], id: id)
                try all.insert(definition.tokens[id], id: id)
            case .control, .unknown:
                try all.insert(definition.tokens[id], id: id)
            case .normal, .unused, .byte: break
            }
        }
        userDefinedTokens = userDefined
        allAddedTokens = all
    }

    public var vocabularySize: Int { definition.tokens.count }

    // MARK: - Encoding

    /// The ids of a text.
    ///
    /// - Parameters:
    ///   - text: any text; it is not trimmed
    ///   - addSpecial: add the beginning and end of text where the model wants them
    ///   - parseSpecial: take the text of a control token for that token, as chat templates need;
    ///     without it, it is ordinary text
    /// - Returns: the ids, each below `vocabularySize`.
    public func encode(_ text: String, addSpecial: Bool = true, parseSpecial: Bool = true) -> [Int]
    {
        let bytes = Array(text.utf8)
        let added = parseSpecial ? allAddedTokens : userDefinedTokens
        var encoder = encoder
        var ids: [Int] = []
        var position = 0
        while let (range, id) = added.first(in: bytes, from: position) {
            encode(bytes[position..<range.lowerBound], with: &encoder, into: &ids)
            ids.append(id)
            position = range.upperBound
        }
        encode(bytes[position...], with: &encoder, into: &ids)
        return addSpecial ? addingEnds(to: ids) : ids
    }

    /// Encodes a stretch of text without added tokens.
    private func encode(
        _ stretch: ArraySlice<UInt8>, with encoder: inout BytePairEncoder, into ids: inout [Int]
    ) {
        guard !stretch.isEmpty else { return }
        let text = prepared(stretch)
        var start = 0
        while start < text.count {
            let end = preTokenizer.pieceEnd(in: text, from: start, to: text.count)
            let piece = text[start..<end]
            if let id = wholePiece(piece) {
                ids.append(id)
            } else {
                encoder.encode(piece, into: &ids)
            }
            start = end
        }
    }

    /// The stretch after normalisation, with the space before it that some models want.
    private func prepared(_ stretch: ArraySlice<UInt8>) -> [UInt8] {
        var text = Array(stretch)
        if definition.normalizer == .canonicalComposition, text.contains(where: { $0 >= 0x80 }) {
            let composed = String(decoding: text, as: UTF8.self)
                .precomposedStringWithCanonicalMapping
            text = Array(composed.utf8)
        }
        if definition.addsSpacePrefix, text.first != 0x20 { text.insert(0x20, at: 0) }
        return text
    }

    private func wholePiece(_ piece: ArraySlice<UInt8>) -> Int? {
        guard let wholePieces else { return nil }
        let written = piece.flatMap { ByteAlphabet.encodedStandIns[Int($0)] }
        return wholePieces.id(of: written[...])
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

    /// The token of each byte, -1 where there is none.
    private static func byteTokens(of definition: TokenizerDefinition) -> [Int32] {
        var tokens = [Int32](repeating: -1, count: 256)
        for (id, token) in definition.tokens.enumerated()
        where token.count <= 2 && definition.kinds[id] == .normal {
            if let bytes = ByteAlphabet.decode(token), bytes.count == 1 {
                tokens[Int(bytes[0])] = Int32(truncatingIfNeeded: id)
            }
        }
        return tokens
    }

    // MARK: - Decoding

    /// The bytes that a token stands for: none for padding entries and for ids outside the vocabulary.
    public func bytes(of token: Int) -> [UInt8] {
        guard definition.tokens.indices.contains(token) else { return [] }
        let written = definition.tokens[token]
        switch definition.kinds[token] {
        case .control, .unknown, .userDefined: return Array(written)
        case .unused: return []
        case .normal, .byte: return ByteAlphabet.decode(written) ?? Array(written)
        }
    }

    /// The text of one token, for tables; bytes that are not UTF-8 by themselves become U+FFFD.
    public func piece(of token: Int) -> String { String(decoding: bytes(of: token), as: UTF8.self) }

    /// Whether a token is a control token: left out of decoded text, found in text only when parsed.
    public func isSpecial(_ token: Int) -> Bool {
        guard definition.kinds.indices.contains(token) else { return false }
        return definition.kinds[token] == .control || definition.kinds[token] == .unknown
    }

    /// The text of tokens; bytes that are not UTF-8 become U+FFFD.
    ///
    /// - Parameters:
    ///   - tokens: ids; those outside the vocabulary stand for nothing
    ///   - skipSpecial: leave control tokens out
    /// - Returns: the text.
    public func decode(_ tokens: [Int], skipSpecial: Bool = true) -> String {
        var bytes: [UInt8] = []
        for token in tokens where !(skipSpecial && isSpecial(token)) {
            bytes += self.bytes(of: token)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
