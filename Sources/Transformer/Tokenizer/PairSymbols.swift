import Formats

/// The symbols with which byte-pair encoding begins, and the pieces that need none.
enum PairSymbols: Sendable {
    case bytes(ByteLevelSymbols)
    case scalars(ScalarSymbols)

    /// The token of a whole piece, where such pieces are not split.
    func wholePiece(_ piece: ArraySlice<UInt8>) -> Int? {
        switch self {
        case .bytes(let symbols): symbols.wholePiece(piece)
        case .scalars(let symbols): symbols.wholePiece(piece)
        }
    }

    /// Appends the symbols of a piece.
    func append(_ piece: ArraySlice<UInt8>, to symbols: inout [Int32]) {
        switch self {
        case .bytes(let source): source.append(piece, to: &symbols)
        case .scalars(let source): source.append(piece, to: &symbols)
        }
    }
}

/// One symbol for each byte.
struct ByteLevelSymbols: Sendable {
    /// The token of each byte; -1 where the vocabulary has none, and the byte is dropped as the references do.
    private let byteTokens: [Int32]
    private let wholePieces: TokenIndex?
    private let kinds: [TokenizerDefinition.TokenKind]

    init(_ definition: TokenizerDefinition, keepsTokensWhole: Bool) {
        byteTokens = definition.byteTokens { id in
            let token = definition.tokens[id]
            guard token.count <= 2, definition.kinds[id] == .normal else { return nil }
            return ByteAlphabet.decode(token).flatMap { $0.count == 1 ? $0[0] : nil }
        }
        wholePieces = keepsTokensWhole ? TokenIndex(definition.tokens) : nil
        kinds = definition.kinds
    }

    func wholePiece(_ piece: ArraySlice<UInt8>) -> Int? {
        guard let wholePieces else { return nil }
        let written = piece.flatMap { ByteAlphabet.encodedStandIns[Int($0)] }
        return wholePieces.id(of: written[...]).flatMap { kinds[$0].isAdded ? nil : $0 }
    }

    func append(_ piece: ArraySlice<UInt8>, to symbols: inout [Int32]) {
        for byte in piece where byteTokens[Int(byte)] >= 0 {
            symbols.append(byteTokens[Int(byte)])
        }
    }
}

/// One symbol for each scalar that is a token; the bytes of others, or the unknown token.
struct ScalarSymbols: Sendable {
    private let index: TokenIndex
    private let rules: TokenizerModel.ScalarRules
    private let byteTokens: [Int32]

    init(_ definition: TokenizerDefinition, _ rules: TokenizerModel.ScalarRules) {
        index = TokenIndex(definition.tokens)
        self.rules = rules
        byteTokens = definition.spelledByteTokens
    }

    func wholePiece(_ piece: ArraySlice<UInt8>) -> Int? {
        let isKept =
            rules.ignoresMerges
            || rules.keepsNewlineRuns && piece.allSatisfy { $0 == UInt8(ascii: "\n") }
        return isKept ? index.id(of: piece) : nil
    }

    func append(_ piece: ArraySlice<UInt8>, to symbols: inout [Int32]) {
        // An unknown token waits for the next scalar, with which it may be one; bytes do not end the wait, as in the
        // `tokenizers` library.
        var waiting: Int32?
        var place = piece.startIndex
        while place < piece.endIndex {
            let end = ScalarScanner.scalarEnd(in: piece, at: place)
            let scalar = piece[place..<end]
            place = end
            if let id = index.id(of: scalar) {
                if let unknown = waiting { symbols.append(unknown) }
                waiting = nil
                symbols.append(Int32(truncatingIfNeeded: id))
            } else if rules.fallsBackToBytes, scalar.allSatisfy({ byteTokens[Int($0)] >= 0 }) {
                for byte in scalar { symbols.append(byteTokens[Int(byte)]) }
            } else if let unknown = rules.unknown {
                if let waiting, !rules.fusesUnknown { symbols.append(waiting) }
                waiting = Int32(truncatingIfNeeded: unknown)
            }
        }
        if let waiting { symbols.append(waiting) }
    }
}
