import Foundation
import TestSupport
import Testing

@testable import Formats

/// Adapters that are malformed, do not belong to their base, or ask for what is not supported.
@Suite struct AdapterRefusalTests {
    private let folder: TemporaryFolder
    private let base: Checkpoint

    init() throws {
        folder = try TemporaryFolder()
        base = try Checkpoint.open(Samples.tinyModel)
    }

    @Test func anAlphaThatNoF32HoldsIsRefused() throws {
        for (key, value) in [
            ("lora_alpha", JSONValue.number(1e308)),
            ("alpha_pattern", .object(JSONObject([.init("q_proj", .number(-1e300))]))),
        ] {
            let path = try peft([key: value])
            let error = try #require(throws: AdapterError.self) {
                try Adapter.read(path, for: base)
            }
            #expect(error.kind == .input)
            expectOneLine(error, containing: ["alpha", "q_proj"])
        }
    }

    @Test func ofSeveralThatDoNotFitTheFirstByNameIsTold() throws {
        let modules = ["q_proj", "k_proj", "v_proj", "o_proj"].map {
            "base_model.model.model.layers.1.self_attn.\($0)"
        }
        let path = try peft([:], modules.flatMap { Self.halves($0, inputs: 3) })
        let error = try #require(throws: AdapterError.self) { try Adapter.read(path, for: base) }
        expectOneLine(error, containing: ["k_proj", "3"])
    }

    private typealias Tensor = (name: String, shape: [Int], values: [Float])

    private static let query = "base_model.model.model.layers.1.self_attn.q_proj"

    private static func halves(
        _ module: String = query, rank: Int = 2, inputs: Int = 128, outputs: Int = 128
    ) -> [Tensor] {
        [
            (
                module + ".lora_A.weight", [rank, inputs],
                [Float](repeating: 1, count: rank * inputs)
            ),
            (
                module + ".lora_B.weight", [outputs, rank],
                [Float](repeating: 1, count: outputs * rank)
            ),
        ]
    }

    /// Writes a PEFT folder: changed members of the configuration, and tensors.
    private func peft(
        _ changes: [String: JSONValue?] = [:], _ tensors: [Tensor] = halves()
    ) throws -> String {
        var config = JSONObject([
            .init("peft_type", .string("LORA")), .init("r", .integer(2)),
            .init("lora_alpha", .integer(4)), .init("bias", .string("none")),
        ])
        for (key, value) in changes { config[key] = value }
        let path = folder.path("adapter")
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
        _ = try folder.write(
            JSONWriter().bytes(.object(config)), as: "adapter/adapter_config.json")
        let header = try SafetensorsHeader(
            path: path,
            tensors: tensors.map { .init(name: $0.name, type: .f32, shape: $0.shape) })
        var bytes = header.bytes
        for placement in header.layout {
            let tensor = tensors.first { $0.name == placement.description.name }
            bytes += tensor?.values.withUnsafeBytes { Array($0) } ?? []
        }
        _ = try folder.write(bytes, as: "adapter/adapter_model.safetensors")
        return path
    }

    /// Writes a llama.cpp LoRA file with changed metadata or tensors.
    private func gguf(
        _ changes: [String: GGUFValue?] = [:], rename: (String) -> String = { $0 }
    ) throws -> String {
        let source = try GGUFFile.open(AdapterTests.fixture("plain.gguf"))
        var metadata = source.metadata
        for (key, value) in changes { metadata[key] = value }
        let header = try GGUFHeader(
            path: "", metadata: metadata,
            tensors: source.tensors.map {
                let old = $0.description
                return .init(name: rename(old.name), type: old.type, shape: old.shape)
            })
        var bytes = header.bytes
        for (tensor, placement) in zip(source.tensors, header.layout) {
            bytes += [UInt8](repeating: 0, count: placement.offset - bytes.count)
            bytes += tensor.bytes.withUnsafeBytes { Array($0) }
        }
        bytes += [UInt8](repeating: 0, count: header.fileSize - bytes.count)
        return try folder.write(bytes, as: "adapter.gguf")
    }

    /// The one line with which a path is refused; nil where it is read.
    private func refusal(_ path: String) -> String? {
        do {
            _ = try Adapter.read(path, for: base)
            return nil
        } catch {
            return "\(error)"
        }
    }

    @Test func theUnchangedFilesAreRead() throws {
        #expect(refusal(try peft()) == nil)
        #expect(refusal(try gguf()) == nil)
        #expect(refusal(try peft() + "/adapter_model.safetensors") == nil)
    }

    @Test(arguments: [
        ("fan_in_fan_out", JSONValue.bool(true)), ("use_qalora", .bool(true)),
        ("peft_type", .string("XLORA")), ("peft_type", .string("PREFIX_TUNING")),
        ("init_lora_weights", .string("pissa_niter_4")),
        ("init_lora_weights", .string("new_start")),
        ("layer_replication", .array([.array([.integer(0), .integer(2)])])),
        ("alora_invocation_tokens", .array([.integer(1)])),
        ("rank_pattern", .object(JSONObject([.init("(?i).*_proj", .integer(2))]))),
    ])
    func keysThatAskForMoreAreRefusedByName(key: String, value: JSONValue) throws {
        let line = try #require(refusal(try peft([key: value])))
        #expect(line.contains("'\(key)' is ") && line.contains("not supported"), "\(line)")
    }

    @Test func keysThatNoPEFTHasAreToldAndTheOthersAreNot() throws {
        let path = try peft([
            "new_scale": .number(2), "new_flag": .bool(false), "lora_dropout": .number(0.1),
            "target_modules": .array([.string("q_proj")]), "base_model_name_or_path": .string("x"),
        ])
        let adapter = try Adapter.read(path, for: base)
        #expect(adapter.notes.count == 1 && adapter.notes[0].contains("'new_scale'"))
    }

    @Test func patternsAreRegularExpressionsAndTheFirstOneWins() throws {
        func object(_ members: [(String, Int)]) -> JSONValue {
            .object(JSONObject(members.map { .init($0.0, .integer($0.1)) }))
        }
        let layers = #"layers\.[0-3]\.self_attn\.[kq]_proj"#
        let pattern = try peft(["alpha_pattern": object([(layers, 10)])])
        #expect(try Adapter.read(pattern, for: base).updates.map(\.scale) == [5])
        // These keys are not in the order in which PEFT saves them, so they are as they were written.
        let written = try peft(["alpha_pattern": object([("q_proj", 6), (layers, 10)])])
        #expect(try Adapter.read(written, for: base).updates.map(\.scale) == [3])
        let sorted = try peft(["alpha_pattern": object([(layers, 10), ("q_proj", 6)])])
        let line = try #require(refusal(sorted))
        #expect(
            line.contains("'alpha_pattern' is 10") && line.contains("6.0 under 'q_proj'"), "\(line)"
        )
        let same = try peft(["alpha_pattern": object([(layers, 10), ("q_proj", 10)])])
        #expect(try Adapter.read(same, for: base).updates.map(\.scale) == [5])
    }

    @Test(arguments: [
        ("r", JSONValue?.none), ("r", .integer(0)), ("r", .string("2")), ("lora_alpha", nil),
        ("use_dora", .string("yes")), ("bias", .bool(true)), ("modules_to_save", .bool(true)),
        ("trainable_token_indices", .array([.integer(3), .integer(3)])),
        ("trainable_token_indices", .array([.integer(-1)])),
        ("lora_alpha", .bool(true)), ("peft_type", nil), ("use_rslora", .string("yes")),
        ("rank_pattern", .array([])),
        ("alpha_pattern", .object(JSONObject([.init("q_proj", .null)]))),
    ])
    func keysThatAreMissingOrWrongAreNamed(key: String, value: JSONValue?) throws {
        let line = try #require(refusal(try peft([key: value])))
        #expect(line.contains("'\(key)") && line.contains("is not"), "\(line)")
    }

    @Test func aMissingHalfIsNamedWithTheOther() throws {
        for (kept, lost) in [(0, "lora_B"), (1, "lora_A")] {
            let line = try #require(refusal(try peft([:], [Self.halves()[kept]])))
            #expect(line.hasSuffix("but not '\(Self.query).\(lost).weight'"), "\(line)")
        }
    }

    @Test func shapesThatContradictTheBaseAreRefusedWithBoth() throws {
        let inputs = try #require(refusal(try peft([:], Self.halves(inputs: 127))))
        #expect(inputs.hasSuffix("has shape [2, 127], but the base makes it [2, 128]"))
        let outputs = try #require(refusal(try peft([:], Self.halves(outputs: 64))))
        #expect(outputs.hasSuffix("has shape [64, 2], but the base makes it [128, 2]"))
        let mixed = [Self.halves()[0], Self.halves(rank: 3)[1]]
        #expect(try #require(refusal(try peft([:], mixed))).contains("[128, 3]"))
        let flat: [Tensor] = [
            (Self.query + ".lora_A.weight", [256], [Float](repeating: 1, count: 256)),
            Self.halves()[1],
        ]
        #expect(try #require(refusal(try peft([:], flat))).contains("[256]"))
    }

    @Test func ranksThatContradictTheConfigurationAreRefusedWithBoth() throws {
        let line = try #require(refusal(try peft(["r": .integer(8)])))
        #expect(line.hasSuffix("has rank 2, but adapter_config.json says 8"), "\(line)")
    }

    @Test func valuesThatAreNotFiniteAreNamed() throws {
        var halves = Self.halves()
        halves[1].values[9] = .nan
        let line = try #require(refusal(try peft([:], halves)))
        #expect(
            line.contains("lora_B.weight' has a value that is not finite at index 9"), "\(line)")
    }

    @Test(arguments: [
        "base_model.model.model.layers.6.self_attn.q_proj",
        "base_model.model.model.layers.0.mlp.experts", "base_model.model.model.layers.1.mlp.gate",
        "base_model.model.model.layers.1.self_attn.qkv_proj", "base_model.model.",
        "base_model.model.model.layers.01.self_attn.q_proj",
    ])
    func targetsThatTheBaseDoesNotHaveAreRefused(module: String) throws {
        let line = try #require(refusal(try peft([:], Self.halves(module))))
        #expect(line.contains("belongs to a weight that") && line.contains(module), "\(line)")
    }

    @Test(arguments: [
        (".lora_magnitude_vector", "DoRA"), (".lora_B.bias", "lora_bias"),
        (".lora_embedding_A", "embedding"), (".base_layer.weight", "another base"),
        (".token_adapter.trainable_tokens_delta", "trainable_token_indices"),
        (".modules_to_save.weight", "modules_to_save"), (".bias", "does not have"),
        (".weight", "whole weight"),
        (".other", "neither"),
    ])
    func otherTensorsAreRefused(ending: String, reason: String) throws {
        let extra: Tensor = (Self.query + ending, [1], [1])
        let line = try #require(refusal(try peft([:], Self.halves() + [extra])))
        #expect(line.contains(ending) && line.contains(reason), "\(line)")
    }

    @Test func embeddingsAndNormsAreRefused() throws {
        let embedding = Self.halves("base_model.model.model.embed_tokens", outputs: 1024)
        #expect(try #require(refusal(try peft([:], embedding))).contains("embedding"))
        let norm = Self.halves("base_model.model.model.norm", outputs: 1)
        #expect(try #require(refusal(try peft([:], norm))).contains("no matrix"))
    }

    @Test func whatDoRAAndBiasesNeedIsMissed() throws {
        let lengths = try #require(refusal(try peft(["use_dora": .bool(true)])))
        #expect(lengths.contains("but not 'lora_magnitude_vector"), "\(lengths)")
        let short: Tensor = (Self.query + ".lora_magnitude_vector", [3], [1, 2, 3])
        let line = try #require(
            refusal(try peft(["use_dora": .bool(true)], Self.halves() + [short])))
        #expect(line.hasSuffix("has shape [3], but the base makes it [128]"), "\(line)")
        let bias = try #require(refusal(try peft(["lora_bias": .bool(true)])))
        #expect(bias.contains("has no bias, which key 'lora_bias' asks for"), "\(bias)")
        let stray: Tensor = (Self.query + "x.lora_magnitude_vector", [1], [1])
        #expect(refusal(try peft(["use_dora": .bool(true)], [stray])) != nil)
    }

    @Test func wholeModulesMustFitAndBeTheOnlyChange() throws {
        let norm = "base_model.model.model.norm"
        let saved: [String: JSONValue?] = ["modules_to_save": .array([.string("norm")])]
        let short: Tensor = (norm + ".weight", [3], [1, 2, 3])
        let line = try #require(refusal(try peft(saved, Self.halves() + [short])))
        #expect(line.contains("[3]") && line.contains("[128]"), "\(line)")
        var values = [Float](repeating: 1, count: 128)
        values[5] = .nan
        let odd = try #require(refusal(try peft(saved, [(norm + ".weight", [128], values)])))
        #expect(odd.contains("not finite at index 5"), "\(odd)")
        let twice: Tensor = (
            Self.query + ".weight", [128, 128], [Float](repeating: 0, count: 128 * 128)
        )
        let other: [String: JSONValue?] = ["modules_to_save": .array([.string("q_proj")])]
        let second = try #require(refusal(try peft(other, Self.halves() + [twice])))
        #expect(second.contains("another one updates too"), "\(second)")
    }

    @Test func tokensMustBeThoseOfTheBase() throws {
        let name = "base_model.model.model.embed_tokens.token_adapter.trainable_tokens_delta"
        let row = [Float](repeating: 1, count: 128)
        func line(_ tokens: [Int], rows: Int) throws -> String? {
            refusal(
                try peft(
                    ["trainable_token_indices": .array(tokens.map { .integer($0) })],
                    [(name, [rows, 128], Array(repeating: row, count: rows).flatMap(\.self))]))
        }
        #expect(try line([3, 5], rows: 2) == nil)
        #expect(try #require(try line([3, 5], rows: 1)).contains("[1, 128]"))
        #expect(try #require(try line([3, 1 << 40], rows: 2)).contains("token 1099511627776"))
    }

    @Test(arguments: [
        ("IA3", ["ia3_l": [127, 1]], "[127, 1]"), ("HRA", ["hra_u": [128, 3]], "[128, 3]"),
        ("OFT", ["oft_R.weight": [32, 5]], "[32, 5]"), ("OFT", ["oft_R.weight": [9, 6]], "[9, 6]"),
        ("LOKR", ["lokr_w1": [4, 4], "lokr_w2": [32, 31]], "31"),
        ("LOKR", ["lokr_w1": [4, 4]], "lokr_w2_a"),
        ("LOHA", ["hada_w1_a": [128, 3]], "[128, 3]"),
        ("LOHA", ["hada_w1_a": [128, 2]], "hada_w1_b"),
        ("VERA", ["vera_lambda_d": [2], "vera_lambda_b": [128]], "base_model.vera_A"),
        ("BOFT", ["boft_R": [7, 32, 4, 4], "boft_s": [128, 1]], "7 butterfly factors"),
        ("BOFT", ["boft_R": [1, 31, 4, 4], "boft_s": [128, 1]], "[1, 31, 4, 4]"),
        ("MISS", ["miss_block": [3, 128]], "[3, 128]"), ("C3A", ["c3a_kernel": [1]], "[1]"),
        ("ADALORA", ["lora_A": [2, 128], "lora_E": [2, 1], "lora_B": [128, 1]], "[128, 1]"),
        ("SHIRA", ["shira_weight": [2], "shira_indices": [2, 2]], "not of integers"),
        ("DELORA", ["delora_A": [2, 128], "delora_B": [128, 2]], "delora_lambda"),
        ("LN_TUNING", ["ln_tuning_layers.weight": [128]], "q_proj"),
        ("LOKR", ["lora_A.weight": [2, 128]], "none of the tensors of LOKR"),
    ])
    func tensorsOfOtherMethodsMustFit(kind: String, parts: [String: [Int]], expected: String) throws
    {
        let tensors = parts.map { part, shape -> Tensor in
            (
                "\(Self.query).\(part)", shape,
                [Float](repeating: 1, count: shape.reduce(1, *))
            )
        }.sorted { $0.name < $1.name }
        let path = try peft(["peft_type": .string(kind), "alpha": .integer(4)], tensors)
        #expect(try #require(refusal(path)).contains(expected))
    }

    @Test func adaptersWithoutUpdatesAreRefused() throws {
        #expect(try #require(refusal(try peft([:], []))).contains("no updates"))
        #expect(refusal(folder.path) != nil)
        #expect(refusal(folder.path("nowhere")) != nil)
        #expect(refusal(Samples.tinyModel) != nil)
    }

    @Test(arguments: [
        ("general.type", GGUFValue.string(ByteString("model"))),
        ("adapter.type", .string(ByteString("dora"))),
        ("general.architecture", .string(ByteString("qwen2"))),
        ("adapter.lora.alpha", .u32(8)), ("adapter.lora.alpha", .f32(.nan)),
        ("adapter.alora.invocation_tokens", .array(.u32([1]))),
    ])
    func metadataOfOtherAdaptersIsRefused(key: String, value: GGUFValue) throws {
        let line = try #require(refusal(try gguf([key: value])))
        #expect(line.contains(key) || line.contains("qwen2"), "\(line)")
    }

    @Test func anAlphaOfZeroOrNoneIsAScaleOfOneAsInLlamaCpp() throws {
        for value in [GGUFValue?.none, .f32(0)] {
            let adapter = try Adapter.read(gguf(["adapter.lora.alpha": value]), for: base)
            #expect(adapter.updates.allSatisfy { $0.scale == 1 })
        }
    }

    @Test func namesOfGGUFTensorsAreChecked() throws {
        let ending = try gguf { $0.replacingOccurrences(of: "lora_a", with: "lora_c") }
        #expect(try #require(refusal(ending)).contains("ends neither"))
        let block = try gguf { $0.replacingOccurrences(of: "blk.2", with: "blk.9") }
        #expect(try #require(refusal(block)).contains("blk.9"))
    }
}
