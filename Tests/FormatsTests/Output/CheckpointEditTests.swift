import Foundation
import TestSupport
import Testing

@testable import Formats

/// Edits of weights: new values and low-rank updates, in every direction between the formats and in every type.
@Suite struct CheckpointEditTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func write(
        _ source: String, _ edits: [CheckpointEdit] = [], as name: String, threads: Int = 2
    ) throws -> Checkpoint {
        try folder.write(Checkpoint.open(source), edits, as: name, threads: threads)
    }

    private func values(_ checkpoint: Checkpoint, _ role: WeightRole) throws -> [Float] {
        try #require(checkpoint.tensor(role)).values()
    }

    private func bytes(_ tensor: WeightTensor) -> [UInt8] {
        tensor.bytes.withUnsafeBytes { Array($0) }
    }

    /// Everything that is not of this role has the bytes, the type and the place it had.
    private func expectKept(
        _ edited: Checkpoint, of source: Checkpoint, but role: WeightRole
    ) throws {
        #expect(edited.tensors.map(\.name) == source.tensors.map(\.name))
        for (left, right) in zip(edited.tensors, source.tensors) where left.role != role {
            #expect(left.description == right.description)
            #expect(bytes(left) == bytes(right))
        }
    }

    private static let rotated: [WeightRole] = [
        .block(1, .attentionQuery), .block(2, .attentionKey), .block(1, .attentionValue),
    ]

    /// Values that tell each element from every other.
    private func numbered(_ count: Int) -> [Float] { (0..<count).map { Float($0) / 4 } }

    // MARK: - Row order

    @Test(arguments: rotated)
    func valuesAreInTheRowOrderOfTheSourceInBothDirections(role: WeightRole) throws {
        let hub = try write(Samples.tinyModel, as: "hub")
        for source in [Samples.tinyModel, hub.path] {
            let tensor = try #require(try Checkpoint.open(source).tensor(role))
            let count = try #require(tensor.description.elementCount)
            let edit = CheckpointEdit.set(
                role, values: numbered(count), form: tensor.form, type: .f32)
            // What the edited source holds, converted without further edits, is what both at once must give.
            let kept = try write(
                source, [edit], as: source == hub.path ? "kept" : "kept.gguf")
            #expect(try values(kept, role) == numbered(count))
            let name = source == hub.path ? "crossed.gguf" : "crossed"
            let crossed = try write(source, [edit], as: name)
            let expected = try write(kept.path, as: "expected-" + name)
            #expect(try values(crossed, role) == values(expected, role))
            let isRotated = role.slot != .block(1, .attentionValue)
            #expect(try (values(crossed, role) != numbered(count)) == isRotated)
        }
    }

    @Test func biasesAreInTheRowOrderOfTheSourceInBothDirections() throws {
        let role = WeightRole.block(0, .attentionKey, .bias)
        let hub = try write(Samples.tinyModel, as: "hub")
        for (source, same, other) in [
            (Samples.tinyModel, "kept.gguf", "crossed"), (hub.path, "kept", "crossed.gguf"),
        ] {
            let form = try Checkpoint.open(source).form(of: role)
            let edit = CheckpointEdit.set(role, values: numbered(64), form: form, type: .f32)
            let kept = try write(source, [edit], as: same)
            #expect(try values(kept, role) == numbered(64))
            let crossed = try write(source, [edit], as: other)
            let expected = try write(kept.path, as: "expected-" + other)
            #expect(try values(crossed, role) == values(expected, role))
            #expect(try values(crossed, role) != numbered(64))
            // A bias that is there already is replaced in the same order.
            let again = try write(kept.path, [edit], as: other)
            #expect(try values(again, role) == values(expected, role))
        }
    }

    // MARK: - Types

    @Test(arguments: [ElementType.q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .f16, .bf16, .f32])
    func newValuesTakeTheTypeAskedForAndThePlaceOfTheOld(type: ElementType) throws {
        let source = try Checkpoint.open(Samples.tinyModel)
        let role = WeightRole.block(3, .feedForwardDown)
        let new = try values(source, .block(4, .feedForwardDown))
        let edited = try write(
            Samples.tinyModel, [.set(role, values: new, form: .canonical, type: type)],
            as: "edited.gguf")
        try expectKept(edited, of: source, but: role)
        let tensor = try #require(edited.tensor(role))
        #expect(tensor.type == type)
        var expected = [UInt8](repeating: 0, count: tensor.bytes.count)
        try new.withUnsafeBufferPointer { values in
            try expected.withUnsafeMutableBytes {
                _ = try RowEncoder.encode(values, as: type, into: $0)
            }
        }
        #expect(bytes(tensor) == expected)
        guard case .gguf(let before) = source.source, case .gguf(let after) = edited.source else {
            return
        }
        #expect(before.metadata == after.metadata)
    }

    @Test func whatCannotBeStoredIsRefusedBeforeAnythingIsWritten() throws {
        let role = WeightRole.block(3, .feedForwardDown)
        let matrix = [Float](repeating: 1, count: 128 * 384)
        let refused: [(CheckpointEdit, String)] = [
            // 384 is no multiple of 256.
            (.set(role, values: matrix, form: .canonical, type: .q4K), "edited.gguf"),
            (.set(role, values: matrix, form: .canonical, type: .f8E4M3), "edited.gguf"),
            (.set(role, values: matrix, form: .canonical, type: .q8_0), "edited"),
            (
                .set(role, values: Array(matrix.dropLast()), form: .canonical, type: .f32),
                "edited.gguf"
            ),
            (
                .set(
                    .block(0, .feedForwardNorm), values: Array(matrix.prefix(128)),
                    form: .canonical, type: .q8_0),
                "edited.gguf"
            ),
            (
                .set(role, values: [.nan] + matrix.dropFirst(), form: .canonical, type: .q8_0),
                "edited.gguf"
            ),
            (
                .set(role, values: [1e20] + matrix.dropFirst(), form: .canonical, type: .q8_0),
                "edited.gguf"
            ),
            (.add(update(role, rank: 2, outputs: 128, inputs: 383), type: nil), "edited.gguf"),
            (.add(update(role, rank: 0, outputs: 128, inputs: 384), type: nil), "edited.gguf"),
            (
                .add(
                    update(WeightRole(.output), rank: 1, outputs: 1024, inputs: 128), type: nil),
                "edited.gguf"
            ),
            (
                .add(
                    update(WeightRole(.output), rank: 1, outputs: 1024, inputs: 128), type: nil),
                "edited"
            ),
        ]
        for (edit, name) in refused {
            #expect(throws: (any Error).self, "\(edit)") {
                _ = try write(Samples.tinyModel, [edit], as: name)
            }
        }
        #expect(try folder.names() == [])
    }

    @Test func aRowThatCannotBeEncodedIsNamed() throws {
        var matrix = [Float](repeating: 1, count: 128 * 384)
        matrix[5 * 384 + 7] = .infinity
        let edit = CheckpointEdit.set(
            .block(3, .feedForwardDown), values: matrix, form: .canonical, type: .q8_0)
        let error = CheckpointError.cannotEncode(
            tensor: "blk.3.ffn_down.weight", row: 5, problem: .notFinite(type: .q8_0, index: 7))
        #expect(throws: error) { _ = try write(Samples.tinyModel, [edit], as: "edited.gguf") }
        #expect(
            error.description
                == "tensor 'blk.3.ffn_down.weight', row 5: element 7 is not finite, which q8_0 "
                + "cannot hold")
    }

    // MARK: - Low-rank updates

    private func update(
        _ role: WeightRole, rank: Int, outputs: Int, inputs: Int, rows: RowOrder = .same,
        scale: Float = 0.5
    ) -> LowRankUpdate {
        var random = SeededGenerator(seed: UInt64(rank + outputs))
        return LowRankUpdate(
            role: role, rank: rank,
            a: (0..<rank * inputs).map { _ in .random(in: -1...1, using: &random) },
            b: (0..<rank * outputs).map { _ in .random(in: -1...1, using: &random) }, rows: rows,
            scale: scale)
    }

    /// W + scale · B · A, element by element.
    private func sum(_ weight: [Float], _ update: LowRankUpdate) -> [Float] {
        weight.indices.map { index in
            let (row, column) = index.quotientAndRemainder(dividingBy: update.inputs)
            let product = (0..<update.rank).reduce(Float(0)) {
                $0 + update.b[row * update.rank + $1] * update.a[$1 * update.inputs + column]
            }
            return weight[index] + update.scale * product
        }
    }

    @Test(arguments: [ElementType?.none, .f32, .q8_0, .q5_1])
    func aLowRankUpdateIsAddedInTheTensorsOwnTypeOrAnother(type: ElementType?) throws {
        let source = try Checkpoint.open(Samples.tinyModel)
        let role = WeightRole.block(2, .feedForwardDown)
        let update = update(role, rank: 3, outputs: 128, inputs: 384)
        let edited = try write(
            Samples.tinyModel, [.add(update, type: type)], as: "edited.gguf", threads: 1)
        try expectKept(edited, of: source, but: role)
        let expected = sum(try values(source, role), update)
        let reference = try write(
            Samples.tinyModel, [.set(role, values: expected, form: .canonical, type: type ?? .f16)],
            as: "reference.gguf")
        #expect(
            bytes(try #require(edited.tensor(role))) == bytes(try #require(reference.tensor(role))))
        let other = try write(
            Samples.tinyModel, [.add(update, type: type)], as: "other.gguf", threads: 3)
        #expect(
            try TestSupport.bytes(ofFile: other.path) == TestSupport.bytes(ofFile: edited.path))
    }

    @Test func quantisedTensorsAreRequantisedInTheirOwnType() throws {
        let role = WeightRole.block(2, .feedForwardDown)
        let base = try values(Checkpoint.open(Samples.tinyModel), role)
        let quantised = try write(
            Samples.tinyModel, [.set(role, values: base, form: .canonical, type: .q4_1)],
            as: "quantised.gguf")
        let update = update(role, rank: 2, outputs: 128, inputs: 384)
        let edited = try write(quantised.path, [.add(update, type: nil)], as: "edited.gguf")
        #expect(edited.tensor(role)?.type == .q4_1)
        let expected = try write(
            quantised.path,
            [
                .set(
                    role, values: sum(values(quantised, role), update), form: .canonical,
                    type: .q4_1)
            ],
            as: "expected.gguf")
        #expect(
            try TestSupport.bytes(ofFile: edited.path) == TestSupport.bytes(ofFile: expected.path))
        // Hugging Face's format has no such type: the tensor is widened as it would be without the edit.
        let hub = try write(quantised.path, [.add(update, type: nil)], as: "hub")
        #expect(hub.tensor(role)?.type == .f32)
        #expect(try values(hub, role) == sum(values(quantised, role), update))
    }

    @Test(arguments: rotated)
    func updatesAreInTheRowOrderOfTheSourceInBothDirections(role: WeightRole) throws {
        let hub = try write(Samples.tinyModel, as: "hub")
        let outputs = try #require(hub.tensor(role)).shape[0]
        for (source, same, other) in [
            (Samples.tinyModel, "kept.gguf", "crossed"), (hub.path, "kept", "crossed.gguf"),
        ] {
            let rows = try Checkpoint.open(source).form(of: role).rows
            let update = update(role, rank: 2, outputs: outputs, inputs: 128, rows: rows)
            let kept = try write(source, [.add(update, type: .f32)], as: same)
            #expect(try values(kept, role) == sum(values(Checkpoint.open(source), role), update))
            let crossed = try write(source, [.add(update, type: .f32)], as: other)
            let expected = try write(kept.path, as: "expected-" + other)
            #expect(try values(crossed, role) == values(expected, role))
        }
    }

    @Test func editsOfOneWeightAddUp() throws {
        let role = WeightRole.block(2, .feedForwardDown)
        let first = update(role, rank: 2, outputs: 128, inputs: 384)
        let second = update(role, rank: 3, outputs: 128, inputs: 384)
        let new = numbered(128 * 384)
        let edited = try write(
            Samples.tinyModel,
            [
                .set(role, values: new, form: .canonical, type: .f32),
                .add(first, type: nil), .add(second, type: .f32),
            ], as: "edited.gguf")
        #expect(try values(edited, role) == sum(sum(new, first), second))
    }

    /// No edit undoes an earlier one: the contradiction is refused by the name of what it is about.
    @Test func whatWouldUndoAnEarlierEditIsRefused() throws {
        let role = WeightRole.block(2, .feedForwardDown)
        let update = update(role, rank: 2, outputs: 128, inputs: 384)
        let set = CheckpointEdit.set(
            role, values: numbered(128 * 384), form: .canonical, type: .f32)
        func expert(_ number: Int?) -> CheckpointEdit {
            .set(
                WeightRole(.block(1, .expertDown), expert: number), values: [1], form: .canonical,
                type: .f32)
        }
        let own = "block 2 feedForwardDown weight"
        let refused: [([CheckpointEdit], String)] = [
            ([.add(update, type: nil), set], "\(own) gets new values after an earlier edit of it"),
            ([set, set], "\(own) gets new values after an earlier edit of it"),
            ([set, .add(update, type: .f16)], "\(own) is to be stored in two types"),
            (
                [.types(.plain(.f16)), .types(.plain(.bf16))],
                "tensors are to be stored by two policies of types"
            ),
            (
                [.setMetadata(key: "a", .u32(1)), .setMetadata(key: "a", nil)],
                "metadata 'a' is set twice"
            ),
            (
                [expert(2), expert(nil)],
                "block 1 expertDown weight of expert 2 is edited beside that of all experts"
            ),
        ]
        for (edits, fact) in refused {
            let error = CheckpointError.cannotExpress(
                fact: "edits contradict each other: \(fact)")
            #expect(throws: error) { try write(Samples.tinyModel, edits, as: "edited.gguf") }
        }
        #expect(try folder.names() == [])
    }
}
