/// What a tokenizer does to a text, apart from how its file writes it: two tokenizers with equal rules, tokens, merges
/// and special tokens turn every text into the same ids.
///
/// `tokenizer.json` has several ways to say one thing: a mark for a space is put by normalizers or by `Metaspace`,
/// a split at spaces does nothing where a normalizer has left none.
struct TokenizerRules {
    /// A rule by which two tokenizers differ.
    struct Difference {
        let name: String
        let a: String
        let b: String
        /// Whether ordinary texts become other tokens, not only some.
        var isBroken = false
        /// Whether it matters for ids, texts, or where generation ends.
        var counts = true
    }

    /// Where a space, or the mark of one, is put before a text.
    enum Prefix: String {
        case none
        case always = "before every stretch"
        case missing = "before stretches that do not begin with one"
        case first = "before the text, unless it begins with one"
    }

    private let definition: TokenizerDefinition
    let prefix: Prefix
    /// The normalizers that remain when spaces have become marks.
    private let normalizers: [TextNormalizer]
    private let cut: String
    private let isPrefixNormalizer: Bool

    init(_ definition: TokenizerDefinition) {
        self.definition = definition
        var others = definition.normalizers
        func take(_ step: TextNormalizer) -> Bool {
            guard let place = others.firstIndex(of: step) else { return false }
            others.remove(at: place)
            return true
        }
        let mark = PreTokenizerRule.spaceMark
        let isByteLevel = definition.isByteLevel
        let prepends = !isByteLevel && take(.prepend(mark))
        let marksSpaces = !isByteLevel && take(.replace(" ", with: mark))
        normalizers = others
        isPrefixNormalizer = prepends
        switch definition.preTokenizer {
        case .byteLevel(let rule, let addsSpacePrefix):
            prefix = addsSpacePrefix ? .missing : .none
            cut = "byte-level \(rule.rawValue)"
        case .spaceMarks(let marks):
            switch (prepends, marks.prefix) {
            case (true, _): prefix = .always
            case (_, .always): prefix = .missing
            case (_, .first): prefix = .first
            case (_, .never): prefix = .none
            }
            let splits = marks.splits && definition.hasInnerMarks
            cut =
                (splits ? "at marks" : "not at all")
                + (marks.dropsWhitespace ? ", white space dropped" : "")
        case .none, .afterSpaces, .newlineRuns:
            prefix = prepends ? .always : .none
            cut =
                switch definition.preTokenizer {
                case .newlineRuns where definition.hasMixedNewlines: "at newlines"
                case .none where !marksSpaces: "not at all, spaces kept"
                case .afterSpaces where !marksSpaces: "after spaces"
                default: "not at all"
                }
        }
    }

    // MARK: - Differences

    /// What two tokenizers do otherwise, tokens, merges and templates aside.
    static func differences(
        _ a: TokenizerDefinition, _ b: TokenizerDefinition
    ) -> [Difference] {
        let (first, second) = (TokenizerRules(a), TokenizerRules(b))
        let isOneKind = a.isByteLevel == b.isByteLevel
        var found: [Difference] = []
        func compare(
            _ name: String, _ text: (TokenizerRules) -> String, isBroken: Bool = false,
            counts: Bool = true
        ) {
            let (left, right) = (text(first), text(second))
            guard left != right else { return }
            found.append(
                Difference(name: name, a: left, b: right, isBroken: isBroken, counts: counts))
        }
        compare("model", { $0.model }, isBroken: !isOneKind || a.isUnigram != b.isUnigram)
        compare(
            "a space before the text", { $0.prefix.rawValue },
            isBroken: (first.prefix == .none) != (second.prefix == .none))
        compare("pieces are cut", { $0.cut }, isBroken: !isOneKind)
        compare(
            "normalizers", { $0.normalizers.map(\.words).joined(separator: ", ").orNone },
            isBroken: [first, second].contains { $0.normalizers.contains(.lowercase) })
        compare("rules of added tokens", { $0.addedTokens.orNone })
        compare("decoder", { $0.definition.decoder.words })
        compare("adds the beginning of text", { $0.beginning }, isBroken: true)
        compare("adds the end of text", { $0.end }, isBroken: true)
        for (name, role, variable, isAdded) in roles {
            let isUsed = [a, b].contains {
                isAdded($0) || variable.map($0.rendersWith) ?? false
            }
            compare(name, { $0.identifier($0.definition[keyPath: role]) }, counts: isUsed)
        }
        // The converter gives Gemma an end that may be any token; an end that is an added token ends real texts.
        let ends = a.endOfGeneration.symmetricDifference(b.endOfGeneration)
        compare(
            endsOfGeneration, { $0.ends },
            counts: ends.contains { id in
                [a, b].contains { $0.kinds.indices.contains(id) && $0.kinds[id].isAdded }
            })
        return found
    }

    static let endsOfGeneration = "ends of generation"

    private typealias Role = KeyPath<TokenizerDefinition, Int?>

    /// The special tokens: name, id, the name in chat templates, and whether each text gets it.
    private static var roles:
        [(name: String, Role, variable: String?, isAdded: (TokenizerDefinition) -> Bool)]
    {
        [
            ("beginning of text", \.beginningOfText, "bos_token", \.addsBeginningOfText),
            ("end of text", \.endOfText, "eos_token", \.addsEndOfText),
            ("unknown token", \.unknown, nil, { _ in false }),
            ("padding token", \.padding, nil, { _ in false }),
            ("separator", \.separator, nil, { _ in false }),
            ("mask", \.mask, nil, { _ in false }),
        ]
    }

