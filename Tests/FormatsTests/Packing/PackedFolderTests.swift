import TestSupport
import Testing

@testable import Formats

/// The layers of quantised folders, read as the tools that wrote them read them.
@Suite struct PackedFolderTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private static func fixture(_ name: String) -> PackingFixture { PackingFixture(name: name) }

    // MARK: - Values

    /// The tools' own numbers, to the bit but for the sign of zeros.
    @Test(arguments: PackingFixture.all)
    func valuesAreThoseOfTheToolThatWroteThem(fixture: PackingFixture) throws {
        let model = try fixture.open()
        #expect(model.quantization != nil)
        #expect(model.quantization?.problem == nil, "\(model.quantization?.description ?? "")")
        let expected = try fixture.expected()
        #expect(model.tensors.count == expected.count)
        for wanted in expected {
            let weight = try #require(model.tensors.first { $0.name == wanted.name })
            #expect(weight.shape == wanted.shape)
            let (found, values) = (try weight.values(), try wanted.values())
            // bitsandbytes writes zeros of either sign for FP4's two.
            let different = zip(found, values).count {
                $0.bitPattern != $1.bitPattern && !($0 == 0 && $1 == 0)
            }
            #expect(different == 0, "\(wanted.name): \(different) of \(values.count) values")
        }
    }

    /// Any stretch of elements and any rows are those of the whole.
    @Test(arguments: PackingFixture.all)
    func anyRowsCanBeReadByThemselves(fixture: PackingFixture) throws {
        for weight in try fixture.open().tensors {
            guard let packed = weight.packed else { continue }
            let all = try weight.storedValues()
            let columns = packed.columns
            for first in [0, 1, columns - 1, columns, columns + 3] {
                for count in [1, columns - 1, columns, columns + 2] {
                    let part = [Float](filling: count) { packed.widen(from: first, into: $0) }
                    #expect(
                        part.map(\.bitPattern) == all[first..<(first + count)].map(\.bitPattern))
                }
            }
            if let rows = weight.rows(2..<5) {
                #expect(
                    try rows.values().map(\.bitPattern)
                        == all[(2 * columns)..<(5 * columns)].map(\.bitPattern))
            }
        }
    }

    @Test func anExpertsMatrixIsAPart() throws {
        for name in ["fp8-experts", "mxfp4"] {
            let weight = try #require(
                Self.fixture(name).open().tensors.first { $0.packed != nil })
            let all = try weight.values()
            let second = try #require(weight.matrix(ofExpert: 1))
            #expect(second.shape == Array(weight.shape.dropFirst()))
            #expect(try second.values() == Array(all[(all.count / 2)...]))
            #expect(weight.matrix(ofExpert: 2) == nil)
        }
    }

    // MARK: - Parts

    @Test func partsAndWhatGoesWithThemAreNoWeights() throws {
        let model = try Self.fixture("ct-nvfp4").open()
        let weight = try #require(model.tensors.first)
        #expect(weight.name == PackingFixture.layer + ".weight" && model.tensors.count == 1)
        #expect(
            Set(weight.parts.map { $0.name.dropFirst(PackingFixture.layer.count) }) == [
                ".weight_packed", ".weight_scale", ".weight_global_scale", ".input_global_scale",
            ])
        #expect(weight.stored == nil && weight.type == .f32 && weight.storageName == "nvfp4")
        #expect(weight.byteCount == weight.parts.reduce(0) { $0 + $1.bytes.count })
    }

    @Test func aBiasStaysAWeightOfItsOwn() throws {
        let model = try Self.fixture("fp8-scale").open()
        let bias = try #require(model.tensors.first { $0.name.hasSuffix(".bias") })
        #expect(bias.stored != nil && model.tensors.count == 2)
    }

    // MARK: - Refusals

    private func problem(
        _ name: String, tensors: (inout [StoredBytes]) throws -> Void
    ) throws -> PackingProblem? {
        Self.problem(of: try Self.fixture(name).copy(in: folder, tensors: tensors))
    }

    private func problem(
        _ name: String, config: (inout JSONObject) -> Void
    ) throws -> PackingProblem? {
        Self.problem(of: try Self.fixture(name).copy(in: folder, config: config))
    }

    /// Nothing is shown as a weight that cannot be read.
    private static func problem(of model: Checkpoint) -> PackingProblem? {
        guard let problem = model.quantization?.problem else { return nil }
        #expect(model.tensors.allSatisfy { $0.packed == nil })
        return problem
    }

    @Test(arguments: [
        ("fp8-blocks", "weight_format"), ("ct-pack4-group", "weight_g_idx"),
        ("ct-float-channel", "pre_quant_scale"), ("gptq-v1", "weight"), ("awq", "channel_scale"),
        ("mlx-4", "weight_shift"), ("bnb-nf4", "rotation"),
    ])
    func anUnknownPartOfALayerIsRefusedByName(name: String, ending: String) throws {
        let problem = try problem(name, tensors: { $0.add("." + ending, .f32, [4]) })
        #expect(problem?.fact.contains(PackingFixture.layer) == true)
        #expect(problem?.fact.contains("." + ending) == true)
    }

    @Test(arguments: [
        ("fp8-blocks", "new_scales"), ("ct-pack4-group", "rotation"), ("gptq-v1", "codebook"),
        ("awq", "codebook"), ("bnb-nf4", "new"), ("mxfp4", "new"),
    ])
    func anUnknownMemberIsRefusedByName(name: String, member: String) throws {
        let problem = try problem(
            name,
            config: { config in
                guard var inner = config["quantization_config"]?.object else { return }
                inner[member] = .integer(1)
                config["quantization_config"] = .object(inner)
            })
        #expect(problem?.kind == .unsupported && problem?.fact.contains(member) == true)
    }

    @Test(arguments: [
        ("gptq-v1", "checkpoint_format", JSONValue.string("marlin")),
        ("gptq-v1", "bits", .integer(3)),
        ("awq", "version", .string("gemv")), ("awq", "bits", .integer(8)),
        ("ct-pack4-group", "format", .string("marlin-24")),
        ("ct-pack4-group", "transform_config", .object(JSONObject([.init("R1", .integer(1))]))),
        ("bnb-int8", "llm_int8_has_fp16_weight", .bool(true)),
        ("fp8-blocks", "fmt", .string("e5m2")),
        ("auto-round", "packing_format", .string("auto_round:new")),
        ("fp8-blocks", "quant_method", .string("new")),
        ("gptq-v1", "group_size", .integer(.min)),
        ("fp8-blocks", "weight_block_size", .array([.integer(.max), .integer(.max)])),
    ])
    func aValueThatIsNotReadIsRefusedByName(name: String, key: String, value: JSONValue) throws {
        let problem = try problem(
            name,
            config: { config in
                guard var inner = config["quantization_config"]?.object else { return }
                inner[key] = value
                config["quantization_config"] = .object(inner)
            })
        #expect(problem?.kind == .unsupported)
        #expect(problem?.fact.contains(key == "quant_method" ? "method" : key) == true)
    }

    @Test func sizesBeyondAnyLayerAreRefused() throws {
        let nested = try problem(
            "bnb-nf4-nested",
            tensors: { tensors in
                for index in tensors.indices
                where tensors[index].description.name.contains("quant_state") {
                    let old = tensors[index]
                    let text = String(decoding: old.bytes, as: UTF8.self).replacing(
                        #""nested_blocksize": 256"#,
                        with: #""nested_blocksize": 9223372036854775807"#)
                    let description = TensorDescription(
                        name: old.description.name, type: .u8, shape: [text.utf8.count])
                    tensors[index] = (description, Array(text.utf8))
                }
            })
        #expect(nested?.fact.contains("block size and shape in JSON") == true)
    }

    /// A part of another shape or type, with what the message names.
    struct Malformed: Sendable, CustomTestStringConvertible {
        let name: String
        let ending: String
        let shape: [Int]
        var type: ElementType?

        var testDescription: String { "\(name) \(ending) \(shape)" }
    }

    @Test(arguments: [
        Malformed(name: "fp8-blocks", ending: "_scale_inv", shape: [2, 2]),
        Malformed(name: "fp8-partial", ending: "_scale_inv", shape: [2, 3]),
        Malformed(name: "fp8-tensor", ending: "_scale_inv", shape: [2]),
        Malformed(name: "fp8-experts", ending: "_scale_inv", shape: [3, 2, 1]),
        Malformed(name: "ct-pack4-group", ending: "weight_scale", shape: [16, 3]),
        Malformed(name: "ct-pack4-group", ending: "weight_shape", shape: [3]),
        Malformed(name: "ct-pack4-group", ending: "weight_packed", shape: [16, 7]),
        Malformed(name: "ct-pack4-zeros", ending: "zero_point", shape: [2, 2]),
        Malformed(name: "ct-int-zeros", ending: "zero_point", shape: [15, 1]),
        Malformed(name: "ct-nvfp4", ending: "global_scale", shape: [2]),
        Malformed(name: "gptq-v1", ending: "g_idx", shape: [63]),
        Malformed(name: "gptq-v1", ending: "scales", shape: [3, 32]),
        Malformed(name: "gptq-v1", ending: "qzeros", shape: [4, 3]),
        Malformed(name: "gptq-v1", ending: "qweight", shape: [7, 32]),
        Malformed(name: "awq", ending: "qzeros", shape: [1, 4]),
        Malformed(name: "awq", ending: "qweight", shape: [64, 3]),
        Malformed(name: "bnb-nf4", ending: "absmax", shape: [15]),
        Malformed(name: "bnb-nf4", ending: "quant_map", shape: [15]),
        Malformed(name: "bnb-nf4-nested", ending: "nested_absmax", shape: [1]),
        Malformed(name: "bnb-int8", ending: "SCB", shape: [15]),
        Malformed(name: "mlx-4", ending: "down_proj.biases", shape: [8, 1]),
        Malformed(name: "mlx-4", ending: "down_proj.scales", shape: [7, 2]),
        Malformed(name: "mxfp4", ending: "_scales", shape: [2, 8, 1]),
        Malformed(name: "fp8-blocks", ending: "_scale_inv", shape: [2, 3], type: .i32),
        Malformed(name: "gptq-v1", ending: "qweight", shape: [8, 32], type: .f32),
        Malformed(name: "modelopt-int4", ending: "pre_quant_scale", shape: [31]),
    ])
    func partsThatDoNotFitAreRefusedByTensorAndNumbers(part: Malformed) throws {
        let problem = try #require(
            try problem(
                part.name, tensors: { $0.reshape(part.ending, part.shape, type: part.type) }))
        #expect(problem.fact.contains("tensor '"))
        #expect(!problem.fact.contains("\n"))
    }

    @Test func groupsBeyondTheLastAreRefused() throws {
        let problem = try problem(
            "gptq-order",
            tensors: { tensors in
                for index in tensors.indices
                where tensors[index].description.name.hasSuffix("g_idx") {
                    tensors[index].bytes[4] = 200
                }
            })
        #expect(problem?.kind == .input && problem?.fact.contains("input 1 is 200") == true)
    }

    @Test func partsThatAreMissingAreNamed() throws {
        for (name, ending) in [
            ("fp8-blocks", "_scale_inv"), ("ct-pack4-group", "weight_shape"), ("awq", "qzeros"),
            ("bnb-nf4", "quant_state.bitsandbytes__nf4"), ("mlx-4", "down_proj.scales"),
            ("modelopt-nvfp4", "weight_scale_2"), ("mxfp4", "_scales"),
        ] {
            let problem = try problem(
                name,
                tensors: { tensors in
                    tensors.removeAll { $0.description.name.hasSuffix(ending) }
                })
            #expect(problem?.kind == .input, "\(name)")
        }
    }

    @Test func aFolderThatSaysItIsPackedAndIsNotIsRefused() throws {
        let problem = try problem(
            "fp8-blocks",
            tensors: { tensors in
                tensors.removeAll { _ in true }
                tensors.add(".weight", .bf16, [4, 4])
            })
        #expect(problem?.kind == .input && problem?.fact.contains("no tensor is packed") == true)
    }

    @Test func zeroPointsAndGroupsMustBeThoseDeclared() throws {
        let undeclared = try problem(
            "ct-pack4-group", tensors: { $0.add(".weight_zero_point", .i32, [2, 2]) })
        #expect(undeclared?.fact.contains("agrees with none") == true)
    }
}
