import Foundation
import TestSupport
import Testing

@testable import Formats
@testable import Transformer
@testable import Tuning

/// A gpt-oss whose experts are packed in MXFP4, against what transformers and llama.cpp make of it, and baked beside the
/// blocks (Tests/FormatsTests/Fixtures/PackedExperts/make_packed_experts.py).
@Suite struct PackedExpertsTests {
    private let folder: TemporaryFolder
    private let fixtures: URL
    private let base: Checkpoint
    private let reference: SafetensorsFile

    init() throws {
        folder = try TemporaryFolder()
        fixtures =
            URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../FormatsTests/Fixtures/PackedExperts").standardized
        base = try Checkpoint.open(fixtures.path + "/model")
        reference = try SafetensorsFile(path: fixtures.path + "/reference.safetensors")
    }

    private func values(_ name: String) throws -> [Float] {
        try #require(reference.tensors.first { $0.name == name }).values()
    }

    private func logits(
        _ model: Checkpoint, _ interventions: [Intervention] = []
    ) throws -> [Float] {
        let decoder = try Decoder(checkpoint: model, crew: WorkCrew(threads: 2))
        let tokens = try #require(reference.tensors.first { $0.name == "tokens" })
        let ids = tokens.bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map {
                Int(bytes.loadUnaligned(fromByteOffset: 4 * $0, as: Int32.self))
            }
        }
        return try #require(Trace(of: ids, in: decoder, interventions: interventions)["logits"])
            .values
    }

    private func difference(_ left: [Float], _ right: [Float]) -> Float {
        let largest = right.map(abs).max() ?? 0
        return (zip(left, right).map { abs($0 - $1) }.max() ?? .infinity) / largest
    }

    @Test func logitsAreThoseOfTransformers() throws {
        let found = try logits(base)
        let expected = try values("logits")
        #expect(found.count == expected.count && difference(found, expected) < 1e-5)
    }

    @Test func theFolderBecomesTheConvertersFile() throws {
        let file = try JSONReader.parse(
            Array(Data(contentsOf: fixtures.appendingPathComponent("converted.json"))),
            source: "converted.json")
        let expected = try #require(file.object?["tensors"]?.array)
        let keys = try #require(file.object?["keys"]?.array).compactMap(\.string)
        let written = try folder.write(base, as: "model.gguf")
        guard case .gguf(let gguf) = written.source else { return }
        #expect(gguf.tensors.map(\.name) == expected.compactMap { $0.object?["name"]?.string })
        for fact in expected.compactMap(\.object) {
            let tensor = try #require(gguf.tensors.first { $0.name == fact["name"]?.string })
            #expect(tensor.type.name.uppercased() == fact["type"]?.string, "\(tensor.name)")
            #expect(
                tensor.shape.reversed() == fact["shape"]?.array?.compactMap(\.integer),
                "\(tensor.name)")
            var hash = SHA256()
            tensor.bytes.withUnsafeBytes { hash.update($0) }
            #expect(hash.hexDigest() == fact["sha256"]?.string, "\(tensor.name)")
        }
        #expect(gguf.metadata.entries.map(\.key) == keys)
    }

    @Test(arguments: [FileFormat.safetensors, .gguf])
    func aVectorIsBakedAsTheBiasesOfAllExperts(format: FileFormat) throws {
        let model = format == .gguf ? try folder.write(base, as: "model.gguf") : base
        let width = try model.hyperparameters().hiddenSize
        let vector = (0..<width).map { Float(($0 * 5) % 7 - 3) / 8 }
        let interventions = [0, 1].map { Intervention(block: $0, vector: vector, strength: 0.75) }
        let edits = try BiasRoute().edits(baking: interventions, into: model, format: format)
        let baked = try folder.write(
            model, edits, as: format == .gguf ? "baked.gguf" : "baked")
        #expect(difference(try logits(baked), try logits(model, interventions)) < 1e-5)
        for tensor in model.tensors {
            let other = try #require(baked.tensors.first { $0.name == tensor.name })
            guard tensor.role?.slot.isOfExperts ?? false, tensor.role?.part == .bias,
                tensor.name.contains("down")
            else {
                #expect(tensor.hasBytes(of: other), "\(tensor.name)")
                continue
            }
            let (before, after) = (try tensor.values(), try other.values())
            #expect(before.count == after.count)
            for index in before.indices {
                #expect(abs(after[index] - before[index] - 0.75 * vector[index % width]) < 1e-6)
            }
        }
        let comparison = try CheckpointComparison(model, baked, crew: WorkCrew(threads: 2))
        let found = try #require(
            Explanation(comparison, crew: WorkCrew(threads: 2)).vectors.first)
        for block in [0, 1] {
            let recovered = try #require(found.directions[block])
            #expect(difference(recovered, vector.map { $0 * 0.75 }) < 1e-5)
        }
    }

    /// What is changed is written plain, as transformers' class has it: inputs first.
    @Test func aDirectionIsTakenOutOfPackedExperts() throws {
        let width = try base.hyperparameters().hiddenSize
        let vector = (0..<width).map { Float(($0 * 3) % 5 - 2) }
        let interventions = [
            Intervention(
                site: .residPost, block: 1, operation: .ablateOutput, vector: vector)
        ]
        let route = try #require(
            BakeRoutes.all.first { route in
                route.refusal(of: interventions, in: base, format: .safetensors) == nil
            })
        let edits = try route.edits(baking: interventions, into: base, format: .safetensors)
        let baked = try folder.write(base, edits, as: "ablated")
        #expect(difference(try logits(baked), try logits(base, interventions)) < 2e-2)
    }
}
