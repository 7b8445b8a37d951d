import Formats
import Foundation
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// The loss of scalings and its gradient against PyTorch's: see Fixtures/scaling/make_scaling.py.
@Suite struct ScalingObjectiveTests {
    static let families = ["llama", "granite", "gpt2", "gpt_neox", "gemma3", "olmo2", "mixtral"]
    /// PyTorch's figures are in f64; ours are f32 sums of a few hundred terms.
    private static let tolerance = 1e-4

    private struct Case {
        let alphas: [Float]
        let batch: ScalingObjective.Batch
        let margin: Double
        let faithfulness: Double
        let expected: JSONObject

        init(_ family: String, onTexts: Bool) throws {
            let root = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
            let path = root.path + "/scaling/scaling.json"
            let facts = try #require(
                try JSONReader.parse(bytes(ofFile: path), source: path).object?[family]?.object)
            func integers(_ value: JSONValue?) -> [Int] {
                value?.array?.compactMap(\.integer) ?? []
            }
            alphas = facts["alphas"]?.array?.compactMap(\.number).map { Float($0) } ?? []
            margin = try #require(facts["margin"]?.number)
            faithfulness = try #require(facts["faithfulness"]?.number)
            expected = try #require(facts[onTexts ? "by_texts" : "by_prompts"]?.object)
            let probes = try #require(facts["probes"]?.array).compactMap(\.object).map { probe in
                ScalingProbe(
                    choices: (probe["choices"]?.array ?? []).map {
                        TokenSequence(
                            prompt: integers(probe["prompt"]), completion: integers($0), place: "")
                    }, wanted: probe["wanted"]?.integer ?? 0)
            }
            let texts = onTexts ? facts["texts"]?.array?.map { integers($0) } ?? [] : []
            batch = ScalingObjective.Batch(probes: probes, texts: texts)
        }
    }

    private func decoder(_ family: String, threads: Int = 2) throws -> Decoder {
        try Decoder(
            checkpoint: Checkpoint.open(Families.folder(family)), crew: WorkCrew(threads: threads))
    }

    private func found(
        _ facts: Case, in decoder: Decoder
    ) throws -> (losses: ScalingObjective.Losses, gradient: [Double]) {
        let places = StreamSite.all(blockCount: decoder.configuration.sizes.blockCount).dropFirst()
        return try ScalingObjective(
            decoder, places: Array(places), margin: facts.margin, faithfulness: facts.faithfulness
        ).gradient(of: facts.batch, at: facts.alphas)
    }

    @Test(arguments: families, [false, true])
    func theLossHasTorchsGradient(_ family: String, onTexts: Bool) throws {
        let facts = try Case(family, onTexts: onTexts)
        let (losses, gradient) = try found(facts, in: decoder(family))
        let effectiveness = try #require(facts.expected["effectiveness"]?.number)
        let divergence = try #require(facts.expected["divergence"]?.number)
        #expect(abs(losses.effectiveness - effectiveness) <= Self.tolerance * effectiveness)
        #expect(abs(losses.faithfulness - divergence) <= Self.tolerance * divergence)
        let expected = facts.expected["gradient"]?.array?.compactMap(\.number) ?? []
        #expect(gradient.count == expected.count && gradient.count == facts.alphas.count)
        let scale = expected.map(abs).max() ?? 0
        for (index, pair) in zip(gradient, expected).enumerated() {
            #expect(abs(pair.0 - pair.1) <= Self.tolerance * scale, "alpha \(index): \(pair)")
        }
    }

    @Test func threadsGiveTheSameBits() throws {
        let facts = try Case("gemma3", onTexts: true)
        let gradients = try [1, 2].map { threads in
            try found(facts, in: decoder("gemma3", threads: threads)).gradient
        }
        #expect(gradients[0] == gradients[1])
    }

    /// Blocks below the lowest factor are not gone back through, and the others have what they had.
    @Test func placesThatAreLeftOutChangeNoOther() throws {
        let facts = try Case("llama", onTexts: false)
        let decoder = try decoder("llama")
        let places = Array(StreamSite.all(blockCount: 2).dropFirst())
        var alphas = facts.alphas
        for index in 0..<3 { alphas[index] = 0 }
        func gradient(_ chosen: Range<Int>) throws -> [Double] {
            try ScalingObjective(
                decoder, places: Array(places[chosen]), margin: facts.margin,
                faithfulness: facts.faithfulness
            ).gradient(of: facts.batch, at: Array(alphas[chosen])).gradient
        }
        #expect(try gradient(3..<4)[0] == gradient(0..<4)[3])
    }
}
