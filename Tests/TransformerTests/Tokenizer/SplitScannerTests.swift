import Formats
import Testing

@testable import Transformer

/// The scanners against the published expressions, run by Swift's own `Regex`.
@Suite struct SplitScannerTests {
    private let gpt2 =
        #/'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/#
        .matchingSemantics(.unicodeScalar)
    private let llama3 =
        #/(?:'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/#
        .matchingSemantics(.unicodeScalar)
    private let qwen2 =
        #/(?:'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/#
        .matchingSemantics(.unicodeScalar)
    private let seedCoder =
        #/(?:'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+/#
        .matchingSemantics(.unicodeScalar)

    private let qwen35 =
        #/(?:'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+/#
        .matchingSemantics(.unicodeScalar)

    private let tekken =
        #/[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n\/]*|\s*[\r\n]+|\s+(?!\S)|\s+/#
        .matchingSemantics(.unicodeScalar)
    private let gpt4o =
        #/[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?:'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?:'[sSſ]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n\/]*|\s*[\r\n]+|\s+(?!\S)|\s+/#
        .matchingSemantics(.unicodeScalar)

    @Test(arguments: PreTokenizerRule.SplitRule.allCases)
    func piecesEqualTheExpressions(rule: PreTokenizerRule.SplitRule) throws {
        var texts = try TokenizerFixtures.strings()
        var generator = SeededGenerator(state: 7)
        for _ in 0..<1500 { texts.append(Self.randomText(&generator)) }
        for text in texts {
            #expect(
                Self.scanned(text, rule) == matched(text, rule),
                "\(text.debugDescription)")
        }
    }

    @Test(arguments: PreTokenizerRule.SplitRule.allCases)
    func piecesCoverAnyBytes(rule: PreTokenizerRule.SplitRule) {
        // Not UTF-8 at all: nothing is decoded wrongly enough to read outside or to stand still.
        var generator = SeededGenerator(state: 11)
        let scanner = SplitScanner(rule: rule)
        for _ in 0..<300 {
            let bytes = (0..<20).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            var position = 0
            while position < bytes.count {
                let end = scanner.pieceEnd(in: bytes, from: position, to: bytes.count)
                #expect(end > position && end <= bytes.count)
                guard end > position else { break }
                position = end
            }
        }
    }

    private static func scanned(
        _ text: String, _ rule: PreTokenizerRule.SplitRule
    ) -> [String] {
        let bytes = Array(text.utf8)
        let scanner = SplitScanner(rule: rule)
        var pieces: [String] = []
        var position = 0
        while position < bytes.count {
            let end = scanner.pieceEnd(in: bytes, from: position, to: bytes.count)
            pieces.append(String(decoding: bytes[position..<end], as: UTF8.self))
            position = end
        }
        return pieces
    }

    private func matched(
        _ text: String, _ rule: PreTokenizerRule.SplitRule
    ) -> [String] {
        switch rule {
        case .gpt2: text.matches(of: gpt2).map { String($0.output) }
        case .llama3: text.matches(of: llama3).map { String($0.output) }
        case .tekken: text.matches(of: tekken).map { String($0.output) }
        case .gpt4o: text.matches(of: gpt4o).map { String($0.output) }
        case .qwen2: text.matches(of: qwen2).map { String($0.output) }
        case .qwen35: text.matches(of: qwen35).map { String($0.output) }
        case .seedCoder: text.matches(of: seedCoder).map { String($0.output) }
        case .smolLM:
            Self.stretches(text).flatMap { $0.matches(of: gpt2).map { String($0.output) } }
        }
    }

    /// Numbers one by one, and what lies between.
    private static func stretches(_ text: String) -> [String] {
        var stretches: [String] = []
        var current = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            if String(scalar).contains(/\p{N}/) {
                if !current.isEmpty { stretches.append(String(current)) }
                current = String.UnicodeScalarView()
                stretches.append(String(scalar))
            } else {
                current.append(scalar)
            }
        }
        if !current.isEmpty { stretches.append(String(current)) }
        return stretches
    }

    private static let scalars = Array(
        "abzSTRELVMDſʰǅ'''  \n\n\r\t019٣५½Ⅷ三.,;!-_<>/|éßñдшשم你好あア가\u{301}\u{308}\u{200D}\u{FE0F}🙂👍🏽\u{A0}\u{2003}\u{2028}\u{3000}\u{85}\u{0}\u{1B}\u{B}\u{C}\u{1C}𝟘𝔘𐍈\u{E000}\u{10FFFF}\u{200B}\u{FEFF}"
            .unicodeScalars)

    private static func randomText(_ generator: inout SeededGenerator) -> String {
        var text = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 1...24, using: &generator) {
            let scalar = scalars.randomElement(using: &generator) ?? " "
            for _ in 0..<Int.random(in: 1...3, using: &generator) { text.append(scalar) }
        }
        return String(text)
    }
}

/// SplitMix64: the same texts in every run.
struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}
