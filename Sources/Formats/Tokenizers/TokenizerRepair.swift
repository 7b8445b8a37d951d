/// Puts right what the converter's rules miss of a folder's tokenizer, and finds what a GGUF file cannot hold.
struct TokenizerRepair {
    private let own: TokenizerDefinition
    private let file: String
    private let name: String?
    private let visible: Set<String>

    /// - Parameters:
    ///   - own: the folder's tokenizer
    ///   - file: the folder
    ///   - name: the `general.name` that the file gets
    ///   - visible: the special tokens that the converter has decoded text show
    init(_ own: TokenizerDefinition, file: String, name: String?, visible: Set<String>) {
        self.own = own
        self.file = file
        self.name = name
        self.visible = visible
    }

    /// Sets added tokens, special tokens and flags to the folder's where a reader of the metadata would take others.
    ///
    /// - Throws: `TokenizerError` as the reader of GGUF metadata does.
    func apply(to metadata: inout GGUFMetadata) throws(TokenizerError) {
        setAddedTokens(in: &metadata)
        let held = try held(metadata)
        let roles: [(String, KeyPath<TokenizerDefinition, Int?>)] = [
            (GGUFTokenizerKey.beginningOfText, \.beginningOfText),
            (GGUFTokenizerKey.endOfText, \.endOfText), (GGUFTokenizerKey.unknown, \.unknown),
            (GGUFTokenizerKey.separator, \.separator), (GGUFTokenizerKey.padding, \.padding),
            (GGUFTokenizerKey.mask, \.mask),
        ]
        for (key, role) in roles {
            guard let id = own[keyPath: role], held[keyPath: role] != id,
                let number = UInt32(exactly: id)
            else { continue }
            metadata[key] = .u32(number)
        }
        if held.addsBeginningOfText != own.addsBeginningOfText {
            metadata[GGUFTokenizerKey.addsBeginningOfText] = .bool(own.addsBeginningOfText)
        }
        if held.addsEndOfText != own.addsEndOfText {
            metadata[GGUFTokenizerKey.addsEndOfText] = .bool(own.addsEndOfText)
        }
        if !own.isByteLevel {
            let hasPrefix = TokenizerRules(own).prefix != .none
            if (TokenizerRules(held).prefix != .none) != hasPrefix {
                metadata[GGUFTokenizerKey.addsSpacePrefix] = .bool(hasPrefix)
            }
        }
        setEnds(try self.held(metadata), in: &metadata)
    }

    private func held(_ metadata: GGUFMetadata) throws(TokenizerError) -> TokenizerDefinition {
        var metadata = metadata
        if let name { metadata["general.name"] = .string(ByteString(name)) }
        return try TokenizerDefinition(metadata: metadata, file: file)
    }

    /// Added tokens that the converter takes for ordinary ones or does not know: it looks for them in files that newer
    /// folders lack.
    private func setAddedTokens(in metadata: inout GGUFMetadata) {
        guard case .array(.i32(var kinds)) = metadata[GGUFTokenizerKey.tokenTypes],
            case .array(.strings(let held)) = metadata[GGUFTokenizerKey.tokens]
        else { return }
        var scores = metadata[GGUFTokenizerKey.scores]?.array?.floats
        var tokens = ByteStringList()
        tokens.reserve(strings: held.count, bytes: held.bytes.count)
        for id in kinds.indices {
            guard own.kinds.indices.contains(id), own.kinds[id].isAdded,
                TokenizerDefinition.TokenKind(rawValue: kinds[id])?.isAdded == false
            else {
                tokens.append(held[id])
                continue
            }
            kinds[id] = own.kinds[id].rawValue
            tokens.append(own.tokens[id])
            // A score of its own says that tokenizer.model has the token as well.
            if held[id] != own.tokens[id] { scores?[id] = MergeScores.added }
        }
        metadata[GGUFTokenizerKey.tokens] = .array(.strings(tokens))
        metadata[GGUFTokenizerKey.tokenTypes] = .array(.i32(kinds))
        if let scores { metadata[GGUFTokenizerKey.scores] = .array(.f32(scores)) }
    }

