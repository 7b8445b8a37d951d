/// What `tokenizer.model` holds: SentencePiece's `ModelProto`
/// (https://github.com/google/sentencepiece, `src/sentencepiece_model.proto`).
struct SentencePieceModel {
    enum Algorithm: UInt64 {
        case unigram = 1
        case bytePairs = 2
        case words = 3
        case characters = 4
    }

    struct Piece {
        var text: [UInt8] = []
        var score: Float = 0
        var kind = TokenizerDefinition.TokenKind.normal
    }

    var pieces: [Piece] = []
    var algorithm = Algorithm.unigram
    var hasByteTokens = false
    var addsSpaceAtEnd = false
    var unknown: Int? = 0
    var beginningOfText: Int? = 1
    var endOfText: Int? = 2
    var padding: Int?
    var characterMap: CharacterMap?
    var addsSpacePrefix = true
    var collapsesSpaces = true

    /// - Throws: `TokenizerError.malformedMessage` where the encoding is broken, `.wrongType` for an unknown value, and
    ///   what `CharacterMap` throws.
    init(_ bytes: MappedBytes, file: String) throws(TokenizerError) {
        var message = ProtobufReader(bytes, file: file)
        while let (field, value) = try message.next() {
            guard (1...3).contains(field) else { continue }
            guard case .bytes(let part, let offset) = value else {
                throw message.malformed("field \(field) is not a message")
            }
            var reader = ProtobufReader(part, base: offset, file: file)
            switch field {
            case 1:
                guard pieces.count < VocabularyChecks.tokenLimit else {
                    throw .vocabularyTooLarge(
                        file: file, tokens: pieces.count + 1, limit: VocabularyChecks.tokenLimit)
                }
                pieces.append(try Self.piece(&reader, index: pieces.count, file: file))
            case 2: try readTrainer(&reader, file: file)
            default: try readNormalizer(&reader, file: file)
            }
        }
        guard !pieces.isEmpty else { throw .missing(file: file, key: "pieces") }
    }

    private static func piece(_ reader: inout ProtobufReader, index: Int, file: String)
        throws(TokenizerError) -> Piece
    {
        var piece = Piece()
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (1, .bytes(let text, _)):
                piece.text = text.withUnsafeBytes { Array($0) }
            case (2, .fixed32(let bits)):
                piece.score = Float(bitPattern: bits)
            case (3, .integer(let type)):
                guard let raw = Int32(exactly: type),
                    let kind = TokenizerDefinition.TokenKind(rawValue: raw)
                else {
                    throw .unknownTokenType(
                        file: file, token: index, type: Int(truncatingIfNeeded: type))
                }
                piece.kind = kind
            case (1...3, _):
                throw reader.malformed("field \(field) of piece \(index) is of another type")
            default: break
            }
        }
        guard piece.score.isFinite else {
            throw .unusableScore(file: file, token: index, score: Double(piece.score))
        }
        return piece
    }

    private mutating func readTrainer(_ reader: inout ProtobufReader, file: String)
        throws(TokenizerError)
    {
        while let (field, value) = try reader.next() {
            guard case .integer(let number) = value else { continue }
            // Identifiers are signed: -1 means that there is no such piece.
            let id = Int32(truncatingIfNeeded: number)
            let identifier = id >= 0 ? Int(id) : nil
            switch field {
            case 3:
                guard let known = Algorithm(rawValue: number) else {
                    throw .wrongType(
                        file: file, key: "trainer_spec.model_type", expected: "one of 1 to 4")
                }
                algorithm = known
            case 24: addsSpaceAtEnd = number != 0
            case 35: hasByteTokens = number != 0
            case 40: unknown = identifier
            case 41: beginningOfText = identifier
            case 42: endOfText = identifier
            case 43: padding = identifier
            default: break
            }
        }
    }

    private mutating func readNormalizer(_ reader: inout ProtobufReader, file: String)
        throws(TokenizerError)
    {
        while let (field, value) = try reader.next() {
            switch (field, value) {
            case (2, .bytes(let table, _)) where table.count > 0:
                characterMap = try CharacterMap(
                    table.withUnsafeBytes { Array($0) }, file: file)
            case (3, .integer(let flag)): addsSpacePrefix = flag != 0
            case (4, .integer(let flag)): collapsesSpaces = flag != 0
            case (2...4, .bytes), (2...4, .integer): break
            case (2...4, _):
                throw reader.malformed("field \(field) of normalizer_spec is of another type")
            default: break
            }
        }
    }
}
