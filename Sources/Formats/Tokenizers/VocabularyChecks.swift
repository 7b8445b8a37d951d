/// The checks that both readers run on a vocabulary; `file` names the source in the errors.
struct VocabularyChecks {
    /// Keeps a malformed file from asking for unbounded memory; published vocabularies stay below 300,000.
    static let tokenLimit = 1 << 22

    let file: String
    let tokens: ByteStringList
    let index: TokenIndex

    init(file: String, tokens: ByteStringList) throws(TokenizerError) {
        guard tokens.count <= Self.tokenLimit else {
            throw .vocabularyTooLarge(file: file, tokens: tokens.count, limit: Self.tokenLimit)
        }
        let index = TokenIndex(tokens)
        if let duplicate = index.duplicate {
            throw .duplicateToken(
                file: file, token: tokens.text(duplicate.first), first: duplicate.first,
                second: duplicate.second)
        }
        self.file = file
        self.tokens = tokens
        self.index = index
    }

    /// The ids of a merge's two sides and of its result.
    func merge(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>, at place: Int)
        throws(TokenizerError) -> TokenMerge
    {
        func missing(_ token: [UInt8]) -> TokenizerError {
            .mergeOutsideVocabulary(
                file: file, index: place, merge: ByteString(left + [0x20] + right).text,
                missing: ByteString(token).text)
        }
        guard let leftID = index.id(of: left) else { throw missing(Array(left)) }
        guard let rightID = index.id(of: right) else { throw missing(Array(right)) }
        guard let result = index.id(of: left, followedBy: right) else {
            throw missing(Array(left + right))
        }
        return TokenMerge(left: Int32(leftID), right: Int32(rightID), result: Int32(result))
    }

    /// The merge written as "left right"; the space is looked for from the second byte on, as llama.cpp does.
    func merge(_ text: ArraySlice<UInt8>, at place: Int) throws(TokenizerError) -> TokenMerge {
        guard let space = text.dropFirst().firstIndex(of: 0x20), space + 1 < text.endIndex else {
            throw .malformedMerge(
                file: file, index: place, merge: ByteString(Array(text)).text)
        }
        return try merge(text[..<space], text[(space + 1)...], at: place)
    }

    /// The id as it is, where it is inside the vocabulary.
    func checked(_ id: Int, key: String) throws(TokenizerError) -> Int {
        guard tokens.indices.contains(id) else {
            throw .idOutOfRange(file: file, key: key, id: id, tokens: tokens.count)
        }
        return id
    }
}

extension TokenizerDefinition {
    /// Refuses what no reader may hand on: a token to be added that has no name, a space prefix on rules
    /// that Hugging Face's `ByteLevel` would apply to every piece.
    func checkConsistency(file: String) throws(TokenizerError) {
        if addsBeginningOfText, beginningOfText == nil {
            throw .nothingToAdd(file: file, key: "add_bos_token")
        }
        if addsEndOfText, endOfText == nil {
            throw .nothingToAdd(file: file, key: "add_eos_token")
        }
        if case .byteLevel(let rule, addsSpacePrefix: true) = preTokenizer, rule != .gpt2 {
            throw .unsupported(
                file: file, key: "add_space_prefix",
                found: "true with the pre-tokenizer \(rule.rawValue)",
                supported: "true with gpt-2, false")
        }
    }
}