    /// Gives tokens that end generation the keys that are free: of two keys, one may stand for a token that runtimes
    /// know by its text.
    private func setEnds(_ held: TokenizerDefinition, in metadata: inout GGUFMetadata) {
        let known = held.endOfGeneration
        var keys: [String] = []
        if metadata[GGUFTokenizerKey.endOfTurn] == nil {
            keys.append(GGUFTokenizerKey.endOfTurn)
        }
        if metadata[GGUFTokenizerKey.endOfMessage] == nil {
            let knowsTurn = known.contains {
                EndOfGeneration.turnTexts.contains(held.tokens.text($0))
            }
            keys.insert(GGUFTokenizerKey.endOfMessage, at: knowsTurn ? 0 : keys.count)
        }
        let missing = own.endOfGeneration.subtracting(known).sorted()
        for (key, id) in zip(keys, missing) {
            if let number = UInt32(exactly: id) { metadata[key] = .u32(number) }
        }
    }

    // MARK: - Losses

    /// What the metadata does not hold, one line each.
    ///
    /// - Throws: `TokenizerError.unsupported` where ordinary texts would become other tokens, or tokens other texts.
    func losses(of metadata: GGUFMetadata) throws(TokenizerError) -> [String] {
        try TokenizerLoss(
            from: own, to: held(metadata), file: file, format: "a GGUF file",
            visible: visible
        ).notes
    }
}

/// What a tokenizer loses on its way to another format: told, or refused where ordinary texts would become other tokens.
struct TokenizerLoss {
    let notes: [String]

    /// - Parameters:
    ///   - own: the tokenizer
    ///   - held: the same, read back from what would be written
    ///   - file: what the tokenizer was read from
    ///   - format: the other format, in words
    ///   - visible: the special tokens that llama.cpp's converter has decoded text show
    /// - Throws: `TokenizerError.unsupported`.
    init(
        from own: TokenizerDefinition, to held: TokenizerDefinition, file: String, format: String,
        visible: Set<String> = []
    ) throws(TokenizerError) {
        let comparison = TokenizerComparison(own, held, visible: visible)
        let isAdded = { (id: Int) in own.kinds.indices.contains(id) && own.kinds[id].isAdded }
        let changes = comparison.tokens.filter { !isAdded($0.id) }
        if let change = changes.first {
            throw .unsupported(
                file: file, key: "token \(change.id)",
                found: "'\(change.a ?? "none")', but '\(change.b ?? "none")' in what \(format) "
                    + "is made from (\(changes.count) such tokens)",
                supported: "files that agree on their tokens")
        }
        for setting in comparison.settings where comparison.brokenRules.contains(setting.name) {
            throw .unsupported(
                file: file, key: setting.name,
                found: "'\(setting.a ?? "none")', so that \(format) would turn ordinary texts "
                    + "into other tokens",
                supported: "'\(setting.b ?? "none")'")
        }
        var notes = comparison.tokens.map { change in
            "\(file): the added token \(change.id) '\(change.a ?? "none")' is '\(change.b ?? "none")' in "
                + "\(format): texts with it become other tokens"
        }
        if let first = comparison.kindChanges.first {
            notes.append(
                "\(file): \(comparison.kindChanges.count) tokens are of another kind in \(format), the first "
                    + "\(first) '\(own.tokens.text(first))': texts with them become other tokens")
        }
        for setting in comparison.settings
        where setting.isDifference || setting.name == TokenizerRules.endsOfGeneration {
            let words =
                setting.group == .chatTemplate
                ? "chat template '\(setting.name)'" : "tokenizer, \(setting.name)"
            notes.append(
                "\(words): \(format) has '\(Self.clipped(setting.b))', the source "
                    + "'\(Self.clipped(setting.a))'"
                    + (setting.name == TokenizerRules.endsOfGeneration
                        || setting.group == .chatTemplate
                        ? "" : "; some texts become other tokens"))
        }
        self.notes = notes
    }

    private static func clipped(_ text: String?) -> String {
        let line = (text ?? "none").replacing("\n", with: " ")
        return line.count > 80 ? line.prefix(79) + "…" : line
    }
}