    private var beginning: String {
        definition.addsBeginningOfText ? identifier(definition.beginningOfText) : "no"
    }

    private var end: String {
        definition.addsEndOfText ? identifier(definition.endOfText) : "no"
    }

    private func identifier(_ id: Int?) -> String {
        guard let id else { return "none" }
        guard definition.tokens.indices.contains(id) else { return "\(id)" }
        return "\(id) \(definition.tokens.text(id))"
    }

    private var ends: String {
        definition.endOfGeneration.sorted().map(identifier).joined(separator: ", ").orNone
    }

    /// The model and its rules without merges and scores.
    private var model: String {
        switch definition.model {
        case .byteLevelPairs(_, let ignoresMerges):
            return "byte-level pairs" + (ignoresMerges ? ", whole tokens first" : "")
        case .scalarPairs(_, let rules):
            let keepsRuns = rules.keepsNewlineRuns && definition.hasUnmergedNewlines
            return "pairs" + (rules.ignoresMerges ? ", whole tokens first" : "")
                + (keepsRuns ? ", runs of newlines first" : "")
                + unknownScalars(
                    fallsBackToBytes: rules.fallsBackToBytes, unknown: rules.unknown,
                    fuses: rules.fusesUnknown)
        case .scoredPairs:
            return "pairs"
                + unknownScalars(
                    fallsBackToBytes: true, unknown: definition.unknown, fuses: true)
        case .unigram(let rules):
            return "unigram, unknown \(rules.unknown.map(String.init) ?? "none"), "
                + (rules.fallsBackToBytes ? "falls back to bytes" : "no bytes")
        }
    }

    /// What becomes of scalars that are no token; nothing is left to say where every byte is one.
    private func unknownScalars(fallsBackToBytes: Bool, unknown: Int?, fuses: Bool) -> String {
        let bytes = Set(
            definition.tokens.indices.compactMap {
                definition.kinds[$0] == .byte ? ByteToken.byte(of: definition.tokens[$0]) : nil
            })
        let known = fallsBackToBytes ? bytes.count : 0
        if known == 256 { return ", other scalars as bytes" }
        return ", \(known) bytes, other scalars as \(identifier(unknown))"
            + (fuses || unknown == nil ? "" : " one by one")
    }

    /// How added tokens are found where that is not simply by their text.
    private var addedTokens: String {
        let seesNormalizers = isPrefixNormalizer || !normalizers.isEmpty
        let words = definition.addedTokenRules.sorted { $0.key < $1.key }.compactMap {
            id, rules -> String? in
            var words: [String] = []
            if rules.isWholeWord { words.append("whole words") }
            if rules.takesSpaceBefore { words.append("takes the space before") }
            if rules.takesSpaceAfter { words.append("takes the space behind") }
            if rules.isNormalized, seesNormalizers { words.append("after the normalizers") }
            return words.isEmpty
                ? nil : "\(identifier(id)) (\(words.joined(separator: ", ")))"
        }
        guard words.count > 3 else { return words.joined(separator: ", ") }
        return words.prefix(3).joined(separator: ", ") + " and \(words.count - 3) more"
    }
}

extension TokenizerDefinition {
    /// Whether text is written in GPT-2's alphabet of bytes.
    var isByteLevel: Bool { if case .byteLevelPairs = model { true } else { false } }

    fileprivate var isUnigram: Bool { if case .unigram = model { true } else { false } }

    /// Whether a token that a text can become has the mark of a space behind its first scalar.
    fileprivate var hasInnerMarks: Bool {
        let mark = Array(PreTokenizerRule.spaceMark.utf8)
        return tokens.indices.contains { id in
            guard kinds[id] == .normal else { return false }
            let token = tokens[id]
            return token.indices.dropFirst().contains { place in
                token[place] == mark[0] && token[place...].starts(with: mark)
            }
        }
    }

    /// Whether a token that a text can become has a newline beside another scalar.
    fileprivate var hasMixedNewlines: Bool {
        tokens.indices.contains { id in
            guard kinds[id] == .normal else { return false }
            let newlines = tokens[id].count { $0 == UInt8(ascii: "\n") }
            return newlines > 0 && newlines < tokens[id].count
        }
    }

    /// Whether a token of several newlines is one that no merge makes.
    fileprivate var hasUnmergedNewlines: Bool {
        guard case .scalarPairs(let merges, _) = model else { return false }
        let made = Set(merges.map(\.result))
        return tokens.indices.contains { id in
            kinds[id] == .normal && tokens[id].count > 1
                && tokens[id].allSatisfy { $0 == UInt8(ascii: "\n") }
                && !made.contains(Int32(truncatingIfNeeded: id))
        }
    }

    /// Whether a chat template asks for a special token by this name.
    fileprivate func rendersWith(_ variable: String) -> Bool {
        chatTemplate?.contains(variable) ?? false
    }
}

extension String {
    fileprivate var orNone: String { isEmpty ? "none" : self }
}

extension TokenDecoding {
    /// The rule in a few words.
    fileprivate var words: String {
        switch self {
        case .byteLevel: "byte-level"
        case .spaceMarks(let joinsBytes, let start):
            "space marks\(joinsBytes ? ", bytes joined" : ""), start \(start)"
        }
    }
}

extension TextNormalizer {
    /// The step; of a table its kind only.
    fileprivate var words: String {
        switch self {
        case .unicode(let form): form.rawValue
        case .characterMap(_, let matching): "character map, \(matching)"
        default: "\(self)"
        }
    }
}
