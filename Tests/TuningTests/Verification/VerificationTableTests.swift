import Formats
import Foundation
import Synchronization
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// What must be told from what, each case with its verdict: the table of docs/verification.md, which `make verification`
/// prints.
@Suite struct VerificationTableTests {
    private let models: VerifiedModels

    init() throws {
        models = try VerifiedModels()
    }

    // MARK: - Numbers that only some texts meet

    @Test func aLostWindow() throws {
        let base = try models.changed(
            "mistral", ["sliding_window": .integer(100), "max_position_embeddings": .integer(256)])
        let lost = try models.write(base, as: "lost.gguf")
        try expect(.notEqual, 1, "a window of 100 lost on the way to GGUF", base, lost)
    }

    @Test func aLostLongRope() throws {
        let base = try models.changed("phi3", [:], as: "base")
        let short: JSONValue = .array([1.0, 1.1, 1.25, 1.5].map { .number($0) })
        let lost = try models.changed(
            "phi3",
            [
                "rope_scaling": .object(
                    JSONObject([
                        .init("long_factor", short), .init("short_factor", short),
                        .init("type", .string("longrope")),
                    ]))
            ], as: "lost")
        try expect(.notEqual, 2, "Phi-3's factors beyond the original context lost", base, lost)
    }

    @Test func aGELUOfTheOtherKind() throws {
        let exact = try models.changed("gpt_neox", ["hidden_act": .string("gelu")], as: "exact")
        let tanh = try models.changed("gpt_neox", ["hidden_act": .string("gelu_new")], as: "tanh")
        try expect(.notEqual, 3, "GPT-NeoX with the other GELU", exact, tanh)
    }

    // MARK: - Strength

    @Test(arguments: Array([ElementType.f32, .bf16, .q8_0, .q4K].enumerated()))
    func aStrengthOffByOnePercent(number: Int, type: ElementType) throws {
        let base = try models.wide()
        let asked = [Intervention(block: 1, vector: models.vector(base), strength: 1.5)]
        for share in [1, 1.01, 0.99] as [Float] {
            var given = asked
            given[0].strength *= share
            let baked = try models.bake(given, into: base, type: type)
            let name =
                share == 1
                ? "a vector baked, stored in \(type.name)"
                : "the same with a strength of \(share) for 1, \(type.name)"
            let result = try expect(
                share == 1 ? .equal : .notEqual, 10 + 3 * number + (share == 1 ? 0 : 1), name, base,
                baked, asked, isRecorded: share >= 1)
            let strength = try #require(result.blocks[1].strengths.first?.measurement)
            #expect(abs(strength.found - Double(share)) < 1e-3)
            #expect(strength.holds == (share == 1))
            #expect(strength.tellsPercent)
        }
    }

    // MARK: - Edits

    @Test func oneDirectionInAllBlocks() throws {
        let base = try models.wide()
        let vector = models.vector(base)
        let steering = (0..<WideModel.blockCount).map { Intervention(block: $0, vector: vector) }
        let baked = try models.bake(steering, into: base, type: .f32)
        try expect(.equal, 30, "one direction in all blocks", base, baked, steering)
    }

    @Test(arguments: [ElementType.f32, .q8_0])
    func aVectorAtTheEmbedding(type: ElementType) throws {
        let base = try models.wide()
        let vector = models.vector(base)
        let steering = [Intervention(site: .embed, block: 0, vector: vector)]
        let rows = try #require(base.tensor(WeightRole(.tokenEmbedding))).values()
        var values = rows.indices.map { rows[$0] + vector[$0 % vector.count] }
        let role = WeightRole(.tokenEmbedding)
        let edited = try models.store(base, as: type, replacing: [role: values])
        let number = type == .f32 ? 31 : 33
        let result = try expect(
            .equal, number, "a vector at `embed`, \(type.name)", base, edited, steering)
        #expect(result.embeddingStrengths.count == 1)
        // Of a token that no text has.
        for index in 0..<vector.count { values[60 * vector.count + index] *= 1.3 }
        let tampered = try models.store(base, as: type, replacing: [role: values])
        let found = try expect(
            .notEqual, number + 1, "the same with one row changed, \(type.name)", base, tampered,
            steering)
        #expect(found.weights.unexplained.first?.rows == [60])
    }

