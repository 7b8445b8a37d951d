import Foundation
import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// What `--explain` calls pairs made in known ways; each must be named, and nothing else beside it.
@Suite struct ExplanationTests {
    private let fixture: ExplanationFixture

    init() throws {
        fixture = try ExplanationFixture()
    }

    private var base: Checkpoint { fixture.base }

    /// The only finding.
    private func only(_ b: Checkpoint) throws -> Finding {
        let findings = try fixture.findings(b)
        #expect(findings.count == 1, "\(findings)")
        return try #require(findings.first)
    }

    // MARK: - Types and formats

    @Test func anotherFormatIsTheSameModel() throws {
        guard case .sameModel(let same) = try only(try fixture.write([], as: "hub")) else {
            Issue.record("not the same model")
            return
        }
        #expect(!same.hasEqualBytes)
        #expect(same.retyped.isEmpty)
    }

    @Test func aWiderTypeIsTheSameModel() throws {
        guard case .sameModel(let same) = try only(try fixture.write([.types(.plain(.f32))])) else {
            Issue.record("not the same model")
            return
        }
        #expect(same.retyped.first?.from == .f16)
        #expect(same.retyped.first?.to == .f32)
    }

    @Test(arguments: [ElementType.bf16, .q8_0, .q4_0, .q4_1, .q5_1])
    func anotherTypeIsReencodedAtItsLevel(type: ElementType) throws {
        let edits = try fixture.projections.map { try fixture.set($0, type: type) { $0 } }
        let file = try fixture.write(edits)
        for (a, b) in [(base, file), (file, base)] {
            let findings = try fixture.explain(a, b).findings
            #expect(findings.count == 1, "\(findings)")
            guard case .reencoded(let reencoding)? = findings.first else {
                Issue.record("not re-encoded: \(findings)")
                return
            }
            #expect(reencoding.tensorCount == fixture.projections.count)
            #expect(reencoding.observed <= 1.01 * reencoding.expected)
            #expect(reencoding.observed >= 0.8 * reencoding.expected)
            #expect(Set([reencoding.from.type, reencoding.to.type]) == [.f16, type])
        }
    }

    @Test func valuesOfANarrowerTypeInAWideOneAreSeen() throws {
        let narrow = try fixture.write([.types(.plain(.bf16))], as: "bf16.gguf")
        let wide = try fixture.write([.types(.plain(.f32))], of: narrow, as: "f32.gguf")
        guard case .reencoded(let reencoding) = try only(wide) else {
            Issue.record("not re-encoded")
            return
        }
        #expect(reencoding.to.type == .f32)
        #expect(reencoding.to.grid == .bf16)
        #expect(reencoding.exactShare == 1)
    }

    // MARK: - Biases

    private func bake(_ site: Site, _ vectors: [Int: [Float]]) throws -> [CheckpointEdit] {
        let interventions = vectors.map {
            Intervention(site: site, block: $0.key, vector: $0.value, strength: 1.5)
        }
        return try BiasRoute().edits(baking: interventions, into: base, format: .gguf)
    }

    @Test(arguments: ["baked.gguf", "baked"])
    func aBakeIsNamedAndCanBeUndone(name: String) throws {
        let vectors = [2: fixture.direction(seed: 1), 4: fixture.direction(seed: 2)]
        let baked = try fixture.write(try bake(.residPost, vectors), as: name)
        guard case .baked(let change, let others) = try only(baked) else {
            Issue.record("not a bias bake")
            return
        }
        #expect(others.isEmpty)
        let vector = try #require(change.vectors.first)
        #expect(vector.site == .residPost)
        #expect(vector.blocks == [2, 4])
        for (block, direction) in vectors {
            let found = try #require(vector.directions[block])
            #expect(found == direction.map { $0 * 1.5 })
        }
        let path = fixture.folder.path("vector.gguf")
        try VectorFile.write(vector, to: path, replacing: true)
        let undo = try VectorFile.read(path).interventions(.add, scale: -1, name: path)
        let edits = try BiasRoute().edits(baking: undo, into: baked, format: baked.format)
        let undone = try fixture.write(edits, of: baked, as: "undone-" + name)
        #expect(try fixture.compare(base, undone).isSame)
    }

