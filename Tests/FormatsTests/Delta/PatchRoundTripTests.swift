import Formats
import Foundation
import TestSupport
import Testing

@Suite struct PatchRoundTripTests {
    private let fixture: PatchFixture
    private let model = Samples.tinyModel

    init() throws {
        fixture = try PatchFixture()
    }

    @Test func anIdenticalTargetTakesOnlyHashes() throws {
        let (isEqual, size) = try fixture.roundTrip(model, model)
        #expect(isEqual)
        #expect(size < 2000)
    }

    @Test func aBakedBiasTakesLittleMoreThanItsValues() throws {
        let width = try Checkpoint.open(model).hyperparameters().hiddenSize
        var numbers = Numbers(seed: 1)
        let values = (0..<width).map { _ in numbers.normal(1) }
        let edit = CheckpointEdit.set(
            .block(1, .feedForwardDown, .bias), values: values, form: .canonical, type: .f32)
        let target = try fixture.write(model, [edit], as: "baked.gguf")
        let (isEqual, size) = try fixture.roundTrip(model, target)
        #expect(isEqual)
        #expect(size < 2000 + 4 * width)
    }

    @Test func aConversionTakesNoWeights() throws {
        let folder = try fixture.write(model, as: "folder")
        let (isEqual, size) = try fixture.roundTrip(model, folder)
        #expect(isEqual)
        let (isEqualBack, sizeBack) = try fixture.roundTrip(folder, model)
        #expect(isEqualBack)
        let total = try bytes(ofFile: model).count
        #expect(size < total / 10 && sizeBack < total / 10)
    }

    @Test func bareWeightsAreTakenForTheOtherSidesFamily() throws {
        let hub = try fixture.write(model, as: "hub")
        let bare = fixture.folder.path("bare.safetensors")
        try FileManager.default.copyItem(atPath: hub + "/model.safetensors", toPath: bare)
        let total = try bytes(ofFile: model).count
        for (base, target) in [(bare, model), (model, bare), (bare, hub), (hub, bare)] {
            let (isEqual, size) = try fixture.roundTrip(base, target)
            #expect(isEqual)
            #expect(size < total / 50, "from \(base) to \(target)")
        }
    }

    @Test func aHeadOfItsOwnIsPredictedFromTheEmbeddingItWasTiedTo() throws {
        let embedding = try #require(
            Checkpoint.open(model).tensor(WeightRole(.tokenEmbedding)))
        var values = try embedding.values()
        for index in stride(from: 0, to: values.count, by: 1000) { values[index] += 1 }
        let head = CheckpointEdit.set(
            WeightRole(.output), values: values, form: .canonical, type: .f32)
        let target = try fixture.write(model, [head], as: "head.gguf")
        let (isEqual, size) = try fixture.roundTrip(model, target)
        #expect(isEqual)
        #expect(size < values.count / 4)
    }

    @Test func aRetypedTargetIsPredicted() throws {
        for type in [ElementType.bf16, .f32] {
            let target = try fixture.write(model, [.types(.plain(type))], as: "retyped.gguf")
            let (isEqual, size) = try fixture.roundTrip(model, target)
            #expect(isEqual)
            #expect(size < 4000)
        }
    }

    @Test func shardsAreOnlyLaidOutAnew() throws {
        let whole = try fixture.write(model, as: "whole")
        let shards = try fixture.write(model, as: "shards", shardLimit: 100_000)
        let (isEqual, size) = try fixture.roundTrip(whole, shards)
        #expect(isEqual)
        #expect(size < 8000)
        #expect(try fixture.roundTrip(shards, whole).isEqual)
    }
}
