import Formats
import Foundation
import Testing

@testable import Transformer

/// Every family against transformers on the same weights: Fixtures/Families/make_families.py says what the files hold.
@Suite struct FamilyReferenceTests {
    static let families = [
        "gemma", "gemma2", "gemma2-scaled", "gemma3", "gpt2", "gpt_neox", "gpt_neox-sequential",
        "granite", "llama", "llama-biased", "llama-yarn", "mistral", "mixtral", "olmo2", "phi3",
        "phi4", "qwen2", "qwen3", "qwen3_moe", "stablelm", "starcoder2",
    ]

    /// The largest error of a stream or of the logits, relative to the largest value; both sides are f32.
    static let forwardBound = 1e-4
    /// The same for the gradient of a weight: f32 sums against f64.
    static let gradientBound = 1e-3

    @Test(arguments: families)
    func streamsAndLogitsAreThoseOfTransformers(_ family: String) throws {
        let reference = try FamilyReference(family)
        let decoder = try reference.decoder()
        for prompt in 0..<2 {
            let tokens = try reference.tokens(prompt)
            let trace = try Trace(of: tokens, in: decoder)
            // The embeddings, two sites in each block, and the logits.
            #expect(trace.entries.count == 2 * decoder.configuration.sizes.blockCount + 2)
            for entry in trace.entries {
                let expected = try reference.values("\(prompt).\(entry.name)")
                let difference = relativeDifference(entry.values, expected)
                #expect(
                    difference <= Self.forwardBound,
                    "prompt \(prompt), \(entry.name): \(difference)")
            }
        }
    }

    @Test(arguments: families)
    func gradientsAreThoseOfTransformers(_ family: String) throws {
        let reference = try FamilyReference(family)
        let weights = try reference.weights()
        let sink = GradientSink(
            weights: Dictionary(
                uniqueKeysWithValues: weights.map {
                    ($0.role, FloatBuffer(count: $0.gradient.count))
                }))
        let loss = try reference.backward(into: sink)
        let expectedLoss = Double(try #require(try reference.values("loss").first))
        #expect(abs(loss - expectedLoss) <= Self.forwardBound * abs(expectedLoss))
        for weight in weights {
            let found = try #require(sink.weights[weight.role]).values
            let difference = relativeDifference(found, weight.gradient)
            #expect(difference <= Self.gradientBound, "\(weight.name): \(difference)")
        }
    }
}

/// A small model, and what transformers computed with it.
private struct FamilyReference {
    private let checkpoint: Checkpoint
    private let tensors: [String: CheckpointTensor]

    /// A weight, and the gradient of the loss in its canonical form.
    struct Weight {
        let name: String
        let role: WeightRole
        let gradient: [Float]
    }

    init(_ family: String) throws {
        let folder =
            try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil)).path
            + "/Families/\(family)"
        checkpoint = try Checkpoint.open(folder)
        let file = try SafetensorsFile(path: folder + "/reference.safetensors")
        tensors = Dictionary(
            uniqueKeysWithValues: file.tensors.map {
                (
                    $0.description.name,
                    CheckpointTensor(description: $0.description, bytes: $0.bytes)
                )
            })
    }

    func decoder() throws -> Decoder {
        try Decoder(checkpoint: checkpoint, crew: WorkCrew(threads: 2))
    }

    func values(_ name: String) throws -> [Float] {
        try #require(tensors[name], "\(name) is missing in the reference").values()
    }

    func tokens(_ prompt: Int) throws -> [Int] {
        try values("\(prompt).tokens").map { Int($0) }
    }

    /// Every tensor of the folder with its gradient.
    func weights() throws -> [Weight] {
        let architecture = try #require(checkpoint.architecture)
        return try checkpoint.tensors.map { tensor in
            let role = try #require(
                architecture.role(of: tensor.name, in: .safetensors), "\(tensor.name) has no role")
            var gradient = try values("gradient.\(tensor.name)")
            if role.part == .weight, architecture.rule(for: role.slot)?.transform == .transposed {
                gradient = Self.transposed(gradient, columns: tensor.description.columns)
            }
            return Weight(name: tensor.name, role: role, gradient: gradient)
        }
    }

    /// Takes the loss of make_families.py back.
    ///
    /// - Returns: the loss.
    func backward(into sink: GradientSink) throws -> Double {
        let pass = try GradientPass(decoder())
        let tokens = try tokens(1)
        try pass.forward([DecoderSlice(tokens)])
        let gradients = StreamGradients(pass)
        let last = tokens.count - 1
        let targets = tokens.dropFirst().enumerated().map { row, token in
            LogitTarget(token: token, row: row, weight: 1 / Float(last))
        }
        let losses = pass.lossesOnLogits(targets, gradients: gradients, into: sink)
        let probe = try values("probe").map { $0 / 2 }
        let middle = pass.blocks.count / 2
        gradients.add(probe, at: .residPost, block: middle, row: last)
        let product = pass.withStream(.residPost, block: middle, row: last) { stream in
            probe.indices.reduce(0.0) { $0 + Double(probe[$1]) * Double(stream[$1]) }
        }
        pass.backward(gradients, into: sink)
        return losses.reduce(0, +) / Double(last) + product
    }

    private static func transposed(_ values: [Float], columns: Int) -> [Float] {
        let rows = values.count / columns
        return (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
    }
}