    @Test func bakesAtBothSitesGiveAVectorForEach() throws {
        let edits =
            try bake(.residPost, [1: fixture.direction(seed: 3)])
            + bake(.residMid, [3: fixture.direction(seed: 4)])
        guard case .baked(let change, _) = try only(try fixture.write(edits)) else {
            Issue.record("not a bias bake")
            return
        }
        #expect(change.vectors.map(\.site) == [.residPost, .residMid])
        #expect(change.vectors.map(\.blocks) == [[1], [3]])
        #expect(change.places.map(\.addedCount) == [1, 1])
    }

    @Test func aBakeIntoAnotherTypeIsBoth() throws {
        let baked = try fixture.write(
            [.types(.plain(.bf16))] + bake(.residPost, [2: fixture.direction(seed: 5)]))
        let findings = try fixture.findings(baked)
        #expect(findings.contains { if case .baked = $0 { true } else { false } })
        #expect(findings.contains { if case .reencoded = $0 { true } else { false } })
        #expect(findings.count == 2)
    }

    // MARK: - Low rank

    private func adapted(_ type: ElementType?) throws -> [CheckpointEdit] {
        try fixture.projections.filter {
            guard case .block(_, let slot)? = $0.role?.slot else { return false }
            return slot == .attentionQuery || slot == .attentionValue
        }.enumerated().map { index, tensor in
            .add(try fixture.update(tensor, rank: 4, seed: index), type: type)
        }
    }

    @Test(arguments: [nil, ElementType.f32, .bf16, .q8_0, .q4_0])
    func aMergedAdapterIsFoundThroughRounding(type: ElementType?) throws {
        let findings = try fixture.findings(try fixture.write(try adapted(type)))
        let updates = findings.compactMap { finding -> LowRankChange? in
            if case .lowRank(let change) = finding { change } else { nil }
        }
        let update = try #require(updates.first, "\(findings)")
        #expect(update.parts.count == 12)
        // The rounding of q4_0 is as large as the update: the smallest of its directions may drown.
        let ranks = type == .q4_0 ? 2...4 : 4...4
        #expect(update.parts.allSatisfy { ranks.contains($0.rank) }, "\(update.parts.map(\.rank))")
        let others = findings.count { if case .reencoded = $0 { false } else { true } }
        #expect(others == 1, "\(findings)")
    }

    @Test func anExtractedAdapterGivesTheEditedModelBack() throws {
        let edited = try fixture.write(try adapted(.f32))
        let comparison = try fixture.compare(base, edited)
        let extraction = try AdapterExtraction(comparison, rank: 4, crew: fixture.crew)
        #expect(extraction.leftOut.isEmpty)
        #expect(extraction.remainders.allSatisfy { $0.error < 1e-3 })
        for name in ["adapter", "adapter.gguf"] {
            let path = fixture.folder.path(name)
            try extraction.adapter.write(to: path, for: base, baseName: nil, replacing: true)
            let edits = try Adapter.read(path, for: base).edits(type: .f32)
            let again = try fixture.write(edits, as: "again.gguf")
            for tensor in try fixture.compare(edited, again).changed {
                #expect(try #require(tensor.sums).normalized < 1e-4, "\(tensor.name)")
            }
        }
    }

