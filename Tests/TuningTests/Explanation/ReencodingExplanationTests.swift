import Foundation
import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// What was changed in a file that was encoded anew may not pass for its rounding.
@Suite struct ReencodingExplanationTests {
    private let fixture: ExplanationFixture
    private var base: Checkpoint { fixture.base }

    init() throws {
        fixture = try ExplanationFixture()
    }

    static let types: [ElementType] = [.bf16, .q8_0, .q4_1]

    /// All matrices in another type, one of them with changed values.
    private func reencoded(
        _ type: ElementType, changing name: String, _ change: ([Float]) -> [Float]
    ) throws -> Checkpoint {
        let matrices = base.tensors.filter { $0.shape.count == 2 }
        return try fixture.write(
            try matrices.map { tensor in
                try fixture.set(tensor, type: type) { tensor.name == name ? change($0) : $0 }
            })
    }

    private func beyond(_ findings: [Finding]) throws -> BeyondReencoding {
        guard case .beyondReencoding(let beyond)? = findings.first else {
            Issue.record("not beyond re-encoding: \(findings)")
            throw CancellationError()
        }
        guard case .reencoded? = findings.last else {
            Issue.record("not re-encoded beside that")
            throw CancellationError()
        }
        return beyond
    }

    @Test(arguments: types)
    func permutedRowsOfTheEmbeddingLeadTheVerdict(type: ElementType) throws {
        let rows = [5, 77, 300, 301, 900]
        let edited = try reencoded(type, changing: "token_embd.weight") { values in
            var result = values
            for (index, row) in rows.enumerated() {
                let from = rows[(index + 1) % rows.count] * 128
                result[(row * 128)..<((row + 1) * 128)] = values[from..<(from + 128)]
            }
            return result
        }
        let findings = try fixture.findings(edited)
        #expect(findings.count == 2)
        let beyond = try beyond(findings)
        #expect(beyond.parts.map(\.tensor.name) == ["token_embd.weight"])
        let check = try #require(beyond.parts.first?.check)
        #expect(check.outside.first == rows)
        #expect(check.outside.count == 5)
        #expect(check.exactCount == 1019)
        #expect(check.outsideValues > 500)
        #expect(check.worst.map { rows.contains($0.row) } ?? false)
    }

    @Test(arguments: types)
    func oneChangedRowIsNamed(type: ElementType) throws {
        let edited = try reencoded(type, changing: "blk.2.ffn_up.weight") { values in
            var result = values
            for index in (17 * 128)..<(18 * 128) { result[index] *= 1.3 }
            return result
        }
        let beyond = try beyond(try fixture.findings(edited))
        #expect(beyond.parts.map(\.tensor.name) == ["blk.2.ffn_up.weight"])
        #expect(beyond.parts.first?.check.outside.first == [17])
    }

    @Test func aFileMadeFromTheReencodedOneIsJudgedTheSameWay() throws {
        let edited = try reencoded(.q8_0, changing: "blk.2.ffn_up.weight") { values in
            var result = values
            for index in (17 * 128)..<(18 * 128) { result[index] *= -1 }
            return result
        }
        let beyond = try beyond(try fixture.explain(edited, base).findings)
        #expect(beyond.parts.first?.check.outside.first == [17])
        #expect(beyond.parts.first?.check.source == .b)
    }

    @Test func twoTensorsInEachOthersPlaceLeadTheVerdict() throws {
        let names = ["blk.1.ffn_up.weight", "blk.3.ffn_up.weight"]
        let values = try names.map { name in
            try #require(base.tensors.first { $0.name == name }).values()
        }
        let matrices = base.tensors.filter { $0.shape.count == 2 }
        let edited = try fixture.write(
            try matrices.map { tensor in
                try fixture.set(tensor, type: .q8_0) { own in
                    names.firstIndex(of: tensor.name).map { values[1 - $0] } ?? own
                }
            })
        guard case .replaced(let replaced)? = try fixture.findings(edited).first else {
            Issue.record("not replaced")
            return
        }
        #expect(replaced.map(\.name) == names)
    }

