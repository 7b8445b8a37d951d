import Foundation
import Synchronization
import TestSupport
import Testing

@testable import Formats

/// What a weight's rows can be made of, in both formats, quantised and plain.
@Suite struct RowSourceTests {
    private let folder: TemporaryFolder
    private static let down = WeightRole.block(2, .feedForwardDown)
    private static let query = WeightRole.block(1, .attentionQuery)
    private static let key = WeightRole.block(1, .attentionKey)

    init() throws {
        folder = try TemporaryFolder()
    }

    private func model() throws -> Checkpoint { try Checkpoint.open(Samples.tinyModel) }

    /// The model with one weight in this type.
    private func model(_ role: WeightRole, as type: ElementType) throws -> Checkpoint {
        let tensor = try #require(try model().tensor(role))
        return try folder.write(
            model(), [.set(role, .present, type: type)],
            as: "\(type.name)-\(tensor.shape[0]).gguf")
    }

    private func values(_ checkpoint: Checkpoint, _ role: WeightRole) throws -> [Float] {
        try #require(checkpoint.tensor(role)).values()
    }

    private func numbered(_ count: Int) -> [Float] { (0..<count).map { Float($0 % 97) / 4 - 9 } }

    /// The bytes of each row.
    private func rows(_ checkpoint: Checkpoint, _ role: WeightRole) throws -> [[UInt8]] {
        let tensor = try #require(checkpoint.tensor(role))
        let bytes = tensor.bytes.withUnsafeBytes { Array($0) }
        let size = bytes.count / tensor.shape[0]
        return (0..<tensor.shape[0]).map { Array(bytes[($0 * size)..<(($0 + 1) * size)]) }
    }

    private func encoded(_ values: some Collection<Float>, _ type: ElementType) throws -> [UInt8] {
        try #require(RowEncoder.roundTrip(Array(values), as: type)).bytes
    }

    /// (rows, columns) of all matrices side by side.
    private func beside(_ first: [Float], _ second: [Float], rows: Int) -> [Float] {
        let (left, right) = (first.count / rows, second.count / rows)
        var all: [Float] = []
        for row in 0..<rows {
            all += first[(row * left)..<(row * left + left)]
            all += second[(row * right)..<(row * right + right)]
        }
        return all
    }

    // MARK: - Beside and above

