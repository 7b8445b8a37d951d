import Foundation
import TestSupport
import Testing

@testable import Formats

/// The small models of `Fixtures/Blending/make_blends.py`, and what mergekit makes of them.
enum BlendFixture {
    static func path(_ name: String) throws -> String {
        let fixtures = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        return fixtures.appending(path: "Blending/\(name)").path
    }

    static func model(_ name: String) throws -> Checkpoint {
        try Checkpoint.open(path(name))
    }

    /// A blend of the two tuned models, written into a folder.
    static func write(
        _ recipe: BlendRecipe, into folder: TemporaryFolder, as name: String = "out",
        models: [Checkpoint]? = nil, base: Checkpoint? = nil, threads: Int = 1
    ) throws -> Checkpoint {
        let own = try recipe.method.needsBase ? base ?? model("base") : nil
        let blend = try Blend(models ?? [model("a"), model("b")], base: own, recipe)
        let crew = WorkCrew(threads: threads)
        let plan = try OutputPlan(
            source: blend.source, edits: blend.edits(crew: crew),
            format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        let path = folder.path(name)
        _ = try CheckpointWriter(crew: crew).write(plan, to: path, replacing: true)
        return try Checkpoint.open(path)
    }

    /// A model's values by published name, as Hugging Face's files have them.
    static func values(_ checkpoint: Checkpoint) throws -> [String: [Float]] {
        try Dictionary(
            uniqueKeysWithValues: checkpoint.tensors.map { ($0.name, try $0.storedValues()) })
    }

    /// The greatest difference from the result of a recipe of the script.
    static func difference(_ checkpoint: Checkpoint, from name: String) throws -> Float {
        let theirs = try SafetensorsFile(path: path("blends/\(name).safetensors")).tensors
        let ours = try values(checkpoint)
        #expect(ours.count == theirs.count)
        var greatest: Float = 0
        for tensor in theirs {
            let own = try #require(ours[tensor.name])
            let values = try tensor.values()
            #expect(own.count == values.count)
            for (a, b) in zip(own, values) { greatest = max(greatest, abs(a - b)) }
        }
        return greatest
    }
}