    @Test(arguments: [ElementType.f32, .q8_0])
    func anAblationOfTwoDirections(type: ElementType) throws {
        let base = try models.wide()
        let directions = RemovedSpan(
            of: [models.vector(base), models.vector(base, seed: 3)]
        ).directions
        let steering = directions.flatMap { models.ablations(of: $0) }
        let number = type == .f32 ? 35 : 37
        let ablated = try models.ablate(directions, strength: 1, in: base, type: type)
        let result = try expect(
            .equal, number, "two directions ablated everywhere, \(type.name)", base, ablated,
            steering)
        #expect(result.strengths.count == 2 * WideModel.blockCount + 1)
        let partly = try models.ablate(directions, strength: 0.99, in: base, type: type)
        guard type == .f32 else {
            let found = try models.verify(base, partly, steering)
            #expect(
                found.verdict != .equal || found.strengths.contains { !$0.measurement.tellsPercent }
            )
            return
        }
        try expect(
            .notEqual, number + 1, "the same ablated by 0.99 for 1, \(type.name)", base, partly,
            steering)
        #expect(try models.verify(base, base, steering).verdict == .notEqual)
    }

    // MARK: - Rounding

    @Test(arguments: Array([ElementType.bf16, .q8_0, .q4_1, .q4K].enumerated()))
    func aPlainRequantisation(number: Int, type: ElementType) throws {
        let base = try models.wide()
        let place = 40 + 3 * number
        let stored = try models.store(base, as: type)
        let result = try expect(.equal, place, "rounded to \(type.name)", base, stored)
        #expect(result.weights.roundings.map(\.type) == [type])
        #expect(result.weights.roundings.allSatisfy { $0.exact == $0.tensors })
        #expect(result.cost != nil)
        #expect(result.tolerance.relative < 1e-3)

        let role = WeightRole.block(1, .feedForwardUp)
        var values = try #require(base.tensor(role)).values()
        for index in 0..<WideModel.width { values[17 * WideModel.width + index] *= -1 }
        let tampered = try models.store(base, as: type, replacing: [role: values])
        let found = try expect(
            .notEqual, place + 1, "the same with one row changed, \(type.name)", base, tampered)
        #expect(found.weights.changes.map(\.rows) == [[17]])

        let embedding = WeightRole(.tokenEmbedding)
        values = try #require(base.tensor(embedding)).values()
        let rows = [50, 52, 55, 58, 61]
        let old = values
        for (index, row) in rows.enumerated() {
            let from = rows[(index + 1) % rows.count]
            for column in 0..<WideModel.width {
                values[row * WideModel.width + column] = old[from * WideModel.width + column]
            }
        }
        let permuted = try models.store(base, as: type, replacing: [embedding: values])
        let other = try expect(
            .notEqual, place + 2, "the same with five rows of the embedding permuted, \(type.name)",
            base, permuted)
        #expect(other.weights.changes.map(\.rows) == [rows])
    }

    @Test func rowsThatNoTextReadsAreComparedInOneTypeToo() throws {
        let base = try models.wide()
        let embedding = WeightRole(.tokenEmbedding)
        var values = try #require(base.tensor(embedding)).values()
        values.swapAt(50 * WideModel.width, 50 * WideModel.width + 1)
        let tampered = try models.store(base, as: .f32, replacing: [embedding: values])
        let found = try expect(
            .notEqual, 60, "two values exchanged in a row that no text reads", base, tampered)
        #expect(found.streamsPass && found.logitsPass)
        #expect(found.weights.changes.map(\.rows) == [[50]])
    }

    // MARK: - Table

    @discardableResult
    private func expect(
        _ verdict: Verification.Verdict, _ place: Int, _ name: String, _ base: Checkpoint,
        _ edited: Checkpoint, _ interventions: [Intervention] = [], isRecorded: Bool = true
    ) throws -> Verification {
        let result = try models.verify(base, edited, interventions)
        #expect(result.verdict == verdict, "\(name)")
        if isRecorded { try Self.record(place, name, result) }
        return result
    }

    private static let lock = Mutex(())

    /// A line of the file that RTEDIT_VERIFICATION_TABLE names, if it does.
    private static func record(_ place: Int, _ name: String, _ result: Verification) throws {
        let variable = "RTEDIT_VERIFICATION_TABLE"
        guard let path = ProcessInfo.processInfo.environment[variable] else { return }
        let worst = result.strengths.map(\.measurement).max {
            abs($0.found - 1) < abs($1.found - 1)
        }
        let strength = worst.map {
            String(format: "%.4f ± %.0e", $0.found, $0.resolution)
        }
        let error = result.blocks.map(\.relativeError).max() ?? 0
        let change = result.weights.changes.first { $0.isUnexplained && !$0.rows.isEmpty }
        let rows = change.map { change in
            "\(change.name): " + change.rows.map(String.init).joined(separator: ", ")
        }
        let cost = result.cost.map { String(format: "%.1e", $0.logits.meanDivergence) }
        let cells = [
            name, result.verdict.rawValue.uppercased(), String(format: "%.0e", error),
            strength ?? "–", rows ?? "–", cost ?? "–",
        ]
        let line = "\(place)\t| " + cells.joined(separator: " | ") + " |\n"
        try lock.withLock { _ in
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
            try file.seekToEnd()
            try file.write(contentsOf: Data(line.utf8))
            try file.close()
        }
    }
}