    @Test func anAdapterNeedsAChangedMatrix() throws {
        let same = try fixture.compare(base, base)
        #expect(throws: AdapterExtraction.Problem.self) {
            try AdapterExtraction(same, rank: 4, crew: fixture.crew)
        }
    }

    // MARK: - Ablation

    private var writers: [WeightTensor] {
        base.tensors.filter { tensor in
            tensor.role.map { AblationFit.writesByColumns($0) != nil } ?? false
        }
    }

    @Test(arguments: [Float(1), 0.5])
    func aRemovedDirectionIsFound(strength: Float) throws {
        let direction = fixture.direction(seed: 6)
        let edits = try writers.map {
            try fixture.ablate($0, direction, strength: strength)
        }
        guard case .ablation(let ablation) = try only(try fixture.write(edits)) else {
            Issue.record("not an ablation")
            return
        }
        #expect(ablation.isOneDirection)
        #expect(ablation.includesEmbedding)
        #expect(ablation.blocks == Array(0..<6))
        #expect(abs(ablation.strengths.lowerBound - Double(strength)) < 0.02)
        #expect(abs(ablation.strengths.upperBound - Double(strength)) < 0.02)
        let found = try #require(ablation.vector.directions[3])
        #expect(absoluteCosine(found, direction) > 0.999)
    }

    @Test func aDirectionOfItsOwnInEachBlockIsTold() throws {
        let blocks = writers.filter { ($0.role?.block ?? 0) > 2 }
        let edits = try blocks.map {
            try fixture.ablate($0, fixture.direction(seed: 10 + ($0.role?.block ?? 0)))
        }
        guard case .ablation(let ablation) = try only(try fixture.write(edits)) else {
            Issue.record("not an ablation")
            return
        }
        #expect(!ablation.isOneDirection)
        #expect(!ablation.includesEmbedding)
        #expect(ablation.blocks == [3, 4, 5])
        #expect(ablation.agreement > 0.99)
        let found = try #require(ablation.vector.directions[4])
        #expect(absoluteCosine(found, fixture.direction(seed: 14)) > 0.999)
    }

    // MARK: - Training and replacement

    @Test func aChangeOfAllWeightsIsAFullFineTune() throws {
        let matrices = base.tensors.filter { $0.shape.count == 2 }
        let edits = try matrices.enumerated().map {
            try fixture.noise($1, size: 0.02, seed: $0)
        }
        guard case .fineTuned(let tuning) = try only(try fixture.write(edits)) else {
            Issue.record("not a fine-tune")
            return
        }
        #expect(tuning.isFull)
        #expect(tuning.looksLikeNoise)
        #expect(abs(tuning.medianChange - 0.02) < 0.002)
    }

    @Test func aChangeOfSomeBlocksIsAFineTuneOfThem() throws {
        let blocks = fixture.projections.filter { (2...3).contains($0.role?.block ?? 0) }
        let edits = try blocks.enumerated().map { try fixture.noise($1, size: 0.05, seed: $0) }
        guard case .fineTuned(let tuning) = try only(try fixture.write(edits)) else {
            Issue.record("not a fine-tune")
            return
        }
        #expect(!tuning.isFull)
        #expect(tuning.blocks == [2, 3])
    }

    @Test func aFewForeignTensorsAreReplaced() throws {
        let edits = try [3, 17].map { index in
            try fixture.set(fixture.projections[index]) {
                fixture.random($0.count, seed: index, deviation: 0.05)
            }
        }
        guard case .replaced(let tensors) = try only(try fixture.write(edits)) else {
            Issue.record("not replaced")
            return
        }
        #expect(tensors.map(\.name) == [3, 17].map { fixture.projections[$0].name })
    }

    @Test func singleRowsAndScalingsAreToldApart() throws {
        let embedding = try #require(base.tensor(WeightRole(.tokenEmbedding)))
        let rows = try fixture.set(embedding) { values in
            values.enumerated().map { $0 / 128 == 7 || $0 / 128 == 900 ? $1 * 3 + 0.1 : $1 }
        }
        let scaled = try fixture.set(fixture.projections[5], type: .f32) { $0.map { $0 * 1.25 } }
        let findings = try fixture.findings(try fixture.write([rows, scaled]))
        #expect(findings.count == 2)
        for finding in findings {
            switch finding {
            case .editedRows(let edits): #expect(edits.map(\.changedRows) == [2])
            case .scaled(let scaled): #expect(abs(scaled[0].factor - 1.25) < 1e-6)
            default: Issue.record("unexpected: \(finding)")
            }
        }
    }

    // MARK: - Other models

    @Test func weightsOfNothingInCommonAreADifferentModel() throws {
        let edits = try base.tensors.filter { $0.shape.count == 2 }.enumerated().map {
            index, tensor in
            try fixture.set(tensor) { fixture.random($0.count, seed: index, deviation: 0.05) }
        }
        guard case .differentModel(let different) = try only(try fixture.write(edits)) else {
            Issue.record("not a different model")
            return
        }
        #expect(abs(try #require(different.medianCosine)) < 0.1)
    }

    @Test func anotherFamilyIsADifferentModel() throws {
        let other = Samples.path("../Tests/TransformerTests/Fixtures/Families/qwen2")
        guard case .differentModel(let different) = try only(try Checkpoint.open(other)) else {
            Issue.record("not a different model")
            return
        }
        #expect(different.numbers.contains { $0.name == "architecture" })
        #expect(different.unmatched.count > 0)
    }

    // MARK: - Embeddings, tokenizers

    /// The folder with an embedding of more rows.
    private func resized(by rows: Int) throws -> (Checkpoint, Checkpoint) {
        let hub = try fixture.write([], as: "hub")
        let path = fixture.folder.path("resized")
        try FileManager.default.copyItem(atPath: hub.path, toPath: path)
        var members: [String] = []
        var data: [UInt8] = []
        for tensor in hub.tensors {
            var bytes = tensor.bytes.withUnsafeBytes { Array($0) }
            var shape = tensor.shape
            if tensor.role == WeightRole(.tokenEmbedding) {
                bytes += Array(bytes.suffix(rows * 256))
                shape[0] += rows
            }
            members.append(
                "\"\(tensor.name)\":{\"dtype\":\"\(tensor.type.safetensorsName ?? "")\","
                    + "\"shape\":\(shape),\"data_offsets\":[\(data.count),\(data.count + bytes.count)]}"
            )
            data += bytes
        }
        let header = "{" + members.joined(separator: ",") + "}"
        try Data(safetensorsFile(header) + data).write(
            to: URL(fileURLWithPath: path + "/model.safetensors"))
        let file = path + "/config.json"
        var config = try #require(JSONReader.parse(try MappedFile(path: file).bytes).object)
        config["vocab_size"] = .integer(1024 + rows)
        try Data(JSONWriter().bytes(.object(config))).write(to: URL(fileURLWithPath: file))
        return (hub, try Checkpoint.open(path))
    }

    @Test func anEmbeddingWithMoreRowsIsResized() throws {
        let (hub, longer) = try resized(by: 16)
        let findings = try fixture.explain(hub, longer).findings
        guard case .resizedEmbedding(let resized)? = findings.first else {
            Issue.record("not resized: \(findings)")
            return
        }
        #expect(resized.rowsInA == 1024)
        #expect(resized.rowsInB == 1040)
        #expect(resized.changedShare == 0)
        let others = findings.dropFirst().count { if case .tokenizer = $0 { false } else { true } }
        #expect(others == 0, "\(findings)")
    }

    @Test func anotherTemplateAloneIsTheTokenizers() throws {
        let edited = try fixture.write([
            .setMetadata(key: "tokenizer.chat_template", .string(ByteString("{{ x }}")))
        ])
        guard case .tokenizer = try only(edited) else {
            Issue.record("not the tokenizer")
            return
        }
    }

    // MARK: - Unclear

    @Test func noiseOnAFewMatricesIsUnclear() throws {
        let edits = try [1, 12, 30].map { index in
            try fixture.noise(fixture.projections[index], size: 0.05, seed: index)
        }
        guard case .unclear(let uncertainty) = try only(try fixture.write(edits)),
            case .scattered(let change) = uncertainty.reason
        else {
            Issue.record("not unclear")
            return
        }
        #expect(uncertainty.tensors.count == 3)
        #expect(abs(change - 0.05) < 0.005)
    }

    @Test func aChangeLittleAboveTheTypesRoundingIsUnclear() throws {
        // Twice the rounding of q4_0, of no rank: a coarser quantiser or a change.
        let edits = try fixture.projections.enumerated().map {
            try fixture.noise($1, size: 0.16, seed: $0, type: .q4_0)
        }
        guard case .unclear(let uncertainty) = try only(try fixture.write(edits)),
            case .nearRounding(let ratio) = uncertainty.reason
        else {
            Issue.record("not unclear")
            return
        }
        #expect(ratio > 1.4 && ratio < 3)
    }

    @Test func aSingleNormIsUnclear() throws {
        let norm = try #require(base.tensor(.block(1, .attentionNorm)))
        let edited = try fixture.write([try fixture.set(norm) { $0.map { $0 + 0.1 } }])
        guard case .unclear(let uncertainty) = try only(edited),
            case .vectors = uncertainty.reason
        else {
            Issue.record("not unclear")
            return
        }
    }

    @Test func theExplanationDoesNotDependOnTheNumberOfThreads() throws {
        let edited = try fixture.write(try adapted(.q8_0))
        let results = try [1, 4].map { threads in
            try fixture.explain(base, edited, threads: threads).changes.map { $0.spectrum?.values }
        }
        #expect(results[0] == results[1])
    }
}
