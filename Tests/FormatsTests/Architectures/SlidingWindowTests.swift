import TestSupport
import Testing

@testable import Formats

@Suite struct SlidingWindowTests {
    /// The window of Gemma 3 by the metadata of its fixture and one entry more.
    private func window(_ pattern: GGUFValue?) throws -> SlidingWindow? {
        let source = try Checkpoint.open(Families.folder("gemma3"))
        let plan = try OutputPlan(source: source, edits: [], format: .gguf)
        guard case .gguf(var metadata) = plan.container else { return nil }
        metadata["gemma3.attention.sliding_window_pattern"] = pattern
        return try Hyperparameters(
            metadata: metadata, architecture: .gemma3, file: "m.gguf",
            tensors: .init(vocabularySize: 8, tiesEmbeddings: true)
        ).window
    }

    @Test func aFileMaySayWhichBlocksSeeAllPositions() throws {
        #expect(try window(nil)?.globalEvery == 6)
        #expect(try window(.u32(3))?.globalEvery == 3)
        #expect(try window(.u32(0))?.globalEvery == 0)
        #expect(try window(.u32(1)) == nil)
        let everyOther = [true, false, true, false, true, false]
        #expect(try window(.array(.bool(everyOther)))?.globalEvery == 2)
        #expect(try window(.array(.bool([Bool](repeating: false, count: 6)))) == nil)
    }

    @Test func patternsThatDoNotFitAreRefused() {
        #expect(throws: CheckpointError.self) { try window(.array(.bool([true]))) }
        #expect(throws: CheckpointError.self) { try window(.string(ByteString("6"))) }
        let irregular = [true, true, false, false, true, true]
        #expect(throws: CheckpointError.self) { try window(.array(.bool(irregular))) }
    }
}
