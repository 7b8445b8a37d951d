import Testing

@testable import Formats

@Suite struct ArchitectureTests {
    @Test(arguments: Architecture.all, [Checkpoint.Format.gguf, .safetensors])
    func everyNameReadsBackAsItsRole(architecture: Architecture, format: Checkpoint.Format) {
        for rule in architecture.weights {
            for part in [WeightRole.Part.weight, .bias] {
                for role in rule.roles(blocks: 12, part: part) {
                    guard let name = architecture.name(of: role, in: format) else { continue }
                    #expect(architecture.role(of: name, in: format) == role, "\(name)")
                }
            }
        }
    }

    @Test(arguments: [
        "blk.01.attn_q.weight", "blk.+1.attn_q.weight", "blk..attn_q.weight", "blk.1.attn_q",
        "blk.1.attn_q.scale", "token_embd.bias", "blk.-1.attn_q.weight",
        "blk.99999999999999999999.attn_q.weight", ".weight", "",
    ])
    func otherNamesHaveNoRole(name: String) {
        #expect(Architecture.llama.role(of: name, in: .gguf) == nil)
    }

    @Test func llamaRowsAreInterleavedInGGUFOnly() {
        #expect(Architecture.llama.ropePairing(in: .gguf) == .interleaved)
        #expect(Architecture.llama.ropePairing(in: .safetensors) == .halves)
    }

    @Test func rowOrdersAreInverse() {
        let forward = TensorContent.RowOrder.interleavingHeads(headSize: 8)
        let back = TensorContent.RowOrder.splittingHeads(headSize: 8)
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
        #expect(RuntimeBiasSlots.llamaCpp(architecture: "llama", slot: .feedForwardDown) == .used)
        #expect(
            RuntimeBiasSlots.llamaCpp(
                architecture: "llama", slot: .feedForwardDown, isMixture: true)
                == .refused)
        #expect(
            RuntimeBiasSlots.llamaCpp(architecture: "qwen2", slot: .feedForwardDown) == .refused)
        #expect(
            RuntimeBiasSlots.llamaCpp(architecture: "refact", slot: .attentionOutput) == .ignored)
        #expect(!RuntimeBiasSlots.transformers(modelType: "qwen3", slot: .feedForwardDown))
        #expect(RuntimeBiasSlots.transformers(modelType: "qwen3", slot: .attentionOutput))
    }
}
