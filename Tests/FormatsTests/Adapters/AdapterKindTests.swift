import Foundation
import TestSupport
import Testing

@testable import Formats

/// Adapters of every kind that is merged, against the models that PEFT trains: see
/// `Fixtures/Adapters/make_kind_adapters.py`.
@Suite struct AdapterKindTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// The fixtures' folders.
    static let kinds: [String] = {
        let fixtures = Bundle.module.url(forResource: "Fixtures", withExtension: nil)
        let path = fixtures?.appending(path: "Adapters").path ?? ""
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return names.filter { $0.hasPrefix("kind-") && !$0.contains("-rows.") }.sorted()
    }()

    /// The model that an adapter was trained on, in both formats.
    private func bases(of path: String) throws -> [Checkpoint] {
        let file = path + "/adapter_config.json"
        let config = try JSONReader.parse(try bytes(ofFile: file), source: file).object
        let family = try #require(config?["base_model_name_or_path"]?.string)
        let hub = try FamilyFixture(family).open()
        return [hub, try folder.write(hub, [], as: family + ".gguf")]
    }

    @Test func everyKindHasAFixture() {
        #expect(Self.kinds.count == 60)
    }

    @Test(arguments: kinds)
    func mergedWeightsAreThoseOfTheTrainedModel(kind: String) throws {
        let path = try AdapterTests.fixture(kind)
        let rows = try SafetensorsFile(path: path + "-rows.safetensors").tensors
        for base in try bases(of: path) {
            let adapter = try Adapter.read(path, for: base)
            #expect(adapter.notes.isEmpty, "\(adapter.notes)")
            let before = try folder.write(base, [.types(TypePolicy(.plain(.f32)))], as: "before")
            let merged = try folder.write(base, adapter.edits(type: .f32), as: "merged")
            for tensor in merged.tensors where !rows.contains(where: { $0.name == tensor.name }) {
                let former = before.tensors.first { $0.name == tensor.name }
                #expect(try tensor.values() == former?.values(), "\(tensor.name) is changed")
            }
            for expected in rows {
                let tensor = try #require(merged.tensors.first { $0.name == expected.name })
                try expect(tensor, hasRows: expected)
            }
        }
    }

    /// Compares a tensor with the first, third and last row of what it must be, or a vector with all of it.
    private func expect(_ tensor: WeightTensor, hasRows expected: StoredTensor) throws {
        let columns = tensor.shape.count > 1 ? tensor.description.columns : 1
        let count = tensor.shape[0]
        let places = tensor.shape.count > 1 ? [0, 2, count - 1] : Array(0..<count)
        let (ours, theirs) = (try tensor.storedValues(), try expected.values())
        try #require(theirs.count == places.count * columns)
        let limit = 1e-6 * max(1, theirs.map(abs).max() ?? 1)
        for (index, row) in places.enumerated() {
            for column in 0..<columns {
                let difference = ours[row * columns + column] - theirs[index * columns + column]
                #expect(abs(difference) <= limit, "\(tensor.name) row \(row) column \(column)")
            }
        }
    }

    @Test func strengthGoesFromTheBaseToTheAdaptedModel() throws {
        let path = try AdapterTests.fixture("kind-dora")
        for base in try bases(of: path) {
            let adapter = try Adapter.read(path, for: base)
            let role = WeightRole.block(1, .attentionQuery)
            func values(_ strength: Float) throws -> [Float] {
                let merged = try folder.write(
                    base, adapter.edits(strength: strength, type: .f32),
                    as: base.format == .gguf ? "m.gguf" : "m")
                return try #require(merged.tensor(role)).values()
            }
            let (none, half, all) = (try values(0), try values(0.5), try values(1))
            #expect(try none == base.tensor(role)?.values())
            for index in none.indices {
                #expect(abs(2 * half[index] - none[index] - all[index]) < 1e-6)
            }
        }
    }

    @Test func quantisedBasesAreWidenedRowByRow() throws {
        let path = try AdapterTests.fixture("kind-oft")
        let hub = try #require(bases(of: path).first)
        let role = WeightRole.block(1, .attentionQuery)
        // Rounded once, so that the merged weight is that of the rounded base.
        let rounded = try folder.write(hub, [.types(TypePolicy(.plain(.bf16)))], as: "bf16")
        let adapter = try Adapter.read(path, for: rounded)
        let merged = try folder.write(rounded, adapter.edits(), as: "merged")
        #expect(merged.tensor(role)?.type == .bf16)
        let exact = try folder.write(rounded, adapter.edits(type: .f32), as: "exact")
        let (stored, right) = (
            try #require(merged.tensor(role)).values(), try #require(exact.tensor(role)).values()
        )
        for (left, right) in zip(stored, right) { #expect(abs(left - right) <= abs(right) / 256) }
    }

    @Test func aHeadThatIsNoLongerTheEmbeddingIsAnnounced() throws {
        for kind in ["kind-tied-embedding", "kind-tied-head", "kind-saved-tied"] {
            let path = try AdapterTests.fixture(kind)
            let hub = try #require(bases(of: path).first)
            let merged = try folder.write(hub, Adapter.read(path, for: hub).edits(), as: "merged")
            #expect(merged.tensor(WeightRole(.output)) != nil)
            #expect(try merged.hyperparameters().tiesEmbeddings == false)
            #expect(merged.warnings.isEmpty, "\(merged.warnings)")
        }
        for kind in ["kind-saved-both", "kind-tokens-tied", "kind-tokens-alone"] {
            let path = try AdapterTests.fixture(kind)
            let hub = try #require(bases(of: path).first)
            let merged = try folder.write(hub, Adapter.read(path, for: hub).edits(), as: "merged")
            #expect(merged.tensor(WeightRole(.output)) == nil)
        }
    }
}
