import Formats
import Foundation
import TestSupport
import Testing

@testable import Transformer
@testable import Tuning

/// A model written as a Llama with biases is the model steered online.
@Suite struct RelabelRouteTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)
    private let route = RelabelRoute()

    init() throws {
        folder = try TemporaryFolder()
    }

    /// A family's small model with other numbers in its `config.json`.
    private func model(
        _ family: String, as name: String = "source", _ members: [(String, JSONValue?)] = []
    ) throws -> Checkpoint {
        let path = folder.path(name)
        try FileManager.default.copyItem(atPath: Families.folder(family), toPath: path)
        let file = path + "/config.json"
        var config = try #require(JSONReader.parse(bytes(ofFile: file), source: file).object)
        for (key, value) in members { config[key] = value }
        try Data(JSONWriter().bytes(.object(config))).write(to: URL(fileURLWithPath: file))
        return try Checkpoint.open(path)
    }

    private func vectors(_ source: Checkpoint) throws -> [Intervention] {
        let numbers = try source.hyperparameters()
        return (0..<numbers.blockCount).flatMap { block in
            [Site.residPost, .residMid].map { site in
                Intervention(
                    site: site, block: block,
                    vector: (0..<numbers.hiddenSize).map { Float(($0 * 7 + block) % 5 - 2) / 4 },
                    strength: site == .residPost ? 1.5 : -0.5)
            }
        }
    }

    private func logits(
        _ checkpoint: Checkpoint, _ interventions: [Intervention] = []
    ) throws -> [Float] {
        let decoder = try Decoder(checkpoint: checkpoint, crew: crew)
        let trace = try Trace(
            of: [1, 5, 9, 2, 33, 7, 40, 3, 12], in: decoder, interventions: interventions)
        return try #require(trace["logits"]).values
    }

    /// The largest difference, relative to the largest number of the second.
    private func relativeDifference(_ found: [Float], _ expected: [Float]) -> Float {
        let largest = expected.map(abs).max() ?? 0
        return (zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity) / largest
    }

    private static let noRope: [(String, JSONValue?)] = [
        ("rope_scaling", .null), ("rope_parameters", nil), ("sliding_window", .integer(64)),
        ("original_max_position_embeddings", nil),
    ]

    /// What each family needs to be a Llama.
    private static let members: [String: [(String, JSONValue?)]] = [
        "qwen2": [], "mistral": [("sliding_window", .null)], "phi3": noRope,
    ]

    @Test(
        arguments: ["qwen2", "mistral", "phi3"],
        [
            ["source", "out"], ["model.gguf", "out.gguf"], ["model.gguf", "out"],
            ["source", "out.gguf"],
        ])
    func theModelIsWrittenAsALlama(_ family: String, names: [String]) throws {
        let original = try model(family, Self.members[family] ?? [])
        let base =
            names[0] == "source" ? original : try folder.write(original, [], as: names[0])
        // A GGUF file of a Mistral is a Llama already.
        let isLlama = family == "mistral" && names.contains { $0.hasSuffix(".gguf") }
        let format: FileFormat = names[1].hasSuffix(".gguf") ? .gguf : .safetensors
        let interventions = try vectors(base)
        guard !isLlama else {
            let refusal = route.refusal(of: interventions, in: base, format: format)
            #expect("\(String(describing: refusal))".contains("have a place for the bias"))
            return
        }
        let edits = try route.edits(baking: interventions, into: base, format: format)
        let edited = try folder.write(base, edits, as: names[1])
        #expect(edited.architecture?.huggingFaceModelType == "llama")
        let steered = try logits(base, interventions)
        let difference = relativeDifference(try logits(edited), steered)
        #expect(difference <= 1e-5, "\(difference)")
        #expect(relativeDifference(try logits(base), steered) > 0.01)
        let verification = try verify(base, edited, interventions)
        #expect(verification.passes)
        #expect(verification.weights.changes.allSatisfy { $0.role?.part == .bias })
        #expect(try !verify(base, edited, Array(interventions.dropLast())).passes)
        // The inverse finds the vectors, and this route.
        let comparison = try CheckpointComparison(base, edited, crew: crew)
        let found = try Explanation(comparison, crew: crew).vectors
        #expect(Set(found.map(\.site)) == [.residPost, .residMid])
        for intervention in interventions {
            let vector = found.first { $0.site == intervention.site }
            #expect(
                vector?.directions[intervention.block]
                    == intervention.vector.map { intervention.strength * $0 })
        }
    }

    @Test func aFolderHasItsFlagsAndZeros() throws {
        let base = try model(
            "qwen2", [("qkv_bias", .bool(true)), ("auto_map", .object(JSONObject()))])
        let one = [try vectors(base)[0]]
        let edited = try folder.write(
            base, route.edits(baking: one, into: base, format: .safetensors), as: "out")
        guard case .huggingFace(let files) = edited.source, let config = files.config else {
            Issue.record("no folder")
            return
        }
        #expect(config["model_type"] == .string("llama"))
        #expect(config["architectures"] == .array([.string("LlamaForCausalLM")]))
        #expect(config["attention_bias"] == .bool(true) && config["mlp_bias"] == .bool(true))
        for key in ["use_sliding_window", "max_window_layers", "qkv_bias", "auto_map"] {
            #expect(config[key] == nil, "\(key)")
        }
        let numbers = try edited.hyperparameters()
        var new = 0
        for tensor in edited.tensors where base.tensors.allSatisfy({ $0.name != tensor.name }) {
            new += tensor.bytes.count
            guard tensor.role != .block(0, .feedForwardDown, .bias) else { continue }
            #expect(try tensor.values().allSatisfy { $0 == 0 })
        }
        let cost = try route.cost(of: one, in: base, format: .safetensors)
        #expect(cost.bytes == new && cost.operations == new / 4)
        // Gate, up and down, and the output of attention.
        #expect(
            new == 4 * numbers.blockCount * (2 * numbers.feedForwardSize + 2 * numbers.hiddenSize))
        let cheap = try route.cost(of: one, in: base, format: .gguf)
        #expect(cheap.bytes == 4 * numbers.hiddenSize && cheap.operations == numbers.hiddenSize)
    }

    /// Rows of queries and keys move whole in a quantised file, fused ones are split, and nothing else changes.
    @Test(arguments: [ElementType.q4_0, .q8_0])
    func quantisedRowsKeepTheirBytes(type: ElementType) throws {
        // A Llama of wider rows than the fixtures.
        let llama = try Checkpoint.open(Samples.tinyModel)
        let numbers = try llama.hyperparameters()
        let biases = (0..<numbers.blockCount).flatMap { block in
            [BlockSlot.attentionQuery, .attentionKey, .attentionValue].map { slot in
                let heads = slot == .attentionQuery ? numbers.headCount : numbers.keyValueHeadCount
                return CheckpointEdit.set(
                    .block(block, slot, .bias),
                    values: (0..<heads * numbers.headSize).map { Float($0 % 9 - 4) / 8 },
                    form: .canonical, type: .f32)
            }
        }
        let types = TypePolicy.keeping(except: "_[qk].weight$", as: type)
        let base = try folder.write(
            llama, biases + [.model(.qwen2, numbers), .types(types)], as: "qwen.gguf")
        let interventions = try vectors(base)
        let edited = try folder.write(
            base, route.edits(baking: interventions, into: base, format: .gguf), as: "out.gguf")
        #expect(try verify(base, edited, interventions).passes)
        let query = WeightRole.block(1, .attentionQuery)
        let (own, moved) = (try #require(base.tensor(query)), try #require(edited.tensor(query)))
        func rows(_ tensor: WeightTensor) -> [[UInt8]] {
            let bytes = tensor.bytes.withUnsafeBytes { Array($0) }
            let size = bytes.count / tensor.shape[0]
            return stride(from: 0, to: bytes.count, by: size).map { Array(bytes[$0..<($0 + size)]) }
        }
        #expect(own.type == type && moved.type == type)
        #expect(rows(own) != rows(moved) && Set(rows(own)) == Set(rows(moved)))
        for tensor in base.tensors where tensor.role?.slot != query.slot {
            guard case .block(_, let slot) = tensor.role?.slot,
                ![.attentionQuery, .attentionKey].contains(slot)
            else { continue }
            let same = try #require(edited.tensor(tensor.role ?? query))
            #expect(same.hasBytes(of: tensor), "\(tensor.name)")
        }
    }

    @Test func fusedMatricesAreSplit() throws {
        let base = try folder.write(model("phi3", Self.noRope), [], as: "model.gguf")
        let interventions = try vectors(base)
        let edits = try route.edits(baking: interventions, into: base, format: .gguf)
        let edited = try folder.write(base, edits, as: "out.gguf")
        let whole = try #require(base.tensor(.block(0, .attentionQueryKeyValue)))
        #expect(edited.tensor(.block(0, .attentionQueryKeyValue)) == nil)
        let parts = [BlockSlot.attentionQuery, .attentionKey, .attentionValue].compactMap {
            edited.tensor(.block(0, $0))
        }
        #expect(parts.map { $0.shape[0] }.reduce(0, +) == whole.shape[0])
        let value = try #require(parts.last).bytes.withUnsafeBytes { Array($0) }
        #expect(whole.bytes.withUnsafeBytes { Array($0.suffix(value.count)) } == value)
    }

    @Test(arguments: FileFormat.allCases)
    func whatALlamaDoesNotComputeIsNamed(format: FileFormat) throws {
        let named = [
            "mistral": "sliding window (of 6 positions, in a context of 64)",
            "phi3": "long rope", "phi4": "partial rotation (of 6 dimensions, in heads of 8)",
            "qwen3": "norms of queries and keys", "gemma2": "norms of what a sub-layer adds",
            "stablelm": "LayerNorm", "gpt2": "place for the bias", "llama": "place for the bias",
        ]
        for (family, words) in named {
            // A GGUF file of a Mistral has its own place.
            if family == "mistral", format == .gguf { continue }
            let base = try Checkpoint.open(Families.folder(family))
            let refusal =
                route.refusal(
                    of: .add, at: .residPost, in: base, format: format) as? RelabelRoute.Refusal
            #expect("\(try #require(refusal, "\(family)"))".contains(words), "\(family)")
            #expect(throws: try #require(refusal)) {
                try route.edits(baking: vectors(base), into: base, format: format)
            }
        }
        let qwen = try Checkpoint.open(Families.folder("qwen2"))
        #expect(route.refusal(of: .add, at: .embed, in: qwen, format: format) != nil)
        #expect(route.refusal(of: .ablate, at: .residPost, in: qwen, format: format) != nil)
        #expect(throws: TooLargeAddition.self) {
            var huge = try vectors(qwen)[0]
            huge.strength = 1e6
            _ = try route.edits(baking: [huge], into: qwen, format: format)
        }
    }

    /// What no window cuts is no window.
    @Test func aWindowAsLongAsTheContextIsNone() throws {
        let base = try model("mistral", [("sliding_window", .integer(64))])
        #expect(route.refusal(of: .add, at: .residPost, in: base, format: .safetensors) == nil)
        let windowed = try model(
            "qwen2", as: "windowed",
            [
                ("use_sliding_window", .bool(true)), ("sliding_window", .integer(8)),
                ("max_window_layers", .integer(0)),
            ])
        let refusal = route.refusal(of: .add, at: .residMid, in: windowed, format: .safetensors)
        #expect("\(try #require(refusal))".contains("of 8 positions"))
    }

    /// transformers 5 writes the rotary base into an object of its own.
    @Test func aRotaryBaseIsKeptWhereverItStands() throws {
        let rope = JSONObject([
            .init("rope_theta", .number(1e6)), .init("rope_type", .string("default")),
        ])
        let base = try model(
            "qwen2",
            [("rope_parameters", .object(rope)), ("rope_theta", nil), ("rope_scaling", nil)])
        let interventions = try vectors(base)
        let edited = try folder.write(
            base, route.edits(baking: interventions, into: base, format: .safetensors), as: "out")
        #expect(try edited.hyperparameters().rope.base == 1e6)
        #expect(try verify(base, edited, interventions).passes)
    }

    @Test func autoTakesItWhereThereIsNoPlaceForABias() throws {
        let base = try Checkpoint.open(Families.folder("qwen2"))
        let taken = try BakeRoutes.route(
            named: nil, for: vectors(base), in: base, format: .gguf)
        #expect(taken.name == "relabel")
    }
}
