import TestSupport
import Testing

@testable import Formats

@Suite struct ArchitectureTests {
    @Test(arguments: Architecture.all, [FileFormat.gguf, .safetensors])
    func everyNameReadsBackAsItsRole(architecture: Architecture, format: FileFormat) {
        for rule in architecture.weights {
            for part in [WeightRole.Part.weight, .bias, .scale, .inputScale] {
                for role in Self.roles(of: rule, part) {
                    guard let name = architecture.name(of: role, in: format) else { continue }
                    #expect(architecture.role(of: name, in: format) == role, "\(name)")
                }
            }
        }
    }

    private static func roles(of rule: WeightRule, _ part: WeightRole.Part) -> [WeightRole] {
        switch rule.place {
        case .model(let slot): [WeightRole(slot, part)]
        case .blocks(let slot): (0..<12).map { .block($0, slot, part) }
        }
    }

    @Test(arguments: [
        "blk.01.attn_q.weight", "blk.+1.attn_q.weight", "blk..attn_q.weight", "blk.1.attn_q",
        "blk.1.attn_norm.scale", "token_embd.scale", "token_embd.bias", "blk.-1.attn_q.weight",
        "blk.99999999999999999999.attn_q.weight", ".weight", "",
    ])
    func otherNamesHaveNoRole(name: String) {
        #expect(Architecture.llama.role(of: name, in: .gguf) == nil)
    }

