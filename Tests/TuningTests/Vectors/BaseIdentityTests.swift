import Foundation
import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// A vector knows the model it was found in, in whatever format and type.
@Suite struct BaseIdentityTests {
    private let folder: TemporaryFolder
    private let base: Checkpoint

    init() throws {
        folder = try TemporaryFolder()
        base = try Checkpoint.open(Samples.tinyModel)
    }

    private func write(_ edits: [CheckpointEdit], as name: String) throws -> Checkpoint {
        let plan = try OutputPlan(
            source: base, edits: edits, format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        _ = try CheckpointWriter(crew: WorkCrew(threads: 2)).write(
            plan, to: folder.path(name), replacing: true)
        return try Checkpoint.open(folder.path(name))
    }

    /// Another model of the same shape: all matrices have other values.
    private func other() throws -> Checkpoint {
        var generator = SeededGenerator(seed: 3)
        let edits = base.tensors.compactMap { tensor -> CheckpointEdit? in
            guard let role = tensor.role, tensor.shape.count == 2 else { return nil }
            let count = tensor.description.elementCount ?? 0
            return .set(
                role,
                values: (0..<count).map { _ in Float.random(in: -1...1, using: &generator) },
                form: .canonical, type: .f16)
        }
        return try write(edits, as: "other.gguf")
    }

    @Test func conversionsAndQuantisationsAreTheSameModel() throws {
        let identity = try BaseIdentity(of: base)
        #expect(try identity.relation(to: base) == .same)
        #expect(try identity.relation(to: write([], as: "hub")) == .same)
        #expect(try identity.relation(to: write([.types(.plain(.bf16))], as: "b.gguf")) == .same)
        let quantised = try base.tensors.compactMap { tensor -> CheckpointEdit? in
            guard let role = tensor.role, tensor.shape.count == 2 else { return nil }
            return .set(role, values: try tensor.values(), form: tensor.form.orderOnly, type: .q4_0)
        }
        #expect(try identity.relation(to: write(quantised, as: "q.gguf")) == .same)
    }

    @Test func otherWeightsAreAnotherModel() throws {
        let identity = try BaseIdentity(of: base)
        #expect(try identity.relation(to: other()) == .otherModel)
        #expect(
            try identity.relation(to: Checkpoint.open(Families.folder("gpt2"))) == .otherModel)
    }

    @Test func withoutValuesTheHashIsCompared() throws {
        var identity = try BaseIdentity(of: base)
        identity.sample = []
        #expect(try identity.relation(to: base) == .same)
        let other = try other()
        #expect(
            try identity.relation(to: other) == .otherBytes(hash: other.weightsHash()))
        identity.hash = nil
        #expect(try identity.relation(to: other) == .unknown)
    }

    @Test func theIdentityIsKeptInTheFile() throws {
        let identity = try BaseIdentity(of: base)
        let fixture = try ExtractionFixture()
        let pairs = try Array(fixture.prompts(fixture.pairs()).prefix(6))
        let scan = try OffsetScan(
            last: 2, decoder: fixture.decoder, crew: fixture.crew, prompts: pairs,
            options: Extraction.Options(), base: identity)
        let vector = try #require(scan[-1]).extraction.vector
        #expect(vector.provenance.base == identity)
        try VectorFile.write(vector, to: folder.path("v.gguf"), replacing: false)
        #expect(try VectorFile.base(folder.path("v.gguf")) == identity)
        #expect(try VectorFile.read(folder.path("v.gguf")) == vector)
        try OffsetFile.write(scan, to: folder.path("a.safetensors"), replacing: false)
        let taken = try OffsetFile.vector(at: -1, in: folder.path("a.safetensors"))
        #expect(taken.provenance.base == identity)
    }
}

/// What a SPEC names where files have `@` and `:` in their names.
@Suite struct VectorFileNameTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    @Test(arguments: [
        ("mood@3.gguf", "mood@3.gguf", Float(1), [Int]?.none),
        ("mood@3.gguf:2", "mood@3.gguf", 2, nil), ("mood@3.gguf:2@1", "mood@3.gguf", 2, [1]),
        ("mood@3.gguf@1-2", "mood@3.gguf", 1, [1, 2]), ("v@3", "v@3", 1, nil),
        ("v@3@4", "v@3", 1, [4]), ("v@3:-1", "v@3", -1, nil), ("v@4", "v", 1, [4]),
        ("a:2", "a:2", 1, nil), ("a:2:3", "a:2", 3, nil), ("a:4", "a", 4, nil),
        ("a:2@5", "a:2", 1, [5]), ("w:1@2", "w:1@2", 1, nil),
    ])
    func theLongestExistingFileIsMeant(
        text: String, file: String, scale: Float, blocks: [Int]?
    ) throws {
        for name in ["mood@3.gguf", "v", "v@3", "a", "a:2", "w", "w:1", "w:1@2"] {
            _ = try folder.write([], as: name)
        }
        let found = try VectorSpecification(folder.path(text))
        #expect(found.file == folder.path(file))
        #expect(found.scale == scale)
        #expect(found.blocks == blocks)
    }

    @Test func aScaleThatMakesInfinitiesIsRefused() throws {
        let path = folder.path("v.gguf")
        try VectorFile.write(
            SteeringVector(
                site: .residPost, directions: [1: [1, -3e38]],
                provenance: .init(modelHint: "llama")), to: path, replacing: false)
        #expect(
            throws: VectorError.tooStrong(file: path, block: 1, index: 1, value: -3e38, scale: 10)
        ) {
            try VectorSpecification(path + ":10").interventions(
                .add, hiddenSize: 2, blockCount: 4)
        }
        // The length of a direction that is removed does not matter.
        let removed = try VectorSpecification(path + ":10").interventions(
            .ablate, hiddenSize: 2, blockCount: 4)
        #expect(removed.count == 1)
    }

    @Test(arguments: [FileFormat.gguf, .safetensors])
    func aBiasThatHalfPrecisionCannotHoldIsRefused(format: FileFormat) throws {
        let base = try Checkpoint.open(Samples.tinyModel)
        let width = try base.hyperparameters().hiddenSize
        func edits(_ value: Float, times strength: Float) throws -> [CheckpointEdit] {
            var vector = [Float](repeating: 0, count: width)
            vector[2] = value
            // Two that are fine alone.
            let half = Intervention(
                site: .residPost, block: 1, operation: .add, vector: vector, strength: strength)
            return try BiasRoute().edits(baking: [half, half], into: base, format: format)
        }
        #expect(try edits(100, times: 300).count == 1)
        for value in [Float(100), 3e38, .nan] {
            #expect {
                try edits(value, times: 400)
            } throws: { error in
                let refusal = error as? TooLargeAddition
                return refusal?.place == "block 1 feedForwardDown bias" && refusal?.index == 2
            }
        }
    }
}
