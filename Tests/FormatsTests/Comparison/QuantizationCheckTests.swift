import TestSupport
import Testing

@testable import Formats

/// Whether a quantised file is what quantising another checkpoint gives.
@Suite struct QuantizationCheckTests {
    private let folder: TemporaryFolder
    private let source: Checkpoint

    init() throws {
        folder = try TemporaryFolder()
        try WideModel.write(to: folder.path("wide"))
        source = try Checkpoint.open(folder.path("wide"))
    }

    private func write(
        _ name: String, from source: Checkpoint? = nil, _ policy: TypePolicy,
        _ edits: [CheckpointEdit] = []
    ) throws -> Checkpoint {
        let plan = try OutputPlan(
            source: source ?? self.source, edits: [.types(policy)] + edits, format: .gguf)
        let path = folder.path(name)
        _ = try CheckpointWriter(crew: WorkCrew(threads: 1)).write(plan, to: path, replacing: false)
        return try Checkpoint.open(path)
    }

    private func check(
        _ quantized: Checkpoint, importance: ImportanceMatrix? = nil
    ) throws -> QuantizationCheck? {
        try QuantizationCheck(
            quantized, from: source, importance: importance, crew: WorkCrew(threads: 2))
    }

    @Test(arguments: ["q4_0", "q4_k_m", "q5_k_s", "q6_k", "q3_k_l", "q8_0"])
    func mixesAreToldFromBytes(name: String) throws {
        let policy = try #require(TypePolicy(named: name))
        let found = try #require(try check(write("\(name).gguf", policy)))
        #expect(found.isExact)
        #expect(found.mix?.name == name)
        #expect(found.exceptions.isEmpty && found.declaration == nil)
        #expect(found.tensors.allSatisfy { $0.relation == .exact })
    }

    @Test func aTensorOfAnotherTypeIsNamed() throws {
        var policy = try #require(TypePolicy(named: "q4_k_m"))
        let pattern = try #require(NamePattern("blk.1.attn_q", matching: .anyPart))
        policy.overrides = [.init(pattern, .q8_0)]
        let found = try #require(try check(write("other.gguf", policy)))
        #expect(found.isExact)
        #expect(
            found.exceptions == [
                .init(name: "blk.1.attn_q.weight", type: .q8_0, expected: .q4K)
            ])
    }

    @Test func changedRowsAreCounted() throws {
        let width = WideModel.width
        let values = [Float](repeating: 0.25, count: width * width)
        let edit = CheckpointEdit.set(
            .block(1, .attentionOutput), values: values, form: .canonical, type: .q5K)
        let policy = try #require(TypePolicy(named: "q5_k_s"))
        let found = try #require(try check(write("changed.gguf", policy, [edit])))
        #expect(!found.isExact)
        #expect(found.others.map(\.name) == ["blk.1.attn_output.weight"])
        #expect(found.others.first?.relation == .different(rows: width, of: width))
    }

    /// f32 values that a file in f16 stands between.
    @Test func valuesThroughF16AreRecognised() throws {
        let half = try write("half.gguf", .plain(.f16))
        let policy = try #require(TypePolicy(named: "q4_k_m"))
        let found = try #require(try check(write("through.gguf", from: half, policy)))
        #expect(found.isExact)
        #expect(found.tensors.contains { $0.relation == .exactThroughF16 })
    }

    @Test func importanceIsHeldAgainstTheFile() throws {
        let width = WideModel.width
        let names = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
        var entries: [ExactString: ImportanceMatrix.Entry] = [:]
        for block in 0..<WideModel.blockCount {
            for name in names {
                let sums = (0..<width).map { Float(1 + ($0 * 7 + block) % 50) }
                entries[ExactString("blk.\(block).\(name).weight")] = .init(sums: sums, counts: [4])
            }
        }
        let matrix = ImportanceMatrix(
            path: "matrix.gguf", entries: entries, datasets: ["text.txt"], chunkCount: 1,
            chunkSize: 4)
        var policy = try #require(TypePolicy(named: "q4_k_m"))
        policy.importance = matrix
        let file = try write("weighted.gguf", policy)
        let plain = try #require(try check(file))
        #expect(!plain.isExact)
        #expect(plain.declaration?.file == "matrix.gguf")
        #expect(plain.declaration?.entries == entries.count)
        let weighted = try #require(try check(file, importance: matrix))
        #expect(weighted.isExact)
        #expect(weighted.mix?.name == "q4_k_m")
        #expect(weighted.tensors.count(where: \.isWeighted) == entries.count)
    }

    @Test func whatIsNotQuantisedIsNotChecked() throws {
        #expect(try check(write("plain.gguf", .plain(.bf16))) == nil)
        #expect(try check(source) == nil)
    }
}
