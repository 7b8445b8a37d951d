import Foundation
import TestSupport
import Testing

@testable import Formats

/// Adapters of embeddings, heads and experts: as PEFT writes them (see `Fixtures/Adapters/make_layout_adapters.py`), and
/// as llama.cpp's converter does.
@Suite struct AdapterLayoutTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The family's small model in both formats.
    private func bases(_ family: String) throws -> [Checkpoint] {
        let hub = try FamilyFixture(family).open()
        return [hub, try folder.write(hub, [], as: family + ".gguf")]
    }

    private func values(_ tensor: WeightTensor?) throws -> [Float] {
        try #require(tensor).values()
    }

    private func refusal(_ work: () throws -> Void) -> (any Failure)? {
        do {
            try work()
            return nil
        } catch {
            return error as? any Failure
        }
    }

    // MARK: - PEFT

    @Test(arguments: ["olmo2", "mixtral", "qwen3_moe", "qwen2"])
    func mergedWeightsAreThoseOfTheTrainedModel(family: String) throws {
        let path = try AdapterTests.fixture("layout-" + family)
        let rows = try SafetensorsFile(path: path + "-rows.safetensors").tensors
        for base in try bases(family) {
            let adapter = try Adapter.read(path, for: base)
            #expect(adapter.notes.isEmpty && adapter.updates.count == rows.count)
            let merged = try folder.write(base, adapter.edits(type: .f32), as: "merged")
            for expected in rows {
                let name = expected.description.name
                let tensor = try #require(merged.tensors.first { $0.name == name })
                let (columns, count) = (tensor.description.columns, tensor.shape[0])
                let (ours, theirs) = (try tensor.values(), try expected.values())
                for (index, row) in [0, 2, count - 1].enumerated() {
                    for column in 0..<columns {
                        let difference =
                            ours[row * columns + column] - theirs[index * columns + column]
                        #expect(abs(difference) <= 1e-6, "\(name) row \(row) column \(column)")
                    }
                }
            }
        }
    }

    /// A copy of a PEFT fixture with a changed configuration and changed tensors.
    private func peft(
        _ family: String, config changes: [String: JSONValue?] = [:],
        _ change: ([FamilyFixture.Stored]) -> [FamilyFixture.Stored] = { $0 }
    ) throws -> String {
        let path = folder.path("adapter")
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.copyItem(
            atPath: AdapterTests.fixture("layout-" + family), toPath: path)
        let file = path + "/adapter_config.json"
        var config = try #require(JSONReader.parse(try bytes(ofFile: file), source: file).object)
        for (key, value) in changes { config[key] = value }
        _ = try folder.write(
            JSONWriter().bytes(.object(config)), as: "adapter/adapter_config.json")
        let stored = change(
            try SafetensorsFile(path: path + "/adapter_model.safetensors").tensors.map {
                ($0.description, $0.bytes.withUnsafeBytes { Array($0) })
            })
        let header = try SafetensorsHeader(path: path, tensors: stored.map(\.description))
        var data = header.bytes
        for placement in header.layout {
            data += stored.first { $0.description == placement.description }?.bytes ?? []
        }
        _ = try folder.write(data, as: "adapter/adapter_model.safetensors")
        return path
    }

    private static let head = "base_model.model.lm_head.base_layer.weight"

    @Test func aCopyOfTheBaseMayBeRoundedButNotAnother() throws {
        for base in try bases("olmo2") {
            let plain = try Adapter.read(AdapterTests.fixture("layout-olmo2"), for: base)
            let half = try peft("olmo2") { tensors in
                tensors.map { tensor in
                    guard tensor.description.name == Self.head else { return tensor }
                    let values = tensor.bytes.withUnsafeBytes {
                        Array($0.bindMemory(to: Float.self))
                    }
                    return (
                        TensorDescription(
                            name: Self.head, type: .f16, shape: tensor.description.shape),
                        values.flatMap { le(Float16($0).bitPattern) }
                    )
                }
            }
            #expect(try Adapter.read(half, for: base).updates == plain.updates)
            let other = try peft("olmo2") { tensors in
                tensors.map { tensor in
                    guard tensor.description.name == Self.head else { return tensor }
                    // The last byte of a float holds its sign.
                    return (
                        tensor.description,
                        tensor.bytes.dropLast() + tensor.bytes.suffix(1).map { $0 ^ 0x80 }
                    )
                }
            }
            let failure = refusal { _ = try Adapter.read(other, for: base) }
            #expect(
                failure?.description.contains("another base") == true,
                "\(String(describing: failure))")
            #expect(failure?.description.contains("[77, 23]") == true)
            let longer = try peft("olmo2") { tensors in
                tensors.map { tensor in
                    guard tensor.description.name == Self.head else { return tensor }
                    return (
                        TensorDescription(name: Self.head, type: .f32, shape: [79, 24]),
                        tensor.bytes + [UInt8](repeating: 0, count: 96)
                    )
                }
            }
            let shape = refusal { _ = try Adapter.read(longer, for: base) }
            #expect(shape?.description.contains("[79, 24], but the base's [78, 24]") == true)
        }
    }

    @Test func aCopyBesideAQuantisedBaseMayDifferByItsRounding() throws {
        let hub = try Checkpoint.open(Samples.tinyModel)
        let embedding = try #require(hub.tensor(WeightRole(.tokenEmbedding)))
        let copy = { (values: [Float]) throws -> StoredTensor in
            let path = try folder.write(
                try SafetensorsHeader(
                    path: "",
                    tensors: [TensorDescription(name: "a", type: .f32, shape: embedding.shape)]
                ).bytes + values.flatMap { le($0.bitPattern) }, as: "copy.safetensors")
            return try SafetensorsFile(path: path).tensors[0]
        }
        let values = try embedding.values()
        let base = try folder.write(
            hub, [.set(WeightRole(.tokenEmbedding), values: values, form: .canonical, type: .q4_0)],
            as: "q.gguf")
        for (values, isOther) in [(values, false), (values.map { -$0 }, true)] {
            let check = BaseCopy(
                file: "x", tensor: try copy(values), role: WeightRole(.tokenEmbedding), base: base)
            let failure = refusal { try check.check() }
            #expect((failure != nil) == isOther, "\(String(describing: failure))")
        }
    }

    @Test func paddingThatAFileDoesNotHaveIsNeitherUpdatedNorCompared() throws {
        let name = "model.embed_tokens"
        // Two rows beyond the tokenizer's tokens.
        let padded = try FamilyFixture(
            "gemma3", in: folder, config: ["vocab_size": .integer(298)]
        ) { tensors in
            tensors.map { tensor in
                guard tensor.description.name == name + ".weight" else { return tensor }
                return (
                    TensorDescription(
                        name: name + ".weight", type: tensor.description.type, shape: [298, 16]),
                    tensor.bytes + tensor.bytes.prefix(tensor.bytes.count / 296 * 2)
                )
            }
        }
        let hub = try padded.open()
        let other = try FamilyFixture("gemma3").open()
        let gguf = try folder.write(other, [], as: "gemma3.gguf")
        let embedding = try #require(hub.tensor(WeightRole(.tokenEmbedding)))
        #expect(gguf.tensor(WeightRole(.tokenEmbedding))?.shape == [296, 16])
        let module = "base_model.model." + name
        func floats(_ ending: String, _ shape: [Int]) -> FamilyFixture.Stored {
            (
                TensorDescription(name: module + ending, type: .f32, shape: shape),
                numbered(shape[0] * shape[1]).flatMap { le($0.bitPattern) }
            )
        }
        let path = try peft("qwen2") { _ in
            [
                floats(".lora_embedding_A", [1, 298]), floats(".lora_embedding_B", [16, 1]),
                (
                    TensorDescription(
                        name: module + ".base_layer.weight", type: embedding.type,
                        shape: [298, 16]),
                    embedding.bytes.withUnsafeBytes { Array($0) }
                ),
            ]
        }
        let own = try #require(Adapter.read(path, for: hub).updates.first)
        let cut = try #require(Adapter.read(path, for: gguf).updates.first)
        #expect(own.b == numbered(298) && own.a == numbered(16))
        #expect(cut.b == Array(numbered(298).prefix(296)) && cut.a == own.a)
        #expect(
            refusal { _ = try Adapter.read(path, for: other) }?.description
                .contains("[298, 16], but the base's [296, 16]") == true)
    }

    @Test func updatesOfATiedEmbeddingOrHeadAloneMakeAHeadOfItsOwn() throws {
        for base in try bases("qwen2") {
            for part in ["lora_", "lora_embedding", "lm_head"] {
                let path = try peft("qwen2", config: ["ensure_weight_tying": .bool(false)]) {
                    $0.filter { tensor in
                        tensor.description.name.contains("base_layer")
                            || tensor.description.name.contains(part)
                    }
                }
                let adapter = try Adapter.read(path, for: base)
                #expect(adapter.updates.count == (part == "lora_" ? 2 : 1))
                #expect(adapter.ownHead != nil, "\(part)")
            }
        }
    }

    @Test func aTiedUpdateMustBeThatOfTheEmbedding() throws {
        for base in try bases("qwen2") {
            let alone = try peft("qwen2") {
                $0.filter { !$0.description.name.contains("lora_embedding") }
            }
            let failure = refusal { _ = try Adapter.read(alone, for: base) }
            #expect(failure?.kind == .unsupported)
            #expect(failure?.description.contains("ensure_weight_tying") == true)
            let apart = try peft("qwen2") { tensors in
                tensors.map { tensor in
                    tensor.description.name.contains("lm_head.lora_B")
                        ? (
                            tensor.description,
                            tensor.bytes.enumerated().map { $0 % 4 == 3 ? $1 ^ 0x80 : $1 }
                        ) : tensor
                }
            }
            #expect(refusal { _ = try Adapter.read(apart, for: base) }?.kind == .unsupported)
        }
    }

    @Test func aParameterWithoutItsUpdateIsRefusedBecauseNamesThenMeanOthers() throws {
        let base = try FamilyFixture("mixtral").open()
        let path = try peft("mixtral") {
            $0.filter { !$0.description.name.contains("0.mlp.experts.base_layer") }
        }
        let failure = refusal { _ = try Adapter.read(path, for: base) }
        #expect(
            failure?.description.contains("gate_up_proj, which target_parameters names") == true)
        let none = try peft("mixtral", config: ["target_parameters": .null])
        #expect(refusal { _ = try Adapter.read(none, for: base) } != nil)
    }

    @Test func aSingleParameterIsTheOneThatIsNamed() throws {
        let base = try FamilyFixture("qwen3_moe").open()
        // Without gate_up_proj the wrapper of down_proj is the only one, and keeps its name.
        let path = try peft(
            "qwen3_moe",
            config: ["target_parameters": .array([.string("layers.0.mlp.experts.down_proj")])]
        ) { tensors in
            tensors.filter {
                $0.description.name.contains("layers.0.mlp.experts.lora")
            }
        }
        let adapter = try Adapter.read(path, for: base)
        #expect(Set(adapter.updates.map(\.role.slot)) == [.block(0, .expertDown)])
        let all = try Adapter.read(AdapterTests.fixture("layout-qwen3_moe"), for: base)
        #expect(adapter.updates == all.updates.filter { $0.role.slot == .block(0, .expertDown) })
    }

    // MARK: - llama.cpp

    private typealias Values = (name: String, shape: [Int], values: [Float])

    private func lora(_ architecture: String, _ tensors: [Values]) throws -> String {
        let header = try GGUFHeader(
            path: "",
            metadata: GGUFMetadata([
                .init("general.architecture", .string(ByteString(architecture))),
                .init("general.type", .string(ByteString("adapter"))),
                .init("adapter.type", .string(ByteString("lora"))),
                .init("adapter.lora.alpha", .f32(3)),
            ]),
            tensors: tensors.map { TensorDescription(name: $0.name, type: .f32, shape: $0.shape) })
        var bytes = header.bytes
        for (tensor, placement) in zip(tensors, header.layout) {
            bytes += [UInt8](repeating: 0, count: placement.offset - bytes.count)
            bytes += tensor.values.flatMap { le($0.bitPattern) }
        }
        bytes += [UInt8](repeating: 0, count: header.fileSize - bytes.count)
        return try folder.write(bytes, as: "lora.gguf")
    }

    private func numbered(_ count: Int, from start: Float = 1) -> [Float] {
        (0..<count).map { (start + Float($0 % 17)) / 16 }
    }

    @Test func stackedExpertsAreSplitInBothFormats() throws {
        for base in try bases("mixtral") {
            let path = try lora(
                "llama",
                [
                    ("blk.1.ffn_down_exps.weight.lora_a", [4, 2, 20], numbered(160)),
                    ("blk.1.ffn_down_exps.weight.lora_b", [4, 16, 2], numbered(128, from: 3)),
                ])
            let adapter = try Adapter.read(path, for: base)
            #expect(adapter.updates.map(\.role.expert) == [0, 1, 2, 3])
            for (expert, update) in adapter.updates.enumerated() {
                #expect(update.role.slot == .block(1, .expertDown) && update.scale == 1.5)
                #expect(update.a == Array(numbered(160)[(expert * 40)..<(expert * 40 + 40)]))
                #expect(
                    update.b == Array(numbered(128, from: 3)[(expert * 32)..<(expert * 32 + 32)]))
            }
            let merged = try folder.write(
                base, adapter.edits(), as: base.format == .gguf ? "m.gguf" : "m")
            let role = WeightRole(.block(1, .expertDown), expert: 2)
            let (before, after) = (try values(base.tensor(role)), try values(merged.tensor(role)))
            let update = adapter.updates[2]
            let change = 1.5 * (update.b[6] * update.a[5] + update.b[7] * update.a[25])
            #expect(abs(after[3 * 20 + 5] - before[3 * 20 + 5] - change) < 1e-5)
        }
    }

    @Test func expertsAreWrittenAsStacksAndReadBack() throws {
        for base in try bases("qwen3_moe") {
            let all = try Adapter.read(AdapterTests.fixture("layout-qwen3_moe"), for: base)
            // Of one weight only some experts, of ranks and scales of their own.
            let adapter = Adapter(
                updates: all.updates.filter { $0.role.expert != 1 }, rank: all.rank,
                alpha: all.alpha)
            let path = folder.path("written.gguf")
            try adapter.write(to: path, for: base, baseName: nil, replacing: true)
            let found = try Adapter.read(path, for: base)
            #expect(found.updates.count == all.updates.count)
            for update in found.updates {
                guard let own = adapter.updates.first(where: { $0.role == update.role }) else {
                    #expect(update.role.expert == 1 && update.b.allSatisfy { $0 == 0 })
                    continue
                }
                #expect(update.rank == own.rank && update.a == own.a)
                for (left, right) in zip(update.b, own.b) {
                    #expect(
                        abs(left * update.scale - right * own.scale) <= 1e-6
                            * abs(right * own.scale))
                }
            }
        }
    }

    @Test func stacksOfAnotherShapeAreRefusedWithBoth() throws {
        let base = try FamilyFixture("mixtral").open()
        let path = try lora(
            "llama",
            [
                ("blk.1.ffn_down_exps.weight.lora_a", [3, 2, 20], numbered(120)),
                ("blk.1.ffn_down_exps.weight.lora_b", [3, 16, 2], numbered(96)),
            ])
        let line = refusal { _ = try Adapter.read(path, for: base) }?.description
        #expect(line?.hasSuffix("has shape [3, 2, 20], but the base makes it [4, 2, 20]") == true)
    }

    @Test func anEmbeddingsHalvesAreFlippedAsInLlamaCpp() throws {
        let tensors: [Values] = [
            ("token_embd.weight.lora_a", [78, 1], numbered(78)),
            ("token_embd.weight.lora_b", [24, 1], numbered(24, from: 5)),
        ]
        for base in try bases("olmo2") {
            let adapter = try Adapter.read(try lora("olmo2", tensors), for: base)
            let update = try #require(adapter.updates.first)
            #expect(update.role == WeightRole(.tokenEmbedding) && update.scale == 3)
            #expect(update.b == numbered(78) && update.a == numbered(24, from: 5))
        }
        for base in try bases("qwen2") {
            let path = try lora("qwen2", tensors)
            #expect(refusal { _ = try Adapter.read(path, for: base) }?.kind == .unsupported)
        }
    }
}
