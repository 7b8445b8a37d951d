import TestSupport
import Testing

@testable import Formats

/// Tensors of which one checkpoint has more rows or columns.
@Suite struct TensorGrowthTests {
    private let folder: TemporaryFolder
    private let source: Checkpoint
    private let numbers: Hyperparameters
    private let crew = WorkCrew(threads: 2)

    init() throws {
        folder = try TemporaryFolder()
        source = try Checkpoint.open(Families.folder("qwen3"))
        numbers = try source.hyperparameters()
    }

    /// The source with eight more neurons in every block.
    private func widened(
        _ more: [CheckpointEdit] = [], as name: String = "widened.gguf"
    ) throws -> Checkpoint {
        var wide = numbers
        wide.feedForwardSize += 8
        var edits = [CheckpointEdit.model(try source.requireArchitecture(), wide)]
        for block in 0..<numbers.blockCount {
            for slot in [BlockSlot.feedForwardGate, .feedForwardUp] {
                edits.append(
                    .set(
                        .block(block, slot), .above(.present, .zeros([8, numbers.hiddenSize])),
                        type: nil))
            }
            edits.append(
                .set(
                    .block(block, .feedForwardDown),
                    .beside(.present, .zeros([numbers.hiddenSize, 8])), type: nil))
        }
        return try folder.write(source, edits + more, as: name)
    }

    private func growth(
        of slot: BlockSlot, in edited: Checkpoint
    ) throws -> TensorGrowth {
        let comparison = try CheckpointComparison(source, edited, crew: crew)
        let found = comparison.tensors.first { $0.role == .block(1, slot) }
        return try #require(found?.growth)
    }

    @Test(arguments: ["widened.gguf", "widened"])
    func moreRowsAndColumnsAreCounted(_ name: String) throws {
        let edited = try widened(as: name)
        let up = try growth(of: .feedForwardUp, in: edited)
        #expect(up.rows == 8 && up.columns == 0 && up.keepsFirst)
        #expect("\(up)" == "8 rows more")
        let down = try growth(of: .feedForwardDown, in: edited)
        #expect(down.rows == 0 && down.columns == 8 && down.keepsFirst)
        var rows = 0
        try down.eachAddedColumns { columns in
            rows += 1
            #expect(columns.count == 8 && columns.allSatisfy { $0 == 0 })
        }
        #expect(rows == numbers.hiddenSize)
    }

    @Test(arguments: [BlockSlot.feedForwardUp, .feedForwardDown])
    func aTensorThatAlsoChangedDoesNotKeepTheFirst(_ slot: BlockSlot) throws {
        let role = WeightRole.block(1, slot)
        let tensor = try #require(source.tensor(role))
        let edit = CheckpointEdit.set(
            role, .values(try tensor.values().map { $0 + 1 }, .canonical), type: nil)
        let changed = try folder.write(source, [edit], as: "changed")
        let wide = try widened()
        let comparison = try CheckpointComparison(changed, wide, crew: crew)
        let found = try #require(comparison.tensors.first { $0.role == role }?.growth)
        #expect(!found.keepsFirst)
    }

    @Test func equalShapesAndSmallerOnesHaveNone() throws {
        let wide = try widened()
        let back = try CheckpointComparison(wide, source, crew: crew)
        #expect(back.tensors.allSatisfy { $0.growth == nil })
        #expect(back.tensors.contains { $0.status == .otherShape })
        let same = try CheckpointComparison(source, source, crew: crew)
        #expect(same.tensors.allSatisfy { $0.growth == nil })
    }

    /// A family keeps its own spelling where only numbers change: this configuration has its rope's base in
    /// `rope_parameters`.
    @Test func theConfigurationOfALargerModelKeepsItsSpelling() throws {
        let edited = try widened(as: "widened")
        #expect(try edited.hyperparameters().rope == numbers.rope)
        guard case .huggingFace(let files) = edited.source else { return }
        #expect(files.config?["rope_parameters"] != nil && files.config?["rope_theta"] == nil)
    }
}
