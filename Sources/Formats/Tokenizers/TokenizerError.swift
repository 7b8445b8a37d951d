/// A tokenizer's files break their rules, or ask for something that rtedit does not support.
package enum TokenizerError: Failure {
    /// A key or member that every tokenizer has is not there.
    case missing(file: String, key: String)
    case wrongType(file: String, key: String, expected: String)
    /// An array beside the vocabulary has another length.
    case wrongCount(file: String, key: String, count: Int, tokens: Int)
    case vocabularyTooLarge(file: String, tokens: Int, limit: Int)
    case unknownTokenType(file: String, token: Int, type: Int)
    case idOutOfRange(file: String, key: String, id: Int, tokens: Int)
    case idUsedTwice(file: String, id: Int, first: String, second: String)
    case duplicateToken(file: String, token: String, first: Int, second: Int)
    case tokenTooLong(token: String, id: Int, bytes: Int, limit: Int)
    /// A merge is not "left right".
    case malformedMerge(file: String, index: Int, merge: String)
    /// A side of a merge, or its result, is not a token.
    case mergeOutsideVocabulary(file: String, index: Int, merge: String, missing: String)
    /// A special token is named by a text that is not in the vocabulary.
    case unknownSpecialToken(file: String, key: String, token: String)
    /// The tokenizer puts a token at an end of the text, but names none.
    case nothingToAdd(file: String, key: String)
    /// A score is no number that can be compared.
    case unusableScore(file: String, token: Int, score: Double)
    /// An entry of a unigram vocabulary is not a text and its score.
    case malformedEntry(file: String, index: Int)
    /// The table of replacements breaks its layout.
    case malformedCharacterMap(file: String, fact: String)
    /// `tokenizer.model` breaks the rules of its encoding.
    case malformedMessage(file: String, offset: Int, fact: String)
    /// Understood, but not supported: what was found, and what is supported.
    case unsupported(file: String, key: String, found: String, supported: String)

    package var kind: FailureKind {
        switch self {
        case .unsupported, .tokenTooLong, .vocabularyTooLarge: .unsupported
        default: .input
        }
    }

    package var remedy: String? {
        kind == .unsupported
            ? "what needs no tokenizer goes on working: inspect, hash, metadata, delta and diff without --prompt"
            : nil
    }

    package var description: String {
        switch self {
        case .missing(let file, let key):
            "\(file): '\(key)' is missing"
        case .wrongType(let file, let key, let expected):
            "\(file): '\(key)' is not \(expected)"
        case .wrongCount(let file, let key, let count, let tokens):
            "\(file): '\(key)' has \(count) elements, but the vocabulary has \(tokens) tokens"
        case .vocabularyTooLarge(let file, let tokens, let limit):
            "\(file): the vocabulary has \(tokens) tokens, more than the \(limit) that rtedit supports"
        case .unknownTokenType(let file, let token, let type):
            "\(file): token \(token) has type \(type), which is none of 1 to 6"
        case .idOutOfRange(let file, let key, let id, let tokens):
            "\(file): '\(key)' is \(id), but the vocabulary has \(tokens) tokens"
        case .idUsedTwice(let file, let id, let first, let second):
            "\(file): token id \(id) belongs to both '\(first)' and '\(second)'"
        case .duplicateToken(let file, let token, let first, let second):
            "\(file): token '\(token)' occurs twice, as \(first) and as \(second)"
        case .tokenTooLong(let token, let id, let bytes, let limit):
            "added token \(id) '\(token.prefix(20))…' has \(bytes) bytes, more than the \(limit) that rtedit supports"
        case .malformedMerge(let file, let index, let merge):
            "\(file): merge \(index) '\(merge)' is not two tokens with a space between"
        case .mergeOutsideVocabulary(let file, let index, let merge, let missing):
            "\(file): merge \(index) '\(merge)' needs the token '\(missing)', which is not in the vocabulary"
        case .unknownSpecialToken(let file, let key, let token):
            "\(file): '\(key)' names the token '\(token)', which is not in the vocabulary"
        case .nothingToAdd(let file, let key):
            "\(file): '\(key)' asks for a token to be added to every text, but no such token is named"
        case .unusableScore(let file, let token, let score):
            "\(file): token \(token) has the score \(score), which cannot be compared"
        case .malformedEntry(let file, let index):
            "\(file): entry \(index) of 'model.vocab' is not a text and its score"
        case .malformedCharacterMap(let file, let fact):
            "\(file): the precompiled character map is malformed: \(fact)"
        case .malformedMessage(let file, let offset, let fact):
            "\(file): byte \(offset): \(fact)"
        case .unsupported(let file, let key, let found, let supported):
            "\(file): '\(key)' is \(found); supported: \(supported)"
        }
    }
}
