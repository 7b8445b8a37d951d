import Formats
import Foundation
import TestSupport
import Testing
import Transformer

/// Random tokenizers of every kind from a GGUF file to a folder, and from a folder to a GGUF file: every text keeps its
/// ids, or the conversion says what it loses.
@Suite struct TokenizerRoundTripTests {
    static let rules = PreTokenizerRule.SplitRule.allCases

    private static let texts = [
        "", " ", "   ", "ab abc", " ab", "  a  b   c ", "abcabcabc", "aaaaaaa", "12 345 6789",
        "\n", "\n\n a\t", "é e\u{301} ü", "日本 🙂", "zq", "<s>ab</s>", "a<t> b", " <t>  <m>c",
        "▁a▁ b",
        "don't AB'S", "<0x41>", "[PAD3]", "a\u{A0}b", "x_y::z...", "cab bac acb bca",
    ]

    private static let added: [(String, TokenizerDefinition.TokenKind)] = [
        ("<s>", .control), ("</s>", .control), ("<m>", .control), ("<t>", .userDefined),
    ]

    /// Ways to join tokens, drawn until there are enough.
    private static func joined(
        _ alphabet: [String], count: Int, _ random: inout SeededGenerator
    ) -> [(left: Int, right: Int)] {
        var tokens = alphabet
        var known = Set(alphabet)
        var pairs: [(left: Int, right: Int)] = []
        while pairs.count < count {
            let left = Int.random(in: tokens.indices, using: &random)
            let right = Int.random(in: tokens.indices, using: &random)
            let text = tokens[left] + tokens[right]
            guard text.unicodeScalars.count < 9, known.insert(text).inserted else { continue }
            pairs.append((left, right))
            tokens.append(text)
        }
        return pairs
    }

    private static func byteLevel(
        _ rule: PreTokenizerRule.SplitRule, seed: UInt64
    ) -> TokenizerDefinition {
        var random = SeededGenerator(state: seed)
        let alphabet = ByteAlphabet.standIns.map(String.init)
        // Bytes that the texts have, so that the joined tokens occur in them.
        let used = "abc 12é日\n'SAB.".utf8.map { Int($0) }
        let pairs = joined(used.map { alphabet[$0] }, count: 60, &random)
        var ids = used
        var tokens = alphabet
        var merges: [TokenMerge] = []
        for (left, right) in pairs {
            merges.append(
                TokenMerge(
                    left: Int32(ids[left]), right: Int32(ids[right]), result: Int32(tokens.count)))
            ids.append(tokens.count)
            tokens.append(tokens[ids[left]] + tokens[ids[right]])
        }
        let first = tokens.count
        let addsFirst = Bool.random(using: &random)
        return TokenizerDefinition(
            model: .byteLevelPairs(
                merges: merges, ignoresMerges: rule == .llama3 || rule == .tekken),
            preTokenizer: .byteLevel(rule, addsSpacePrefix: false), decoder: .byteLevel,
            tokens: ByteStringList(tokens + added.map(\.0)),
            kinds: tokens.map { _ in .normal } + added.map(\.1), beginningOfText: first,
            endOfText: first + 1, addsBeginningOfText: addsFirst)
    }

    /// - Parameter hasBytes: without tokens of bytes other scalars become the unknown token.
    private static func scored(
        seed: UInt64, addsSpacePrefix: Bool, hasBytes: Bool = true
    ) -> TokenizerDefinition {
        var random = SeededGenerator(state: seed)
        let alphabet = ["▁", "a", "b", "c", "1", "2", "é", "日", ".", "A"]
        var ordinary = alphabet
        for (left, right) in joined(alphabet, count: 60, &random) {
            ordinary.append(ordinary[left] + ordinary[right])
        }
        let bytes = (hasBytes ? Array(UInt8.min...UInt8.max) : []).map {
            String(decoding: ByteToken.text(of: $0), as: UTF8.self)
        }
        let tokens = ["<unk>"] + added.map(\.0) + bytes + ordinary
        let scores = tokens.indices.map { $0 < tokens.count - ordinary.count ? 0 : -Float($0) }
        let normalizers: [TextNormalizer] =
            (addsSpacePrefix ? [.prepend("▁")] : []) + [.replace(" ", with: "▁")]
        return TokenizerDefinition(
            model: .scoredPairs(scores: scores), normalizers: normalizers, preTokenizer: .none,
            decoder: .spaceMarks(joinsBytes: true, start: addsSpacePrefix ? .dropSpaces(1) : .keep),
            tokens: ByteStringList(tokens),
            kinds: [.unknown] + added.map(\.1) + bytes.map { _ in .byte }
                + ordinary.map { _ in .normal },
            beginningOfText: 1, endOfText: 2, unknown: 0,
            addsBeginningOfText: Bool.random(using: &random))
    }

    // MARK: - GGUF to a folder

