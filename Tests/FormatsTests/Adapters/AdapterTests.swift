import Foundation
import TestSupport
import Testing

@testable import Formats

/// Adapters against those of peft and llama.cpp: see `Fixtures/Adapters/make_adapters.py`.
@Suite struct AdapterTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    static func fixture(_ name: String) throws -> String {
        let fixtures = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        return fixtures.appending(path: "Adapters/\(name)").path
    }

    /// The small checkpoint as it is, and in Hugging Face's format.
    private func bases() throws -> (gguf: Checkpoint, hub: Checkpoint) {
        let gguf = try Checkpoint.open(Samples.tinyModel)
        return (gguf, try write(gguf, [], as: "hub"))
    }

    private func write(
        _ source: Checkpoint, _ edits: [CheckpointEdit], as name: String
    ) throws -> Checkpoint {
        let plan = try OutputPlan(
            source: source, edits: edits, format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        let path = folder.path(name)
        _ = try CheckpointWriter(crew: WorkCrew(threads: 1)).write(plan, to: path, replacing: true)
        return try Checkpoint.open(path)
    }

    // MARK: - Reading

    @Test(arguments: ["plain", "patterned"])
    func mergedWeightsAreThoseOfPEFT(name: String) throws {
        let (gguf, hub) = try bases()
        let rows = try SafetensorsFile(path: Self.fixture(name + "-rows.safetensors")).tensors
        for base in [gguf, hub] {
            let adapter = try Adapter.read(Self.fixture(name), for: base)
            // In Hugging Face's format, whatever the base: the rows of query and key come back in its order.
            let merged = try write(base, adapter.edits(type: .f32), as: "merged")
            for expected in rows {
                let module = expected.description.name
                let tensor = try #require(merged.tensors.first { $0.name == module + ".weight" })
                #expect(tensor.type == .f32)
                let columns = tensor.description.columns
                let ours = try tensor.values()
                let theirs = try expected.values()
                for (index, row) in [0, 1, 17, 63].enumerated() {
                    for column in 0..<columns {
                        let difference =
                            ours[row * columns + column] - theirs[index * columns + column]
                        #expect(abs(difference) <= 1e-6, "\(module) row \(row) column \(column)")
                    }
                }
            }
        }
    }

    @Test func ranksAndScalesOfPatternsAreHonoured() throws {
        let adapter = try Adapter.read(Self.fixture("patterned"), for: bases().hub)
        let byRole = Dictionary(uniqueKeysWithValues: adapter.updates.map { ($0.role, $0) })
        let query = try #require(byRole[.block(1, .attentionQuery)])
        let key = try #require(byRole[.block(1, .attentionKey)])
        let down = try #require(byRole[.block(2, .feedForwardDown)])
        #expect(query.rank == 2 && key.rank == 2 && down.rank == 4)
        #expect(query.scale == Float(8 / 2.0.squareRoot()))
        #expect(key.scale == Float(3 / 2.0.squareRoot()))
        #expect(down.scale == 2.5)
    }

    @Test func aLlamaCppFileHoldsTheSameUpdates() throws {
        let (gguf, hub) = try bases()
        for base in [gguf, hub] {
            let peft = try Adapter.read(Self.fixture("plain"), for: base)
            let lora = try Adapter.read(Self.fixture("plain.gguf"), for: base)
            #expect(lora.updates == peft.updates)
            #expect(lora.rank == peft.rank && lora.alpha == peft.alpha)
            #expect(peft.updates.map(\.scale) == [4, 4, 4])
            #expect(peft.rank == 2 && peft.alpha == 8)
        }
        let rows = try Adapter.read(Self.fixture("plain"), for: gguf).updates.map(\.b)
        let halves = try Adapter.read(Self.fixture("plain"), for: hub).updates.map(\.b)
        #expect(Set(rows) != Set(halves))
    }

    @Test func strengthMultipliesTheScale() throws {
        let adapter = try Adapter.read(Self.fixture("plain"), for: bases().gguf)
        for edit in adapter.edits(strength: -0.5, type: .q8_0) {
            guard case .set(_, .plus(.present, let update), type: .q8_0) = edit else {
                Issue.record("\(edit)")
                continue
            }
            #expect(update.scale == -2)
        }
    }

    // MARK: - Writing

    @Test(arguments: ["plain", "patterned"], ["adapter", "adapter.gguf"])
    func whatIsWrittenIsReadBack(name: String, output: String) throws {
        let (gguf, hub) = try bases()
        for base in [gguf, hub] {
            let adapter = try Adapter.read(Self.fixture(name), for: base)
            let path = folder.path(output)
            try adapter.write(to: path, for: base, baseName: "tiny", replacing: true)
            let first = try files(path)
            for reader in [gguf, hub] {
                let expected = try Adapter.read(Self.fixture(name), for: reader)
                let found = try Adapter.read(path, for: reader)
                #expect(found.updates.map(\.role) == expected.updates.map(\.role))
                for (left, right) in zip(found.updates, expected.updates) {
                    #expect(left.rank == right.rank && left.a == right.a)
                    for (ours, theirs) in zip(left.b, right.b) {
                        let difference = ours * left.scale - theirs * right.scale
                        #expect(abs(difference) <= 2e-7 * abs(theirs * right.scale))
                    }
                }
                if name == "plain" { #expect(found.updates == expected.updates) }
            }
            try adapter.write(to: path, for: base, baseName: "tiny", replacing: true)
            #expect(try files(path) == first)
        }
    }

    private func files(_ path: String) throws -> [[UInt8]] {
        if path.hasSuffix(".gguf") { return [try TestSupport.bytes(ofFile: path)] }
        return try ["adapter_config.json", "adapter_model.safetensors"].map {
            try TestSupport.bytes(ofFile: path + "/" + $0)
        }
    }

    @Test func theFilesOfPEFTAndLlamaCppHaveTheSameTensorsAsOurs() throws {
        let base = try bases().gguf
        let adapter = try Adapter.read(Self.fixture("plain"), for: base)
        try adapter.write(to: folder.path("a"), for: base, baseName: "tiny-mood", replacing: false)
        try adapter.write(to: folder.path("a.gguf"), for: base, baseName: nil, replacing: false)
        let ours = try SafetensorsFile(path: folder.path("a/adapter_model.safetensors")).tensors
        let theirs = try SafetensorsFile(path: Self.fixture("plain/adapter_model.safetensors"))
            .tensors
        #expect(Set(ours.map(\.description)) == Set(theirs.map(\.description)))
        let (left, right) = (
            try GGUFFile.open(folder.path("a.gguf")), try GGUFFile.open(Self.fixture("plain.gguf"))
        )
        #expect(Set(left.tensors.map(\.description)) == Set(right.tensors.map(\.description)))
        for key in ["general.type", "general.architecture", "adapter.type", "adapter.lora.alpha"] {
            #expect(left.metadata[key] == right.metadata[key])
        }
    }

    @Test func existingOutputsAreKeptUnlessReplaced() throws {
        let base = try bases().gguf
        let adapter = try Adapter.read(Self.fixture("plain"), for: base)
        for name in ["a", "a.gguf"] {
            let path = folder.path(name)
            try adapter.write(to: path, for: base, baseName: nil, replacing: false)
            #expect(throws: FileError.self) {
                try adapter.write(to: path, for: base, baseName: nil, replacing: false)
            }
        }
    }

    @Test func updatesOfAnotherBaseAreNotWritten() throws {
        let base = try bases().gguf
        let stray = LowRankUpdate(
            role: .block(1, .attentionQuery), rank: 1, a: [1, 2], b: [3], rows: .same, scale: 1)
        let error = AdapterError.doesNotFit(update: stray.role, base: base.path)
        for name in ["a", "a.gguf"] {
            #expect(throws: error) {
                try Adapter(updates: [stray], rank: 1, alpha: 1).write(
                    to: folder.path(name), for: base, baseName: nil, replacing: false)
            }
        }
    }
}
