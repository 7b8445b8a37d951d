/// The model of `tokenizer.json` and its vocabulary.
extension TokenizerJSONReader {
    /// What the file says of the parts around its model.
    struct Surroundings {
        let preTokenizer: PreTokenizerRule
        let decoder: TokenDecoding

        /// Whether text is written in GPT-2's alphabet of bytes.
        var isByteLevel: Bool {
            if case .byteLevel = preTokenizer { true } else { false }
        }
    }

    /// Reads the vocabulary and the model.
    ///
    /// - Throws: `TokenizerError.unsupported` for a model that is neither byte-pair encoding nor unigram, for options
    ///   that are not ours, and for parts that do not go together.
    func model(_ surroundings: Surroundings, vocabularySize: Int?) throws(TokenizerError) -> (
        TokenizerModel, Vocabulary, VocabularyChecks
    ) {
        guard let model = tokenizer["model"]?.object else {
            throw .missing(file: file, key: "model")
        }
        let type = model["type"]?.string
        switch type {
        case "BPE": return try pairs(model, surroundings, vocabularySize)
        case "Unigram": return try unigram(model, surroundings, vocabularySize)
        default:
            throw unsupported(
                "model.type", found: type.map { "'\($0)'" } ?? "none", "BPE, Unigram")
        }
    }

    // MARK: - Byte-pair encoding

    private func pairs(
        _ model: JSONObject, _ surroundings: Surroundings, _ vocabularySize: Int?
    ) throws(TokenizerError) -> (TokenizerModel, Vocabulary, VocabularyChecks) {
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            if let text = model[key]?.string, !text.isEmpty {
                throw unsupported("model.\(key)", found: "'\(text)'", "none")
            }
        }
        if let dropout = model["dropout"]?.number, dropout != 0 {
            throw unsupported("model.dropout", found: "\(dropout)", "none")
        }
        let fallsBackToBytes = model["byte_fallback"]?.bool ?? false
        if surroundings.isByteLevel, fallsBackToBytes {
            throw unsupported("model.byte_fallback", found: "true with ByteLevel", "false")
        }
        if surroundings.isByteLevel != (surroundings.decoder == .byteLevel) {
            throw unsupported(
                "decoder",
                found: (tokenizer["decoder"] ?? .null).componentType + " with the pre-tokenizer "
                    + (tokenizer["pre_tokenizer"] ?? .null).componentType,
                "ByteLevel as both, or as neither")
        }
        guard let members = model["vocab"]?.object?.members else {
            throw .missing(file: file, key: "model.vocab")
        }
        let vocabulary = try vocabulary(
            ordinary: members.map { ($0.key, $0.value.integer ?? -1) },
            hasByteTokens: fallsBackToBytes, size: vocabularySize)
        let checks = try VocabularyChecks(file: file, tokens: vocabulary.tokens)
        let merges = try merges(model: model, checks)
        let ignoresMerges = model["ignore_merges"]?.bool ?? false
        if surroundings.isByteLevel {
            try checkBytes(model: model, checks)
            return (
                .byteLevelPairs(merges: merges, ignoresMerges: ignoresMerges), vocabulary, checks
            )
        }
        let rules = TokenizerModel.ScalarRules(
            ignoresMerges: ignoresMerges, fallsBackToBytes: fallsBackToBytes,
            unknown: try unknownToken(model, checks),
            fusesUnknown: model["fuse_unk"]?.bool ?? false)
        return (.scalarPairs(merges: merges, rules), vocabulary, checks)
    }

    private func unknownToken(_ model: JSONObject, _ checks: VocabularyChecks)
        throws(TokenizerError) -> Int?
    {
        guard let text = model["unk_token"]?.string else { return nil }
        guard let id = checks.index.id(of: ArraySlice(text.utf8)) else {
            throw .unknownSpecialToken(file: file, key: "model.unk_token", token: text)
        }
        return id
    }

    private func merges(model: JSONObject, _ checks: VocabularyChecks) throws(TokenizerError)
        -> [TokenMerge]
    {
        guard let values = model["merges"]?.array else {
            throw .missing(file: file, key: "model.merges")
        }
        var merges: [TokenMerge] = []
        merges.reserveCapacity(values.count)
        for (place, value) in values.enumerated() {
            switch value {
            case .string(let text):
                merges.append(try checks.merge(ArraySlice(text.utf8), at: place))
            case .array(let sides):
                guard sides.count == 2, let left = sides[0].string, let right = sides[1].string,
                    !left.isEmpty, !right.isEmpty
                else { fallthrough }
                merges.append(
                    try checks.merge(ArraySlice(left.utf8), ArraySlice(right.utf8), at: place))
            default:
                throw .malformedMerge(file: file, index: place, merge: "\(value)")
            }
        }
        return merges
    }

    /// Bytes that are no tokens are dropped, as the references do, unless the file has a token for them.
    private func checkBytes(model: JSONObject, _ checks: VocabularyChecks) throws(TokenizerError) {
        guard let unknown = model["unk_token"]?.string, !unknown.isEmpty else { return }
        for (byte, standIn) in ByteAlphabet.encodedStandIns.enumerated()
        where checks.index.id(of: standIn[...]) == nil {
            throw unsupported(
                "model.unk_token", found: "'\(unknown)' while byte \(byte) is not a token",
                "none, or a vocabulary with every byte")
        }
    }

    // MARK: - Unigram

    private func unigram(
        _ model: JSONObject, _ surroundings: Surroundings, _ vocabularySize: Int?
    ) throws(TokenizerError) -> (TokenizerModel, Vocabulary, VocabularyChecks) {
        if surroundings.isByteLevel || surroundings.decoder == .byteLevel {
            throw unsupported(
                "pre_tokenizer", found: "ByteLevel with the model Unigram",
                "Metaspace with the model Unigram")
        }
        guard let entries = model["vocab"]?.array else {
            throw .missing(file: file, key: "model.vocab")
        }
        var ordinary: [(text: String, id: Int)] = []
        var scores: [Double?] = []
        ordinary.reserveCapacity(entries.count)
        scores.reserveCapacity(entries.count)
        for (id, entry) in entries.enumerated() {
            guard let pair = entry.array, pair.count == 2, let text = pair[0].string,
                let score = pair[1].number
            else { throw .malformedEntry(file: file, index: id) }
            ordinary.append((text, id))
            scores.append(score)
        }
        let fallsBackToBytes = model["byte_fallback"]?.bool ?? false
        let vocabulary = try vocabulary(
            ordinary: ordinary, hasByteTokens: fallsBackToBytes, size: vocabularySize)
        let checks = try VocabularyChecks(file: file, tokens: vocabulary.tokens)
        let least = scores.compactMap { $0 }.min() ?? 0
        scores += Array(repeating: nil, count: vocabulary.tokens.count - scores.count)
        var unknown: Int?
        if let id = model["unk_id"]?.integer {
            unknown = try checks.checked(id, key: "model.unk_id")
        }
        let rules = TokenizerModel.UnigramRules(
            scores: scores, unknown: unknown, fallsBackToBytes: fallsBackToBytes,
            unknownScore: least - TokenizerModel.UnigramRules.unknownPenalty)
        return (.unigram(rules), vocabulary, checks)
    }
}