    @Test(arguments: rules, [UInt64(1), 2, 3])
    func byteLevelFoldersGiveTheIDsOfTheFile(
        rule: PreTokenizerRule.SplitRule, seed: UInt64
    ) throws {
        let definition = Self.byteLevel(rule, seed: seed)
        let folder = try Self.write(definition)
        try Self.expectEqual(try TokenizerDefinition.read(folder: folder.path), definition)
        let back = try Self.convert(folder)
        try Self.expectEqual(back.definition, definition)
        #expect(back.notes.isEmpty)
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6], [true, false])
    func foldersOfScoresGiveTheIDsOfTheFile(seed: UInt64, addsSpacePrefix: Bool) throws {
        let definition = Self.scored(
            seed: seed, addsSpacePrefix: addsSpacePrefix, hasBytes: seed != 6)
        let folder = try Self.write(definition)
        let read = try TokenizerDefinition.read(folder: folder.path)
        try Self.expectEqual(read, definition)
        #expect(!TokenizerComparison(read, definition).isDifference)
        try Self.expectEqual(try Self.convert(folder).definition, definition)
        // As transformers 5 saves it.
        try FileManager.default.removeItem(atPath: folder.path("tokenizer.model"))
        let derived = try Self.convert(folder)
        try Self.expectEqual(derived.definition, definition)
        #expect(derived.notes.isEmpty, "\(derived.notes)")
    }

    // MARK: - A folder to GGUF

    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6])
    func mergesThatScoresCannotHoldAreTold(seed: UInt64) throws {
        var definition = Self.scored(seed: seed, addsSpacePrefix: true)
        let folder = try Self.write(definition)
        guard
            case .scalarPairs(var merges, let rules) = try TokenizerDefinition.read(
                folder: folder.path
            ).model
        else { return }
        // Each token is made in one way only, as the trainer of the tokenizers library has it.
        var made: Set<Int32> = []
        merges = merges.filter { made.insert($0.result).inserted }
        definition.model = .scalarPairs(merges: merges, rules)
        let single = try Self.write(definition)
        let converted = try Self.convert(single)
        let (left, right) = (try Tokenizer(converted.definition), try Tokenizer(definition))
        if Self.texts.contains(where: { left.encode($0) != right.encode($0) }) {
            #expect(converted.notes.contains { $0.contains("merges") }, "\(converted.notes)")
        }
        #expect(
            TokenizerComparison(definition, converted.definition).isDifference
                == !converted.notes.isEmpty)
    }

    @Test(arguments: PreTokenizerRule.SpaceMarks.Prefix.allCases)
    func prefixesOfMetaspaceAreKeptOrTold(prefix: PreTokenizerRule.SpaceMarks.Prefix) throws {
        var definition = Self.scored(seed: 7, addsSpacePrefix: prefix != .never)
        let plain = try Self.write(definition)
        definition = try TokenizerDefinition.read(folder: plain.path)
        definition.normalizers = []
        definition.preTokenizer = .spaceMarks(.init(prefix: prefix, splits: false))
        let converted = try Self.convert(Self.write(definition))
        let (left, right) = (try Tokenizer(converted.definition), try Tokenizer(definition))
        let others = Self.texts.filter { left.encode($0) != right.encode($0) }
        #expect(others.isEmpty == (prefix == .never), "\(others)")
        #expect(converted.notes.isEmpty == (prefix == .never), "\(converted.notes)")
        #expect(left.encode("ab abc") == right.encode("ab abc"))
    }

    @Test func llama3WithoutABeginningOfTextGetsNoneInGGUF() throws {
        var definition = Self.byteLevel(.llama3, seed: 9)
        definition.addsBeginningOfText = false
        let folder = try Self.write(definition)
        let path = folder.path("tokenizer.json")
        let json = try JSONReader.parse(try bytes(ofFile: path), source: path)
        var tokenizer = try #require(json.object)
        tokenizer["post_processor"] = .null
        _ = try folder.write(JSONWriter().bytes(.object(tokenizer)), as: "tokenizer.json")
        let converted = try Self.convert(folder)
        #expect(!converted.definition.addsBeginningOfText)
        try Self.expectEqual(converted.definition, definition)
    }

    // MARK: - Steps

    private static func expectEqual(
        _ found: TokenizerDefinition, _ expected: TokenizerDefinition
    ) throws {
        let (left, right) = (try Tokenizer(found), try Tokenizer(expected))
        for text in texts {
            #expect(left.encode(text) == right.encode(text), "\(text.debugDescription)")
        }
    }

    private static func convert(
        _ folder: TemporaryFolder
    ) throws -> (definition: TokenizerDefinition, notes: [String]) {
        let config = JSONObject([.init("model_type", .string("llama"))])
        let result = try TokenizerConversion(folder: folder.path, config: config).result()
        let metadata = GGUFMetadata(result.entries)
        return (try TokenizerDefinition(metadata: metadata, file: "m.gguf"), result.notes)
    }

    private static func write(_ definition: TokenizerDefinition) throws -> TemporaryFolder {
        let folder = try TemporaryFolder()
        for file in try definition.huggingFaceFiles(file: "m.gguf") {
            _ = try folder.write(file.bytes, as: file.name)
        }
        return folder
    }
}
