import Testing
import Transformer

@testable import Tuning

/// Which steerings a sweep tries.
@Suite struct SweepGridTests {
    private func vector(_ count: Int, push: Double? = 0.05) -> SearchVector {
        SearchVector(
            file: "v.gguf", site: .residPost, blocks: Array(0..<count),
            interventions: (0..<count).map { Intervention(block: $0, vector: [1]) },
            pushes: push.map { push in
                Dictionary(uniqueKeysWithValues: (0..<count).map { ($0, push) })
            } ?? [:])
    }

    private func specifications(_ grid: SweepGrid) -> [String] {
        grid.points.map { $0.specification(in: grid.vectors) }
    }

    @Test func setsAndStrengthsAreCrossed() throws {
        let grid = try SweepGrid(
            files: [vector(12)], sets: [[3], [1, 4, 5]],
            strengths: [.multiple(2), .push(0.1), .multiple(-0.5), .push(-0.3)])
        #expect(
            specifications(grid) == [
                "v.gguf:2@3", "v.gguf:2@3", "v.gguf:-0.5@3", "v.gguf:-6@3", "v.gguf:2@1,4-5",
                "v.gguf:0.667@1,4-5", "v.gguf:-0.5@1,4-5", "v.gguf:-2@1,4-5",
            ])
        let steered = grid.points[4].interventions(in: grid.vectors)
        #expect(steered.map(\.block) == [1, 4, 5])
        #expect(steered.map(\.strength) == [2, 2, 2])
    }

    @Test func withoutSetsRunsCoverAllBlocks() throws {
        let grid = try SweepGrid(files: [vector(30)], sets: nil, strengths: [.multiple(1)])
        #expect(grid.vectors.count == SweepGrid.usualSets)
        #expect(grid.vectors.flatMap(\.blocks) == Array(0..<30))
        let small = try SweepGrid(files: [vector(3)], sets: nil, strengths: nil)
        #expect(small.vectors.map(\.blocks) == [[0], [1], [2]])
        #expect(
            specifications(small).prefix(4) == [
                "v.gguf:1@0", "v.gguf:2@0", "v.gguf:4@0", "v.gguf:8@0",
            ])
    }

    @Test func pushesNeedNorms() throws {
        let unknown = vector(4, push: nil)
        #expect(throws: SearchError.unknownNorm(file: "v.gguf")) {
            try SweepGrid(files: [unknown], sets: [[1]], strengths: [.push(0.1)])
        }
        let grid = try SweepGrid(files: [unknown], sets: [[1]], strengths: nil)
        #expect(grid.points.map(\.strength.value) == [0.5, 1, 2, 4])
    }

    @Test func impossibleGridsAreRefused() throws {
        #expect(throws: VectorError.missingBlock(file: "v.gguf", block: 9, available: [0, 1])) {
            try SweepGrid(files: [vector(2)], sets: [[1, 9]], strengths: nil)
        }
        let many = (0..<200).map { SweepGrid.Strength.multiple(Double($0 + 1)) }
        #expect(throws: SearchError.manyTrials(sets: 60, strengths: 200, limit: 10_000)) {
            try SweepGrid(
                files: [vector(60)], sets: (0..<60).map { [$0] }, strengths: many)
        }
    }
}
