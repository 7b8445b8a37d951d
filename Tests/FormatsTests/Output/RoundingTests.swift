import Foundation
import TestSupport
import Testing

@testable import Formats

/// What an output loses by its types is measured while it is written, and an output of no use is refused.
@Suite struct RoundingTests {
    private let folder: TemporaryFolder
    private let role = WeightRole.block(1, .feedForwardDown)

    init() throws {
        folder = try TemporaryFolder()
    }

    private func plan(_ source: String, _ edits: [CheckpointEdit], _ name: String) throws
        -> OutputPlan
    {
        try OutputPlan(
            source: try Checkpoint.open(source), edits: edits,
            format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
    }

    private func write(
        _ source: String, _ edits: [CheckpointEdit], as name: String, threads: Int = 2,
        allowsInfinities: Bool = false
    ) throws -> RoundingReport {
        try CheckpointWriter(
            crew: WorkCrew(threads: threads), allowsInfinities: allowsInfinities
        ).write(plan(source, edits, name), to: folder.path(name), replacing: true).rounding
    }

    private func values(_ name: String) throws -> [Float] {
        try #require(Checkpoint.open(folder.path(name)).tensor(role)).values()
    }

    private func shape(_ source: String = Samples.tinyModel) throws -> [Int] {
        try #require(Checkpoint.open(source).tensor(role)).canonicalShape
    }

    private func random(_ count: Int, _ size: Float, seed: UInt64) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<count).map { _ in Float.random(in: -size...size, using: &generator) }
    }

    /// An update of about `size` times its factors' product, of rank 2.
    private func update(_ size: Float) throws -> LowRankUpdate {
        let shape = try shape()
        return LowRankUpdate(
            role: role, rank: 2, a: random(2 * shape[1], 1, seed: 4),
            b: random(2 * shape[0], 1, seed: 5), rows: .same, scale: size)
    }

    private func product(_ update: LowRankUpdate) -> [Float] {
        (0..<update.outputs).flatMap { row in
            (0..<update.inputs).map { column in
                update.scale
                    * (update.b[2 * row] * update.a[column]
                        + update.b[2 * row + 1] * update.a[update.inputs + column])
            }
        }
    }

    /// The component of the stored change along the update.
    private func kept(_ update: [Float], from former: [Float], to stored: [Float]) -> Double {
        var (products, squares) = (0.0, 0.0)
        for (index, wanted) in update.enumerated() {
            products += Double(wanted) * (Double(stored[index]) - Double(former[index]))
            squares += Double(wanted) * Double(wanted)
        }
        return products / squares
    }

    /// The small checkpoint with one weight in q4_0.
    private func quantised() throws -> String {
        let shape = try shape()
        let edit = CheckpointEdit.set(
            role, values: random(shape[0] * shape[1], 0.1, seed: 3), form: .canonical, type: .q4_0)
        _ = try write(Samples.tinyModel, [edit], as: "q.gguf")
        return folder.path("q.gguf")
    }

    // MARK: - Updates

    @Test func anUpdateBelowHalfAStepIsLostAndTheReportSaysHowMuch() throws {
        let base = try quantised()
        let update = try update(0.0005)
        let report = try write(base, [.add(update, type: nil)], as: "merged.gguf")
        let share = kept(product(update), from: try values("q.gguf"), to: try values("merged.gguf"))
        #expect(share < 0.5)
        #expect(abs(try #require(report.keptShare) - share) < 1e-6)
        #expect(report.losing.map(\.name) == ["blk.1.ffn_down.weight"])
        #expect(report.tensors.count == 1)
    }

    @Test func theTypeNamedAsKeepingTheUpdateKeepsIt() throws {
        let base = try quantised()
        let update = try update(0.0005)
        let plan = try plan(base, [.add(update, type: nil)], "merged.gguf")
        let remedy = try #require(plan.typeKeepingUpdates(of: ["blk.1.ffn_down.weight"]))
        let report = try write(base, [.add(update, type: remedy.type)], as: "kept.gguf")
        #expect(try #require(report.keptShare) > 0.85)
        #expect(abs(try #require(report.keptShare) - remedy.share) < 0.1)
        // A folder cannot hold quantised types.
        _ = try write(base, [.types(.plain(.bf16))], as: "hub")
        let folder = try self.plan(folder.path("hub"), [.add(update, type: nil)], "out")
        let other = try #require(
            folder.typeKeepingUpdates(of: ["model.layers.1.mlp.down_proj.weight"]))
        #expect(other.type == .f16)
    }

    @Test func anUpdateOfUsualSizeIsKept() throws {
        let report = try write(
            Samples.tinyModel, [.add(try update(0.01), type: nil)], as: "m.gguf")
        #expect(abs(try #require(report.keptShare) - 1) < 0.01)
        #expect(report.losing.isEmpty)
    }

    @Test func tunedValuesAreMeasuredAgainstThoseTheyReplace() throws {
        let base = try quantised()
        let former = try values("q.gguf")
        let change = random(former.count, 0.0005, seed: 8)
        let tuned = zip(former, change).map(+)
        let report = try write(
            base, [.set(role, values: tuned, form: .canonical, type: .q4_0)], as: "t.gguf")
        let wanted = zip(tuned, former).map(-)
        let share = kept(wanted, from: former, to: try values("t.gguf"))
        #expect(abs(try #require(report.keptShare) - share) < 1e-6)
        #expect(share < 0.5)
    }

    @Test func aTransposedWeightIsMeasuredInItsPlace() throws {
        let source = Families.folder("gpt2")
        let role = WeightRole.block(0, .feedForwardUp)
        let tensor = try #require(try Checkpoint.open(source).tensor(role))
        let (height, width) = (tensor.canonicalShape[0], tensor.canonicalShape[1])
        let stored = try tensor.values()
        // Canonical values are the transpose of the file's.
        let tuned = (0..<height).flatMap { row in
            (0..<width).map { stored[$0 * height + row] + 0.25 }
        }
        let report = try write(
            source, [.set(role, values: tuned, form: .canonical, type: .f16)], as: "gpt2")
        #expect(abs(try #require(report.keptShare) - 1) < 1e-3)
    }

    @Test func anUpdateOfZerosIsTold() throws {
        let report = try write(Samples.tinyModel, [.add(try update(0), type: nil)], as: "z.gguf")
        #expect(report.isUpdateZero)
        #expect(report.keptShare == nil)
    }

    // MARK: - Rounding

    @Test func theSizeOfRoundingIsThatOfTheStoredValues() throws {
        let report = try write(Samples.tinyModel, [.types(.plain(.bf16))], as: "b.gguf")
        let found = try #require(report.rounded.first { $0.name == "blk.1.ffn_down.weight" })
        let before = try #require(Checkpoint.open(Samples.tinyModel).tensor(role)).values()
        let after = try values("b.gguf")
        var (errors, squares) = (0.0, 0.0)
        for (left, right) in zip(before, after) {
            errors += Double(left - right) * Double(left - right)
            squares += Double(left) * Double(left)
        }
        #expect(abs(found.sums.relativeError - (errors / squares).squareRoot()) < 1e-9)
        let most = try #require(report.byError.first)
        #expect(most.sums.relativeError >= found.sums.relativeError)
        // Whatever the number of threads.
        let alone = try write(Samples.tinyModel, [.types(.plain(.bf16))], as: "b.gguf", threads: 1)
        #expect(alone.tensors.map(\.sums) == report.tensors.map(\.sums))
    }

    @Test func outputsWithoutLossHaveNothingToTell() throws {
        for (edits, name) in [([], "k.gguf"), ([.types(.plain(.f32))], "w.gguf"), ([], "hub")]
            as [([CheckpointEdit], String)]
        {
            let report = try write(Samples.tinyModel, edits, as: name)
            #expect(report.rounded.isEmpty)
            #expect(report.keptShare == nil)
            #expect(report.overflows.isEmpty && report.notFinite.isEmpty)
        }
    }

    // MARK: - Values that a type does not hold

    /// The small checkpoint with one large value in a matrix of f32.
    private func large(_ value: Float) throws -> String {
        let shape = try shape()
        var values = random(shape[0] * shape[1], 0.1, seed: 6)
        values[77] = value
        _ = try write(
            Samples.tinyModel, [.set(role, values: values, form: .canonical, type: .f32)],
            as: "l.gguf")
        return folder.path("l.gguf")
    }

    @Test func aValueBeyondTheTypeIsRefusedByNameAndLeavesNothing() throws {
        let source = try large(-1e5)
        let elements = try shape().reduce(1, *)
        for threads in [1, 3] {
            for name in ["out.gguf", "out"] {
                let tensor =
                    name == "out" ? "model.layers.1.mlp.down_proj.weight" : "blk.1.ffn_down.weight"
                #expect(
                    throws: CheckpointError.becomesInfinite(
                        tensor: tensor, type: .f16, count: 1, of: elements, largest: 1e5)
                ) { try write(source, [.types(.plain(.f16))], as: name, threads: threads) }
                #expect(try folder.names() == ["l.gguf"])
            }
        }
        let plan = try plan(source, [.types(.plain(.f16))], "o.gguf")
        #expect(throws: CheckpointError.self) {
            try PatchWriter(crew: WorkCrew(threads: 2)).write(
                plan, path: folder.path("p.rtdelta"), replacing: false)
        }
        #expect(try folder.names() == ["l.gguf"])
    }

    @Test func aValueBeyondTheTypeIsCountedWhereItIsAllowed() throws {
        let report = try write(
            try large(1e5), [.types(.plain(.f16))], as: "o.gguf", allowsInfinities: true)
        #expect(report.overflows.map(\.name) == ["blk.1.ffn_down.weight"])
        #expect(report.overflows.first?.sums.largestOverflow == 1e5)
        #expect(try values("o.gguf")[77] == .infinity)
        // From there on it is the source's.
        let later = try write(folder.path("o.gguf"), [.types(.plain(.f32))], as: "o2.gguf")
        #expect(later.overflows.isEmpty)
        #expect(later.notFinite.map(\.sums.notFiniteCount) == [1])
    }

    @Test func aScaleBeyondABlockIsNotSupported() throws {
        let source = try large(1e9)
        #expect {
            try write(source, [.add(try update(0.1), type: .q8_0)], as: "o.gguf")
        } throws: { error in
            (error as? CheckpointError)?.kind == .unsupported
        }
    }

    @Test func anUpdateThatMakesInfinitiesIsRefused() throws {
        for scale in [Float.infinity, .nan] {
            #expect {
                try write(
                    Samples.tinyModel, [.add(try update(scale), type: nil)], as: "o.gguf")
            } throws: { error in
                guard case .becomesInfinite(_, _, let count, let all, _) = error as? CheckpointError
                else { return false }
                return count == all
            }
        }
        #expect(try folder.names() == [])
    }

    @Test func valuesOfF64AreMeasuredBeforeF32RoundsThem() throws {
        let shape = try shape()
        let count = shape[0] * shape[1]
        _ = try write(
            Samples.tinyModel,
            [.set(role, values: random(count, 0.1, seed: 6), form: .canonical, type: .f64)],
            as: "d.gguf")
        var file = try bytes(ofFile: folder.path("d.gguf"))
        let tensor = try #require(Checkpoint.open(folder.path("d.gguf")).tensor(role))
        let start = tensor.bytes.range.lowerBound
        func put(_ value: Double, at index: Int) {
            file.replaceSubrange(
                (start + 8 * index)..<(start + 8 * index + 8), with: le(value.bitPattern))
        }
        // A third is no f32.
        put(1.0 / 3, at: 5)
        let fine = try folder.write(file, as: "fine.gguf")
        let report = try write(fine, [.types(.plain(.f32))], as: "f.gguf")
        let rounded = try #require(report.rounded.first { $0.name == tensor.name })
        #expect(rounded.sums.relativeError > 0 && rounded.sums.relativeError < 1e-7)
        put(-1e300, at: 9)
        let wide = try folder.write(file, as: "wide.gguf")
        #expect(
            throws: CheckpointError.becomesInfinite(
                tensor: tensor.name, type: .f32, count: 1, of: count, largest: 1e300)
        ) { try write(wide, [.types(.plain(.f32))], as: "f.gguf") }
    }
}

@Suite struct FolderNameTests {
    @Test func aFolderHasItsNameHoweverItIsTyped() throws {
        let folder = try TemporaryFolder()
        let own = URL(fileURLWithPath: folder.path).lastPathComponent
        try FileManager.default.createDirectory(
            atPath: folder.path("inner"), withIntermediateDirectories: false)
        for typed in ["", "/", "/.", "/./", "/inner/..", "/inner/../", "/inner/./.."] {
            #expect(PathParts.name(ofFolder: folder.path + typed) == own)
        }
        let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath)
            .resolvingSymlinksInPath()
        #expect(PathParts.name(ofFolder: ".") == here.lastPathComponent)
        #expect(PathParts.name(ofFolder: "") == here.lastPathComponent)
        #expect(
            PathParts.name(ofFolder: "..") == here.deletingLastPathComponent().lastPathComponent)
        #expect(PathParts.name(ofFolder: "/") == nil)
        #expect(PathParts.name(ofFolder: "models/mood/") == "mood")
    }
}
