import Formats
import Foundation
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Small models that differ in known ways, and their verification.
struct VerifiedModels {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)

    init() throws {
        folder = try TemporaryFolder()
    }

    func verify(
        _ base: Checkpoint, _ edited: Checkpoint, _ interventions: [Intervention] = []
    ) throws -> Verification {
        let prompts = [[1, 5, 9, 2, 33, 7, 11, 19], [40, 3, 3, 12, 8, 21, 6, 14, 2, 30]]
        return try Verification(
            base: base, edited: edited, interventions: interventions,
            prompts: prompts.map { (tokens: $0, text: "") }, tolerance: nil, textLength: 1,
            crew: crew, stopTokens: [], decode: { "\($0)" },
            progress: { done, all in #expect(done <= all) })
    }

    func write(
        _ source: Checkpoint, _ edits: [CheckpointEdit] = [], as name: String
    ) throws -> Checkpoint {
        let path = folder.path(name)
        let plan = try OutputPlan(
            source: source, edits: edits, format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        _ = try CheckpointWriter(crew: crew).write(plan, to: path, replacing: true)
        return try Checkpoint.open(path)
    }

    /// A copy of a family's folder with other members of `config.json`.
    func changed(
        _ family: String, _ changes: [String: JSONValue], as name: String = "changed"
    ) throws -> Checkpoint {
        let path = folder.path(name)
        try FileManager.default.copyItem(atPath: Families.folder(family), toPath: path)
        let file = path + "/config.json"
        var config = try #require(try JSONReader.parse(bytes(ofFile: file), source: file).object)
        for (key, value) in changes { config[key] = value }
        try Data(JSONWriter().bytes(.object(config))).write(to: URL(fileURLWithPath: file))
        return try Checkpoint.open(path)
    }

    /// The wide model as a GGUF file in f32.
    func wide() throws -> Checkpoint {
        let path = folder.path("wide")
        if !FileManager.default.fileExists(atPath: path) { try WideModel.write(to: path) }
        return try write(Checkpoint.open(path), as: "wide.gguf")
    }

    func vector(_ base: Checkpoint, seed: UInt64 = 2) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<WideModel.width).map { _ in .random(in: -0.2...0.2, using: &generator) }
    }

    /// The model with some values replaced and every matrix in a type.
    func store(
        _ base: Checkpoint, as type: ElementType, replacing values: [WeightRole: [Float]] = [:],
        and more: [CheckpointEdit] = []
    ) throws -> Checkpoint {
        var edits = more
        for tensor in base.tensors where tensor.shape.count == 2 {
            guard let role = tensor.role else { continue }
            edits.append(
                .set(
                    role, values: try values[role] ?? tensor.values(), form: tensor.form.orderOnly,
                    type: type))
        }
        return try write(base, edits, as: "stored-\(type.name).gguf")
    }

    /// The model with additions as biases, every matrix in a type.
    func bake(
        _ interventions: [Intervention], into base: Checkpoint, type: ElementType
    ) throws -> Checkpoint {
        try store(
            base, as: type,
            and: BiasRoute().edits(baking: interventions, into: base, format: .gguf))
    }

    /// A direction ablated wherever the stream is written to.
    func ablations(of direction: [Float]) -> [Intervention] {
        [Intervention(site: .embed, block: 0, operation: .ablate, vector: direction)]
            + (0..<WideModel.blockCount).flatMap { block in
                [Site.residMid, .residPost].map {
                    Intervention(site: $0, block: block, operation: .ablate, vector: direction)
                }
            }
    }

    /// The model whose matrices write nothing along some orthonormal directions, or a share less.
    func ablate(
        _ directions: [[Float]], strength: Float, in base: Checkpoint, type: ElementType
    ) throws -> Checkpoint {
        let width = WideModel.width
        var values: [WeightRole: [Float]] = [:]
        var embedding = try #require(base.tensor(WeightRole(.tokenEmbedding))).values()
        for row in 0..<WideModel.vocabularySize {
            for direction in directions {
                var overlap = 0.0
                for index in 0..<width {
                    overlap += Double(embedding[row * width + index]) * Double(direction[index])
                }
                for index in 0..<width {
                    embedding[row * width + index] -= strength * Float(overlap) * direction[index]
                }
            }
        }
        values[WeightRole(.tokenEmbedding)] = embedding
        for block in 0..<WideModel.blockCount {
            for slot in [BlockSlot.attentionOutput, .feedForwardDown] {
                let role = WeightRole.block(block, slot)
                var matrix = try #require(base.tensor(role)).values()
                for direction in directions {
                    for column in 0..<width {
                        var overlap = 0.0
                        for row in 0..<width {
                            overlap +=
                                Double(matrix[row * width + column]) * Double(direction[row])
                        }
                        for row in 0..<width {
                            matrix[row * width + column] -=
                                strength * Float(overlap) * direction[row]
                        }
                    }
                }
                values[role] = matrix
            }
        }
        return try store(base, as: type, replacing: values)
    }
}
