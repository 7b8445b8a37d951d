import TestSupport
import Testing

@testable import Tuning

@Suite struct StratumTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func write(_ members: String...) throws -> String {
        try folder.write(Array(members.joined(separator: "\n").utf8), as: "lines.jsonl")
    }

    private static let probe = #""prompt": "a", "choices": ["b", "c"], "correct": 0"#
    private static let pair =
        #""positive": {"system": "s", "user": "u"}, "negative": {"system": "t", "user": "u"}"#

    @Test func probesHaveTopicsAndCouples() throws {
        let path = try write(
            "{\(Self.probe), \"category\": \"sea\", \"couple\": \"x\"}", "{\(Self.probe)}",
            "{\(Self.probe), \"category\": null}")
        let expected = [
            Stratum(topic: "sea", couple: "x"), Stratum(topic: nil, couple: nil),
            Stratum(topic: nil, couple: nil),
        ]
        #expect(try Probe.read(path).map(\.stratum) == expected)
    }

    @Test func pairsHaveThemTooOrTheirSystemTexts() throws {
        let path = try write(
            "{\(Self.pair), \"category\": \"sea\", \"couple\": \"x\"}", "{\(Self.pair)}",
            #"{"positive": "a", "negative": "b"}"#)
        let expected = [
            Stratum(topic: "sea", couple: "x"), Stratum(topic: nil, couple: "s\nt"),
            Stratum(topic: nil, couple: nil),
        ]
        #expect(try ContrastPair.read(path).map(\.stratum) == expected)
    }

    @Test(arguments: ["category", "couple"], ["7", "[\"a\"]", "{}", "true"])
    func labelsThatAreNoTextAreNamed(_ key: String, _ value: String) throws {
        let probes = try write("{\(Self.probe)}", "{\(Self.probe), \"\(key)\": \(value)}")
        #expect(throws: PromptError.badMember(place: "\(probes):2", key: key)) {
            try Probe.read(probes)
        }
        let pairs = try write("{\(Self.pair)}", "{\(Self.pair), \"\(key)\": \(value)}")
        #expect(throws: PromptError.badMember(place: "\(pairs):2", key: key)) {
            try ContrastPair.read(pairs)
        }
        let check = try PairCheck(pairs)
        #expect(check.findings.contains { $0.kind == .unreadable && $0.lines == [2] })
    }

    @Test func pairsWithoutALabelThatOthersHaveAreTold() throws {
        let path = try write(
            "{\(Self.pair), \"category\": \"sea\"}", "{\(Self.pair)}",
            "{\(Self.pair), \"category\": \"land\"}")
        let told = try PairCheck(path).findings.filter { $0.kind == .unlabelled }
        #expect(told.map(\.lines) == [[2]])
        #expect(told.allSatisfy { !$0.isFault && $0.text.contains("'category'") })
    }
}
