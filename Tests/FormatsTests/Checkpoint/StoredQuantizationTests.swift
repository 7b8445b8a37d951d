import Foundation
import TestSupport
import Testing

@testable import Formats

/// Folders whose tensors are codes: recognised by what their tools write, and never taken by their bytes.
@Suite struct StoredQuantizationTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private static func object(_ text: String) throws -> JSONValue {
        try JSONReader.parse(Array(text.utf8), source: "test")
    }

    /// The family's model with a configuration that says how it is quantised.
    private func model(
        _ key: String, _ text: String, family: String = "llama"
    ) throws -> Checkpoint {
        try FamilyFixture(family, in: folder, config: [key: Self.object(text)]).open()
    }

    /// The model with an I8 matrix and a tensor beside it, and without a word in its configuration.
    private func model(
        beside ending: String, type: ElementType, weight: ElementType = .i8,
        named name: String = "model.layers.0.self_attn.q_proj"
    ) throws -> Checkpoint {
        try FamilyFixture("llama", in: folder) { tensors in
            tensors.filter { $0.description.name != name + ".weight" } + [
                (
                    TensorDescription(name: name + ".weight", type: weight, shape: [8, 8]),
                    [UInt8](repeating: 1, count: weight.byteCount(elements: 64) ?? 0)
                ),
                (
                    TensorDescription(name: name + ending, type: type, shape: [8]),
                    [UInt8](repeating: 1, count: type.byteCount(elements: 8) ?? 0)
                ),
            ]
        }.open()
    }

    private func refusal(_ work: () throws -> Void) -> (any Failure)? {
        do {
            try work()
            return nil
        } catch {
            return error as? any Failure
        }
    }

    // MARK: - Recognition

    @Test(arguments: [
        ("quantization_config", #"{"quant_method": "gptq", "bits": 4}"#, "gptq"),
        ("quantization_config", #"{"quant_method": "awq"}"#, "awq"),
        (
            "quantization_config",
            #"{"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}"#,
            "compressed-tensors nvfp4-pack-quantized"
        ),
        (
            "quantization_config",
            #"{"quant_method": "bitsandbytes", "load_in_4bit": true, "bnb_4bit_quant_type": "nf4"}"#,
            "bitsandbytes nf4"
        ),
        ("quantization_config", #"{"load_in_8bit": true}"#, "bitsandbytes int8"),
        ("quantization_config", #"{"quant_algo": "NVFP4"}"#, "modelopt NVFP4"),
        ("quantization_config", #"{"config_groups": {"group_0": {}}}"#, "compressed-tensors"),
        ("quantization", #"{"group_size": 64, "bits": 4}"#, "mlx"),
        ("quantization_config", #"{"group_size": 64, "bits": 4}"#, "mlx"),
        ("compression_config", #"{"quant_method": "sparseml"}"#, "sparseml"),
        ("quantization_config", #"{"quant_method": "new", "weights": []}"#, "new"),
        ("quantization_config", #"{"bits": 4}"#, "an unknown method"),
        ("quantization_config", #""int4""#, "int4"),
        ("text_config", #"{"quantization_config": {"quant_method": "mxfp4"}}"#, "mxfp4"),
        ("a_config", #"{"b_config": {"quantization": {"group_size": 32}}}"#, "mlx"),
    ])
    func theConfigurationNamesTheMethod(key: String, text: String, method: String) throws {
        let model = try model(key, text)
        #expect(model.quantization?.method == method)
        let evidence = try #require(model.quantization?.evidence)
        #expect(evidence.contains("config.json"))
    }

    @Test(arguments: ["null", "false", "{}"])
    func anEmptyKeySaysNothing(text: String) throws {
        let model = try model("quantization_config", text)
        #expect(model.quantization == nil)
        _ = try model.hyperparameters()
    }

    @Test(arguments: [
        ("hf_quant_config.json", #"{"quantization": {"quant_algo": "FP8"}}"#, "modelopt FP8"),
        ("quantize_config.json", #"{"bits": 4, "group_size": 128}"#, "gptq"),
        ("quant_config.json", #"{"zero_point": true, "w_bit": 4}"#, "awq"),
    ])
    func filesBesideTheConfigurationNameTheMethod(
        name: String, text: String, method: String
    ) throws {
        let fixture = try FamilyFixture("llama", in: folder, config: [:])
        try Data(text.utf8).write(to: URL(fileURLWithPath: fixture.path + "/" + name))
        let quantization = try #require(try fixture.open().quantization)
        #expect(quantization.method == method && quantization.evidence == name)
    }

    @Test(arguments: [
        (".SCB", ElementType.f32, "bitsandbytes int8"), (".weight.absmax", .u8, "bitsandbytes"),
        (".weight.quant_state.bitsandbytes__nf4", .u8, "bitsandbytes"),
        (".qweight", .i32, "gptq or awq"),
        (".g_idx", .i32, "gptq"), (".weight_packed", .u8, "compressed-tensors"),
        (".weight_scale", .f32, "scales beside them"), (".weight_scale_inv", .f32, "fp8"),
        (".weight_scale_2", .f32, "modelopt"), ("._weight_qdata", .i8, "torchao"),
        (".weight._data", .i8, "quanto"), (".W_q", .u8, "hqq"),
    ])
    func tensorsOfAQuantiserTellWithoutAConfiguration(
        ending: String, type: ElementType, method: String
    ) throws {
        let model = try model(beside: ending, type: type)
        #expect(model.quantization?.method == method)
        #expect(model.quantization?.evidence.contains(ending) == true)
    }

    @Test func scalesOfMLXAndBlocksOfMXFP4AreToldByTheTensorsBesideThem() throws {
        let packed = try model(beside: ".scales", type: .f16, weight: .u32)
        #expect(packed.quantization?.method == "mlx")
        let other = try TemporaryFolder()
        let blocks = try FamilyFixture("llama", in: other) { tensors in
            tensors
                + ["_blocks", "_scales"].map {
                    (
                        TensorDescription(name: "model.layers.0.mlp.x" + $0, type: .u8, shape: [1]),
                        [0]
                    )
                }
        }
        #expect(try blocks.open().quantization?.method == "mxfp4")
    }

    @Test(arguments: [ElementType.i8, .u8, .i32, .bool])
    func aWeightOfIntegersIsRefusedWithoutAnyMark(type: ElementType) throws {
        let model = try FamilyFixture("llama", in: folder) { tensors in
            tensors.map { tensor in
                guard tensor.description.name == "model.norm.weight" else { return tensor }
                let shape = tensor.description.shape
                let count = type.byteCount(elements: shape.reduce(1, *)) ?? 0
                return (
                    TensorDescription(name: tensor.description.name, type: type, shape: shape),
                    [UInt8](repeating: 1, count: count)
                )
            }
        }.open()
        #expect(model.quantization?.evidence == "tensor 'model.norm.weight' is \(type.name)")
        #expect(refusal { _ = try model.hyperparameters() }?.kind == .unsupported)
    }

    @Test func plainModelsAndGGUFFilesAreNotQuantisedFolders() throws {
        for family in Families.all {
            #expect(try FamilyFixture(family).open().quantization == nil, "\(family)")
        }
        #expect(try Checkpoint.open(Samples.tinyModel).quantization == nil)
    }

    // MARK: - What is refused and what is kept

    @Test func whateverNeedsTheWeightsRefusesByTheMethod() throws {
        let model = try model("quantization_config", #"{"quant_method": "gptq"}"#)
        let plain = try Checkpoint.open(Samples.tinyModel)
        let update = LowRankUpdate(
            role: .block(0, .attentionQuery), rank: 1, a: [], b: [], rows: .same, scale: 1)
        func plan(_ edits: [CheckpointEdit], _ format: FileFormat) throws {
            _ = try OutputPlan(source: model, edits: edits, format: format)
        }
        let crew = WorkCrew(threads: 1)
        let works: [(String, () throws -> Void)] = [
            ("numbers", { _ = try model.hyperparameters() }),
            ("retype", { try plan([.types(.plain(.bf16))], .safetensors) }),
            ("merge", { try plan([.add(update, type: nil)], .safetensors) }),
            ("to GGUF", { try plan([], .gguf) }),
            ("diff", { _ = try CheckpointComparison(plain, model, crew: crew) }),
            ("diff of two", { _ = try CheckpointComparison(model, model, crew: crew) }),
            ("adapter", { _ = try Adapter.read(folder.path("nowhere"), for: model) }),
            (
                "bias",
                {
                    try plan(
                        [
                            .set(
                                .block(0, .feedForwardDown, .bias), values: [], form: .canonical,
                                type: .f32)
                        ],
                        .safetensors)
                }
            ),
        ]
        for (name, work) in works {
            let failure = refusal(work)
            #expect(failure?.kind == .unsupported, "\(name)")
            #expect(failure?.description.contains("quantised with gptq") == true, "\(name)")
        }
    }

    @Test func aCopyKeepsEveryTensor() throws {
        let model = try model(beside: ".weight_scale_inv", type: .f32, weight: .f8E4M3)
        #expect(model.quantization != nil)
        let plan = try OutputPlan(source: model, edits: [], format: .safetensors)
        #expect(plan.tensors.count == model.tensors.count)
        for tensor in plan.tensors { #expect(tensor.isCopy) }
    }

    @Test func floatsOfEightBitsWithoutScalesAreNumbers() throws {
        let name = "model.layers.0.self_attn.q_proj.weight"
        let model = try FamilyFixture("llama", in: folder) { tensors in
            tensors.map { tensor in
                guard tensor.description.name == name else { return tensor }
                let shape = tensor.description.shape
                // 0x38 is 1.
                return (
                    TensorDescription(name: name, type: .f8E4M3, shape: shape),
                    [UInt8](repeating: 0x38, count: shape.reduce(1, *))
                )
            }
        }.open()
        #expect(model.quantization == nil)
        let plan = try OutputPlan(
            source: model, edits: [.types(.plain(.bf16))], format: .safetensors)
        let tensor = try #require(plan.tensors.first { $0.description.name == name })
        #expect(tensor.description.type == .bf16)
        #expect(try tensor.bytes(rows: 0..<1).bytes.prefix(2) == [0x80, 0x3f])
    }

    @Test func whatIsNoWeightOfTheFamilyKeepsItsType() throws {
        let name = "model.layers.0.self_attn.rotary_emb.inv_freq"
        let model = try FamilyFixture("llama", in: folder) { tensors in
            tensors + [(TensorDescription(name: name, type: .f32, shape: [1]), [1, 2, 3, 4])]
        }.open()
        let plan = try OutputPlan(
            source: model, edits: [.types(.plain(.bf16))], format: .safetensors)
        for tensor in plan.tensors {
            #expect((tensor.description.type == .f32) == (tensor.description.name == name))
        }
    }
}