    @Test func aNormChangedBesideAReencodingLeadsTheVerdict() throws {
        let norm = try #require(base.tensor(.block(1, .attentionNorm)))
        let edits = try fixture.projections.map { try fixture.set($0, type: .q8_0) { $0 } }
        let edited = try fixture.write(
            edits + [try fixture.set(norm) { $0.enumerated().map { $0 == 7 ? $1 * 1.5 : $1 } }])
        guard case .unclear(let uncertainty)? = try fixture.findings(edited).first else {
            Issue.record("not told")
            return
        }
        #expect(uncertainty.tensors.first?.sums?.changed == 1)
    }

    @Test func aVectorStoredNarrowerIsJudgedValueByValue() throws {
        let norm = try #require(base.tensor(.block(1, .attentionNorm)))
        func stored(_ change: ([Float]) -> [Float]) throws -> [Finding] {
            let edit = try fixture.set(norm, type: .bf16, change)
            return try fixture.findings(try fixture.write([edit]))
        }
        guard case .reencoded? = try stored({ $0 }).first else {
            Issue.record("not re-encoded")
            return
        }
        let beyond = try beyond(try stored { $0.enumerated().map { $0 == 7 ? $1 * 1.1 : $1 } })
        #expect(beyond.parts.first?.check.isVector == true)
        #expect(beyond.parts.first?.check.outside.first == [7])
    }

    // MARK: - Tuned and stored anew

    @Test func aTuningStoredAnewInItsQuantisedTypeIsOneFinding() throws {
        let edits = try fixture.projections.map { try fixture.set($0, type: .q4_1) { $0 } }
        let source = try fixture.write(edits, as: "q4_1.gguf")
        let tuned = source.tensors.filter { tensor in
            tensor.shape.count == 2 && [2, 3].contains(tensor.role?.block)
        }
        for size: Float in [0.001, 0.02] {
            let changes = try tuned.enumerated().map { index, tensor in
                try fixture.noise(tensor, size: size, seed: index)
            }
            let edited = try fixture.write(changes, of: source, as: "tuned.gguf")
            let findings = try fixture.explain(source, edited).findings
            #expect(findings.count == 1, "\(findings)")
            guard case .fineTuned(let tuning)? = findings.first else {
                Issue.record("not tuned: \(findings)")
                return
            }
            #expect(tuning.blocks == [2, 3])
            #expect(tuning.coversBlocks && !tuning.isFull)
            #expect(tuning.quantizedTypes == [.q4_1])
        }
    }

    // MARK: - A bake undone

    @Test func aBakeUndoneIsTheSameModelOrToldInUnitsOfTheLastPlace() throws {
        func bake(_ source: Checkpoint, _ seed: Int, _ strength: Float, as name: String) throws
            -> Checkpoint
        {
            let intervention = Intervention(
                block: 2, vector: fixture.direction(seed: seed), strength: strength)
            return try fixture.write(
                try BiasRoute().edits(baking: [intervention], into: source, format: .gguf),
                of: source, as: name)
        }
        let clean = try bake(try bake(base, 1, 1.7, as: "1.gguf"), 1, -1.7, as: "2.gguf")
        #expect(try fixture.compare(base, clean).isSame)
        // With a bias of its own below, what is added and taken away leaves rounding.
        let biased = try bake(base, 2, 1, as: "3.gguf")
        let undone = try bake(try bake(biased, 1, 1.7, as: "4.gguf"), 1, -1.7, as: "5.gguf")
        guard case .lastPlace(let change)? = try fixture.explain(biased, undone).findings.first
        else {
            Issue.record("not told")
            return
        }
        #expect(change.parts.map(\.tensor.name) == ["blk.2.ffn_down.bias"])
        #expect(change.largest > 0 && change.largest <= 8)
    }
}
