import Foundation
import TestSupport
import Testing

@testable import Formats

/// What outputs make of packed weights: their parts, byte for byte, or plain tensors.
@Suite struct PackedOutputTests {
    private let folder: TemporaryFolder
    private let packed: Checkpoint
    private let plain: Checkpoint

    init() throws {
        folder = try TemporaryFolder()
        (packed, plain) = try PackedModel.write(to: folder)
    }

    private static let down = WeightRole.block(1, .feedForwardDown)
    private static let module = "model.layers.1.mlp.down_proj"

    private func update(_ model: Checkpoint) throws -> LowRankUpdate {
        let shape = try #require(model.tensor(Self.down)).canonicalShape
        return LowRankUpdate(
            role: Self.down, rank: 1, a: [Float](repeating: 0.5, count: shape[1]),
            b: [Float](repeating: 0.25, count: shape[0]), rows: .same, scale: 1)
    }

    private func ignored(_ model: Checkpoint) -> [String]? {
        model.config?["quantization_config"]?.object?["ignore"]?.array?.compactMap(\.string)
    }

    @Test func itHasTheNumbersAndWeightsOfThePlainModel() throws {
        #expect(
            packed.quantization?.problem == nil && packed.quantization?.holdsPlainLayers == true)
        #expect(try packed.hyperparameters() == plain.hyperparameters())
        #expect(packed.tensors.count == plain.tensors.count)
        for weight in plain.tensors {
            let own = try #require(packed.tensors.first { $0.name == weight.name })
            #expect(own.role == weight.role && own.form == weight.form)
            #expect(try own.values() == weight.values())
        }
    }

    @Test func aConversionIsThatOfThePlainModel() throws {
        for (name, edits) in [
            ("f32.gguf", []), ("q.gguf", [CheckpointEdit.types(.plain(.f16))]),
        ] {
            let own = try folder.write(packed, edits, as: name)
            let other = try folder.write(plain, edits, as: "plain-" + name)
            #expect(own.tensors.count == other.tensors.count)
            for (left, right) in zip(own.tensors, other.tensors) {
                #expect(left.name == right.name && left.hasBytes(of: right), "\(left.name)")
            }
        }
    }

    /// Experts and the text decoder of a multimodal folder are packed like anything else; what goes with the decoder is not.
    @Test(arguments: ["qwen3_moe", "ministral3-wrapped", "gemma3-wrapped", "granite4"])
    func everyKindOfFolderIsPackedAlike(family: String) throws {
        let inner = try TemporaryFolder()
        let (packed, plain) = try PackedModel.write(to: inner, of: Families.folder(family)) {
            !$0.contains("vision")
        }
        #expect(packed.tensors.contains { $0.packed != nil })
        for weight in plain.tensors {
            let own = try #require(packed.tensors.first { $0.name == weight.name })
            #expect(try own.values() == weight.values())
        }
        let written = try [packed, plain].map {
            try inner.write($0, as: $0 === packed ? "packed.gguf" : "plain.gguf")
        }
        #expect(written[0].tensors.count == written[1].tensors.count)
        for (left, right) in zip(written[0].tensors, written[1].tensors) {
            #expect(left.name == right.name && left.hasBytes(of: right), "\(left.name)")
        }
        let role = try #require(packed.tensors.first { $0.packed != nil }?.role)
        let edit = CheckpointEdit.multiply(role, by: 2)
        let edited = try inner.write(packed, [edit], as: "edited")
        let changed = try #require(edited.tensor(role))
        #expect(changed.packed == nil)
        #expect(try changed.values() == plain.tensor(role)?.values().map { 2 * $0 })
        for weight in packed.tensors where weight.role != role {
            let own = try #require(edited.tensors.first { $0.name == weight.name })
            #expect(own.hasBytes(of: weight), "\(weight.name)")
        }
    }

    @Test func aSecondQuantisationIsTold() throws {
        try WideModel.write(to: folder.path("wide"))
        let inner = try TemporaryFolder()
        let (packed, plain) = try PackedModel.write(to: inner, of: folder.path("wide"))
        let policy = TypePolicy.keeping(except: "ffn_down", as: .q8_0)
        func notes(_ model: Checkpoint) throws -> [String] {
            try OutputPlan(source: model, edits: [.types(policy)], format: .gguf).notes
                .filter { $0.contains("anew") }
        }
        let told = try notes(packed)
        #expect(told.count == 1)
        #expect(told.first?.hasPrefix("\(WideModel.blockCount) matrices are ") == true)
        #expect(try notes(plain).isEmpty)
    }

    @Test func aPlainTypeLeavesNothingOfTheQuantisation() throws {
        let written = try folder.write(packed, [.types(.plain(.bf16))], as: "bf16")
        let other = try folder.write(plain, [.types(.plain(.bf16))], as: "plain-bf16")
        #expect(written.quantization == nil && written.config?["quantization_config"] == nil)
        #expect(written.tensors.map(\.name) == other.tensors.map(\.name))
        for (left, right) in zip(written.tensors, other.tensors) {
            #expect(left.hasBytes(of: right), "\(left.name)")
        }
    }

    @Test func aCopyKeepsEveryPart() throws {
        let written = try folder.write(packed, as: "copy")
        for (left, right) in zip(packed.tensors, written.tensors) {
            #expect(left.hasBytes(of: right), "\(left.name)")
        }
        #expect(written.config == packed.config)
    }

    @Test func aChangedMatrixStandsPlainBesideThoseThatStayPacked() throws {
        let written = try folder.write(
            packed, [.add(try update(packed), type: nil)], as: "merged")
        #expect(ignored(written) == ["lm_head", Self.module])
        #expect(written.quantization?.problem == nil)
        for weight in written.tensors {
            let before = try #require(packed.tensors.first { $0.name == weight.name })
            guard weight.role == Self.down else {
                #expect(weight.hasBytes(of: before), "\(weight.name)")
                continue
            }
            #expect(weight.stored?.type == .f32)
            #expect(try weight.values() == before.values().map { $0 + 0.125 })
        }
        let names = try SafetensorsFile(path: folder.path("merged/model.safetensors")).tensors
            .map(\.name)
        #expect(names.filter { $0.hasPrefix(Self.module + ".") } == [Self.module + ".weight"])
    }

    /// Its tool leaves the head out by itself only where there is no list.
    @Test func aListThatWasNotThereNamesTheHeadToo() throws {
        let file = packed.path + "/config.json"
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try text.replacing(#""ignore": ["lm_head"], "#, with: "")
            .write(toFile: file, atomically: true, encoding: .utf8)
        let model = try Checkpoint.open(packed.path)
        #expect(model.config?["quantization_config"]?.object?["ignore"] == nil)
        let written = try folder.write(model, [.add(try update(model), type: nil)], as: "merged")
        #expect(ignored(written) == ["lm_head", Self.module])
    }

    @Test func theTypeOfAChangedMatrixCanBeChosen() throws {
        let written = try folder.write(
            packed, [.add(try update(packed), type: .bf16)], as: "merged")
        #expect(written.tensor(Self.down)?.stored?.type == .bf16)
    }

    @Test func aBiasIsWrittenBesideMatricesThatStayPacked() throws {
        let width = try packed.hyperparameters().hiddenSize
        let role = WeightRole.block(1, .feedForwardDown, .bias)
        let written = try folder.write(
            packed,
            [
                .set(
                    role, values: [Float](repeating: 0.5, count: width), form: .canonical,
                    type: .f32)
            ], as: "biased")
        #expect(ignored(written) == ["lm_head"])
        #expect(try written.tensor(role)?.values() == [Float](repeating: 0.5, count: width))
        for weight in packed.tensors {
            let after = try #require(written.tensors.first { $0.name == weight.name })
            #expect(after.hasBytes(of: weight))
        }
    }

    @Test func aMethodWithoutAListOfPlainLayersRefusesByName() throws {
        let other = try TemporaryFolder()
        let (gptq, plain) = try PackedModel.write(to: other, .gptq)
        #expect(gptq.quantization?.problem == nil && gptq.quantization?.holdsPlainLayers == false)
        for weight in plain.tensors {
            #expect(try gptq.tensors.first { $0.name == weight.name }?.values() == weight.values())
        }
        do {
            _ = try OutputPlan(
                source: gptq, edits: [.add(try update(gptq), type: nil)], format: .safetensors)
            Issue.record("a matrix was changed")
        } catch let failure as CheckpointError {
            #expect(failure.kind == .unsupported && failure.description.contains("'gptq'"))
        }
        // All plain, or as a GGUF file, it can.
        let merged = try other.write(
            gptq, [.add(try update(gptq), type: nil), .types(.plain(.f32))], as: "merged")
        #expect(merged.quantization == nil)
        let file = try other.write(gptq, [.add(try update(gptq), type: nil)], as: "merged.gguf")
        #expect(
            try file.tensor(Self.down)?.values()
                == plain.tensor(Self.down)?.values().map { $0 + 0.125 })
    }

    // MARK: - Comparison

    @Test func aDifferenceIsOneOfValues() throws {
        let crew = WorkCrew(threads: 2)
        let same = try TensorComparison(packed, plain, crew: crew)
        #expect(same.tensors.allSatisfy { !$0.isDifference })
        let own = try TensorComparison(packed, packed, crew: crew)
        #expect(own.tensors.allSatisfy { $0.status == .identicalBytes })
        let merged = try folder.write(
            packed, [.add(try update(packed), type: nil)], as: "merged")
        let changed = try TensorComparison(packed, merged, crew: crew)
        #expect(changed.tensors.filter(\.isDifference).map(\.role) == [Self.down])
    }

    @Test func aPatchBringsTheFilesBack() throws {
        let merged = try folder.write(
            packed, [.add(try update(packed), type: nil)], as: "merged")
        #expect(merged.weightFiles.count == 1)
        let names = try merged.files().map(\.name)
        #expect(names.contains("model.safetensors") && names.contains("config.json"))
    }

    @Test func everyValueIsLookedAt() throws {
        let crew = WorkCrew(threads: 2)
        let check = TensorCheck(packed, crew: crew)
        #expect(check.isFinite && check.skipped.isEmpty && check.findings.isEmpty)
    }
}