    @Test func onlyGGUFFilesHaveScales() {
        let name = "blk.1.attn_q.scale"
        #expect(
            Architecture.llama.role(of: name, in: .gguf) == .block(1, .attentionQuery, .scale))
        let other = "model.layers.1.self_attn.q_proj.scale"
        #expect(Architecture.llama.role(of: other, in: .safetensors) == nil)
    }

    @Test func llamaRowsAreInterleavedInGGUFOnly() throws {
        let model = try Checkpoint.open(Samples.tinyModel).hyperparameters()
        let query = { Architecture.llama.form(of: .block(0, .attentionQuery), in: $0, model) }
        #expect(query(.gguf) == StorageForm(rows: .splittingHeads(headSize: model.headSize)))
        #expect(query(.safetensors) == .canonical)
    }

    @Test func formsAreChangesThatCanBeUndone() {
        let forms = [
            StorageForm.canonical, StorageForm(rows: .splittingHeads(headSize: 8)),
            StorageForm(isTransposed: true, shift: 1), StorageForm(factor: 4),
            StorageForm(isTransposed: true, factor: 0.5, shift: -1),
            StorageForm(hasUnitLength: true),
        ]
        for form in forms {
            #expect(form.change(to: form) == .canonical)
            #expect(form.change(to: .canonical) == form)
            #expect(StorageForm.canonical.change(to: form) == form.inverse)
            #expect(form.inverse.inverse == form)
            #expect(form.rows.inverse.inverse == form.rows)
        }
        #expect(forms[1].columns(of: [16]) == 1)
        #expect(forms[1].columns(of: [16, 4]) == 4)
        #expect(forms[2].columns(of: [16]) == 16)
        #expect(
            forms[5].shape(of: [4, 1, 3]) == [4, 3] && forms[5].shape(of: [4, 3]) == [4, 1, 3])
        #expect(forms[5].shape(of: [4, 2, 3]) == [4, 2, 3])
    }

    @Test func rowOrdersAreInverse() {
        let forward = RowOrder.interleavingHeads(headSize: 8)
        let back = RowOrder.splittingHeads(headSize: 8)
        // GGUF[head·D + 2i + j] = HF[head·D + j·D/2 + i]
        #expect((0..<8).map(forward.source) == [0, 4, 1, 5, 2, 6, 3, 7])
        for row in 0..<32 { #expect(forward.source(of: back.source(of: row)) == row) }
    }

    @Test func llama3RampIsFoundFromItsDivisors() throws {
        let ramp = Llama3(
            factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContext: 8192)
        let divisors = ramp.divisors(base: 500_000, dimensions: 128)
        #expect(divisors.first == 1)
        #expect(divisors.last == 8)
        let found = try #require(Llama3(divisors: divisors, base: 500_000, dimensions: 128))
        #expect(found == ramp)
    }

    @Test func divisorsOfNoRampGiveNone() {
        #expect(Llama3(divisors: [1, 3, 2, 8], base: 10_000, dimensions: 8) == nil)
        #expect(Llama3(divisors: [1, 1, 1, 1], base: 10_000, dimensions: 8) == nil)
    }

    @Test func runtimesThatWouldLoseABiasAreKnown() {
        #expect(Architecture.llama.biasLoading(of: .feedForwardDown, in: .gguf) == .used)
        #expect(Architecture.mixtral.biasLoading(of: .feedForwardDown, in: .gguf) == .refused)
        #expect(Architecture.qwen2.biasLoading(of: .feedForwardDown, in: .gguf) == .refused)
        #expect(
            RuntimeBiasSlots.loading(of: .attentionOutput, in: .gguf, family: "refact") == .ignored)
        #expect(
            RuntimeBiasSlots.loading(of: .feedForwardDown, in: .gguf, family: "nemotron") == .used)
        #expect(
            RuntimeBiasSlots.loading(
                of: .feedForwardDown, in: .gguf, family: "nemotron", isMixture: true) == .refused)
        #expect(Architecture.qwen3.biasLoading(of: .feedForwardDown, in: .safetensors) == .ignored)
        #expect(Architecture.qwen3.biasLoading(of: .attentionOutput, in: .safetensors) == .used)
    }

    /// Which biases llama.cpp and transformers load, by hand: attention's output and the feed-forward part's in a GGUF
    /// file, the same in a folder.
    private static let loadedBiases: [String: [Bool]] = [
        "llama": [true, true, true, true], "granite": [true, true, true, true],
        "gpt2": [true, true, true, true], "gpt_neox": [true, true, true, true],
        "starcoder2": [true, true, true, true], "mistral": [true, true, false, false],
        "ministral3": [true, true, false, false],
        "mixtral": [true, false, false, false], "gemma": [false, false, true, false],
        "gemma2": [false, false, true, false], "gemma3_text": [false, false, true, false],
        "olmo2": [false, false, true, false], "qwen3": [false, false, true, false],
        "qwen3_moe": [false, false, true, false], "qwen2": [false, false, false, false],
        "phi3": [false, false, false, false], "stablelm": [false, false, false, false],
        "olmo3": [false, false, true, false], "smollm3": [false, false, true, true],
        "granitemoehybrid": [true, true, true, false], "arcee": [false, false, true, true],
        "exaone4": [false, false, false, false], "cohere2": [false, false, true, false],
        "gemma4_text": [false, false, true, false],
        "gemma4_unified_text": [false, false, true, false],
        "glm4": [false, false, false, false], "ernie4_5": [false, false, true, true],
        "lfm2": [false, false, false, false],
        "qwen3_5_text": [false, false, true, false],
        "qwen3_5_moe_text": [false, false, true, false],
        "qwen3_next": [false, false, true, false],
        "gpt_oss": [true, false, true, false], "qwen2_moe": [false, false, false, false],
        "seed_oss": [false, false, true, true],
        "lfm2_moe": [false, false, false, false],
    ]

    @Test(arguments: Architecture.all)
    func aFamilysRulesSayWhichBiasesAreLoaded(architecture: Architecture) throws {
        let loaded = [FileFormat.gguf, .safetensors].flatMap { format in
            [BlockSlot.attentionOutput, .feedForwardDown].map {
                architecture.biasLoading(of: $0, in: format) == .used
            }
        }
        #expect(loaded == Self.loadedBiases[architecture.huggingFaceModelType])
    }

    @Test(arguments: Architecture.all)
    func theTableOfBiasesIsOfOtherFamiliesOnly(architecture: Architecture) {
        #expect(RuntimeBiasSlots.llamaCpp[architecture.name] == nil)
        #expect(RuntimeBiasSlots.transformers[architecture.huggingFaceModelType] == nil)
    }

    @Test func rowOrdersOfPartsAreInverse() {
        let forward = RowOrder.gatheringParts(heads: 2, headSize: 2)
        let back = RowOrder.spreadingParts(heads: 2, headSize: 2)
        // (head, {query, key, value}, place) becomes ({query, key, value}, head, place).
        #expect((0..<12).map(forward.source) == [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11])
        for row in 0..<12 { #expect(forward.source(of: back.source(of: row)) == row) }
    }

    @Test func exchangedHeadsAreInverse() {
        let order = RowOrder.exchangingHeads(first: 1, outer: 2, inner: 3, headSize: 2)
        // After one row, (run, member, place) becomes (member, run, place).
        #expect((0..<13).map(order.source) == [0, 1, 2, 7, 8, 3, 4, 9, 10, 5, 6, 11, 12])
        for row in 0..<13 { #expect(order.inverse.source(of: order.source(of: row)) == row) }
        #expect(order.isPermutation(ofRows: 13) && !order.isPermutation(ofRows: 12))
        #expect(order.followed(by: order.inverse) == .same)
        let (kind, sizes) = order.numbers
        #expect(RowOrder(kind: kind, sizes: sizes) == order)
        #expect(RowOrder(kind: kind, sizes: [1, 2]) == nil)
    }

    @Test func filesNamedLlamaAreToldApartByWhatTheySay() {
        func family(_ key: String?, _ value: GGUFValue = .u32(8)) -> String? {
            let entries = key.map { [GGUFMetadata.Entry("llama." + $0, value)] } ?? []
            return Architecture.named("llama", metadata: GGUFMetadata(entries))?
                .huggingFaceModelType
        }
        #expect(family(nil) == "llama")
        #expect(family("expert_count") == "mixtral")
        #expect(family("expert_count", .u32(0)) == "llama")
        // llama.cpp reads no window for a llama.
        #expect(family("attention.sliding_window") == "llama")
    }

    @Test(arguments: [
        ("olmo2", "attention.sliding_window", GGUFValue.u32(8), "olmo3"),
        ("olmo2", "attention.sliding_window", .u32(0), "olmo2"),
        ("granite", "attention.head_count_kv", .array(.i32([1, 1])), "granitemoehybrid"),
        ("granite", "attention.head_count_kv", .u32(1), "granite"),
        ("granite", "rope.scaling.finetuned", .bool(false), "granitemoehybrid"),
        ("granite", "rope.scaling.finetuned", .bool(true), "granite"),
    ])
    func filesOfOneNameAreToldApartByWhatTheySay(
        name: String, key: String, value: GGUFValue, family: String
    ) {
        let metadata = GGUFMetadata([.init("\(name).\(key)", value)])
        #expect(Architecture.named(name, metadata: metadata)?.huggingFaceModelType == family)
    }

    @Test(arguments: [
        "deepseek2", "granitemoe", "granitehybrid", "granite_swa", "olmo", "olmoe", "cohere2moe",
    ])
    func namesOfOtherFamiliesAreNone(name: String) {
        #expect(Architecture.named(name) == nil)
    }

    @Test func expertsHaveNamesOfTheirOwnInHuggingFaceOnly() {
        let role = WeightRole(.block(3, .expertDown), expert: 11)
        let name = "model.layers.3.block_sparse_moe.experts.11.w2.weight"
        #expect(Architecture.mixtral.name(of: role, in: .safetensors) == name)
        #expect(Architecture.mixtral.role(of: name, in: .safetensors) == role)
        #expect(Architecture.mixtral.name(of: role, in: .gguf) == nil)
        #expect(
            Architecture.mixtral.role(of: "blk.3.ffn_down_exps.weight", in: .gguf)
                == .block(3, .expertDown))
    }

    @Test func aBeginningOfNamesMayBeMissing() {
        let role = WeightRole.block(0, .attentionNorm, .bias)
        for name in ["transformer.h.0.ln_1.bias", "h.0.ln_1.bias"] {
            #expect(Architecture.gpt2.role(of: name, in: .safetensors) == role)
        }
        #expect(Architecture.gpt2.role(of: "h.0.attn.bias", in: .safetensors) == nil)
        #expect(Architecture.isRecomputed("h.0.attn.bias"))
    }

    @Test func biasesThatLlamaCppDoesNotLoadHaveNoNameInGGUF() {
        let role = WeightRole.block(0, .attentionOutput, .bias)
        #expect(Architecture.qwen3.name(of: role, in: .gguf) == nil)
        #expect(Architecture.qwen3.name(of: role, in: .safetensors) != nil)
    }
}