    @Test(arguments: [ElementType.q4_1, .q8_0, .f16, .f32])
    func columnsBesideKeepTheStoredBlocks(type: ElementType) throws {
        let source = try model(Self.down, as: type)
        let new = numbered(128 * 64)
        let edit = CheckpointEdit.set(
            Self.down, .beside(.present, .values(new, .canonical)), type: nil)
        let edited = try folder.write(source, [edit], as: "edited.gguf")
        let tensor = try #require(edited.tensor(Self.down))
        #expect(tensor.type == type)
        #expect(tensor.shape == [128, 448])
        let (before, after) = (try rows(source, Self.down), try rows(edited, Self.down))
        for row in 0..<128 {
            #expect(
                try after[row]
                    == before[row] + encoded(new[(row * 64)..<(row * 64 + 64)], type))
        }
        // Threads share the rows otherwise, and the bytes are the same.
        let other = try folder.write(source, [edit], as: "other.gguf", threads: 1)
        #expect(try rows(other, Self.down) == after)
        // In front of the stored part they stand as well, and in the other format.
        let front = CheckpointEdit.set(
            Self.down, .beside(.values(new, .canonical), .present), type: nil)
        let first = try rows(try folder.write(source, [front], as: "front.gguf"), Self.down)
        for row in 0..<128 { #expect(first[row].suffix(before[row].count) == before[row][...]) }
        let hub = try folder.write(source, [edit], as: "hub")
        #expect(hub.tensor(Self.down)?.shape == [128, 448])
        #expect(
            try values(hub, Self.down) == beside(values(source, Self.down), new, rows: 128))
    }

    @Test(arguments: [ElementType.q4_1, .q8_0, .f16, .f32])
    func rowsBelowKeepTheStoredBlocks(type: ElementType) throws {
        let source = try model(Self.query, as: type)
        let numbers = try source.hyperparameters()
        let (size, width) = (numbers.headSize, numbers.hiddenSize)
        let new = numbered(size * width)
        let edit = CheckpointEdit.set(
            Self.query, .above(.present, .values(new, .canonical)), type: nil)
        let edited = try folder.write(source, [edit], as: "edited.gguf")
        let (before, after) = (try rows(source, Self.query), try rows(edited, Self.query))
        #expect(edited.tensor(Self.query)?.type == type)
        #expect(Array(after.prefix(before.count)) == before)
        // The new head's rows have the order of the old ones'.
        let order = RowOrder.interleavingHeads(headSize: size)
        let expected = try (0..<size).map { row in
            let first = order.source(of: row) * width
            return try encoded(new[first..<(first + width)], type)
        }
        #expect(Array(after.dropFirst(before.count)) == expected)
        let plain = try folder.write(source, as: "plain")
        let hub = try folder.write(source, [edit], as: "hub")
        #expect(try values(hub, Self.query) == values(plain, Self.query) + new)
    }

    @Test func aFoldersTensorsGrowToo() throws {
        let source = try folder.write(model(), [.types(.plain(.bf16))], as: "source")
        let new = numbered(128 * 3)
        let norm = WeightRole.block(0, .feedForwardNorm)
        let edited = try folder.write(
            source,
            [
                .set(Self.down, .beside(.present, .values(new, .canonical)), type: nil),
                .set(
                    norm, .above(.present, .values([1, 2, 3], .canonical)), type: nil),
                .set(
                    .block(0, .feedForwardUp), .above(.values(new, .canonical), .present),
                    type: .f32),
            ], as: "edited")
        #expect(edited.tensor(Self.down)?.type == .bf16)
        let rounded = try #require(RowEncoder.roundTrip(new, as: .bf16)).values
        #expect(
            try values(edited, Self.down)
                == beside(values(source, Self.down), rounded, rows: 128))
        #expect(try values(edited, norm) == values(source, norm) + [1, 2, 3])
        #expect(
            try values(edited, .block(0, .feedForwardUp))
                == new + values(source, .block(0, .feedForwardUp)))
    }

    @Test func partsOfATransposeGrowAcross() throws {
        let source = try FamilyFixture("gpt2").open()
        let role = WeightRole.block(0, .feedForwardUp)
        let tensor = try #require(source.tensor(role))
        let (rows, columns) = (tensor.canonicalShape[0], tensor.canonicalShape[1])
        let (more, wide) = (numbered(2 * columns), numbered(3 * (rows + 2)))
        let edit = CheckpointEdit.set(
            role,
            .beside(.above(.present, .values(more, .canonical)), .values(wide, .canonical)),
            type: nil)
        let edited = try folder.write(source, [edit], as: "edited")
        let found = try #require(edited.tensor(role))
        #expect(found.shape == [columns + 3, rows + 2])
        let file = try folder.write(source, [edit, .types(.plain(.f32))], as: "edited.gguf")
        let plain = try folder.write(source, [.types(.plain(.f32))], as: "plain.gguf")
        let expected = beside(
            try values(plain, role) + more, wide, rows: rows + 2)
        #expect(try values(file, role) == expected)
        let transposed = (0..<(columns + 3)).flatMap { column in
            (0..<(rows + 2)).map { expected[$0 * (columns + 3) + column] }
        }
        #expect(try found.values() == transposed)
    }

    // MARK: - Further sources

    @Test func computedRowsAreAskedForInPieces() throws {
        let role = WeightRole(.tokenEmbedding)
        let source = try model()
        let shape = try #require(source.tensor(role)).shape
        let all = numbered(shape[0] * shape[1])
        let asked = Mutex<[Range<Int>]>([])
        let embeddings = ComputedRows(shape: shape) { rows, target in
            asked.withLock { $0.append(rows) }
            for index in target.indices {
                target[index] = all[rows.lowerBound * shape[1] + index]
            }
        }
        let edited = try folder.write(
            source, [.set(role, .computed(embeddings), type: .f32)], as: "edited.gguf", threads: 1)
        #expect(try values(edited, role) == all)
        let pieces = asked.withLock { $0 }
        #expect(pieces.count > 1)
        #expect(pieces.allSatisfy { $0.count * shape[1] <= 1 << 16 })
        #expect(pieces.flatMap(Array.init) == Array(0..<shape[0]))
        // Where an output orders rows otherwise they are the same values.
        let width = try #require(source.tensor(Self.key)).shape
        let keys = numbered(width[0] * width[1])
        let made = ComputedRows(shape: width) { rows, target in
            for index in target.indices { target[index] = keys[rows.lowerBound * width[1] + index] }
        }
        let one = try folder.write(
            source, [.set(Self.key, .computed(made), type: .q8_0)], as: "1.gguf")
        let two = try folder.write(
            source, [.set(Self.key, values: keys, form: .canonical, type: .q8_0)], as: "2.gguf")
        #expect(try rows(one, Self.key) == rows(two, Self.key))
    }

    @Test func anUpdateIsAddedToWhatStandsBeside() throws {
        let source = try model()
        let new = numbered(128 * 32)
        let update = LowRankUpdate(
            role: Self.down, rank: 1, a: numbered(416), b: numbered(128), rows: .same, scale: 0.5)
        // In one edit, and in two of which the later builds on the earlier.
        let wide = RowSource.beside(.present, .values(new, .canonical))
        let one = try folder.write(
            source, [.set(Self.down, .plus(wide, update), type: .f32)], as: "1.gguf")
        let two = try folder.write(
            source, [.set(Self.down, wide, type: .f32), .add(update, type: nil)], as: "2.gguf")
        let base = beside(try values(source, Self.down), new, rows: 128)
        let expected = base.indices.map { index in
            base[index] + update.b[index / 416] * update.a[index % 416] * update.scale
        }
        #expect(try values(one, Self.down) == expected)
        #expect(try values(two, Self.down) == expected)
    }

    @Test func anotherWeightsTensorIsCopied() throws {
        let source = try model(Self.down, as: .q8_0)
        let other = WeightRole.block(0, .feedForwardDown)
        let tensor = try #require(source.tensor(Self.down))
        let plan = try OutputPlan(
            source: source, edits: [.set(other, .stored(tensor), type: .q8_0)], format: .gguf)
        #expect(
            plan.tensors.first { $0.description.name == "blk.0.ffn_down.weight" }?.isCopy == true)
        let edited = try folder.write(
            source, [.set(other, .stored(tensor), type: .q8_0)], as: "o.gguf")
        #expect(try rows(edited, other) == rows(source, Self.down))
    }

    @Test(arguments: ["mixtral", "qwen3_moe"])
    func stackedExpertsAreThoseOfTheirOwn(family: String) throws {
        let source = try FamilyFixture(family).open()
        let role = WeightRole(.block(1, .expertDown))
        let count = try #require(try source.hyperparameters().experts).count
        let size = try #require(source.tensor(WeightRole(role.slot, expert: 0))).shape.reduce(1, *)
        let matrices = (0..<count).map { expert in
            RowSource.values(numbered(size).map { $0 + Float(expert) }, .canonical)
        }
        let stack = CheckpointEdit.set(role, .stack(matrices), type: .f32)
        let all = (0..<count).flatMap { expert -> [Float] in
            numbered(size).map { $0 + Float(expert) }
        }
        #expect(try values(folder.write(source, [stack], as: "edited.gguf"), role) == all)
        let hub = try folder.write(source, [stack], as: "hub")
        for expert in 0..<count {
            #expect(
                try values(hub, WeightRole(role.slot, expert: expert))
                    == Array(all[(expert * size)..<((expert + 1) * size)]))
        }
    }

    // MARK: - Refusals

    @Test func whatCannotBePutTogetherIsRefused() throws {
        let source = try model(Self.down, as: .q8_0)
        func values(_ count: Int) -> RowSource { .values(numbered(count), .canonical) }
        let refused: [(WeightRole, RowSource, ElementType?)] = [
            // The stored part begins inside a block of 32.
            (Self.down, .beside(values(128 * 16), .beside(.present, values(128 * 16))), nil),
            (Self.down, .beside(.present, values(127)), nil),
            (Self.down, .above(.present, values(383)), nil),
            (Self.down, .stack([.present, .present]), nil),
            (.block(0, .feedForwardNorm), .beside(.present, values(1)), nil),
            // Half a head.
            (Self.query, .above(.present, values(128)), nil),
            (.block(0, .attentionOutput, .bias), .present, nil),
        ]
        for (role, rows, type) in refused {
            #expect(throws: CheckpointError.self, "\(rows)") {
                try folder.write(source, [.set(role, rows, type: type)], as: "edited.gguf")
            }
        }
        let neox = try FamilyFixture("gpt_neox").open()
        let fused = WeightRole.block(0, .attentionQueryKeyValue)
        let width = try neox.hyperparameters().hiddenSize
        let size = try neox.hyperparameters().headSize
        #expect(throws: CheckpointError.self) {
            try folder.write(
                neox, [.set(fused, .above(.present, values(3 * size * width)), type: nil)],
                as: "edited.gguf")
        }
        #expect(!FileManager.default.fileExists(atPath: folder.path("edited.gguf")))
    }
}
