import Formats
import TestSupport
import Testing

@testable import Tuning

/// Gated delta nets make a larger share of rounding, which the tolerance has to know.
@Suite struct CarriedRoundingTests {
    private let models: VerifiedModels

    init() throws {
        models = try VerifiedModels()
    }

    private static let families = ["qwen3_5", "qwen3_5-wrapped"]

    @Test(arguments: families)
    func aFolderAndItsOwnFileAreEqual(_ family: String) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let result = try models.verify(base, try models.write(base, as: "model.gguf"))
        #expect(
            result.verdict == .equal,
            "\(result.blocks.map(\.relativeError)) of \(result.tolerance.relative)")
        #expect(result.tolerance.isMeasured)
        #expect(result.tolerance.derivation.contains("what the delta nets make of"))
        // Far from what a fault does.
        #expect(result.tolerance.relative < 1e-4)
    }

    @Test(arguments: families)
    func aWeightThatIsOffIsNoRounding(_ family: String) throws {
        let base = try Checkpoint.open(Families.folder(family))
        for slot in [BlockSlot.deltaOutput, .deltaQueryKeyValue, .deltaNorm, .feedForwardDown] {
            let role = WeightRole.block(0, slot)
            let weight = try #require(base.tensor(role))
            var values = try weight.values()
            values[3] *= 1.001
            let edit = CheckpointEdit.set(
                role, values: values, form: weight.form.orderOnly, type: .f32)
            let other = try models.write(base, [edit], as: "\(slot).gguf")
            #expect(try models.verify(base, other).verdict == .notEqual, "\(slot)")
        }
    }

    /// Where the tensors are not asked, the streams alone tell.
    @Test(arguments: families)
    func aMatrixThatIsOffMovesTheStreams(_ family: String) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let role = WeightRole.block(0, .deltaOutput)
        let weight = try #require(base.tensor(role))
        let values = try weight.values().map { 1.001 * $0 }
        let edit = CheckpointEdit.set(
            role, values: values, form: weight.form.orderOnly, type: .f32)
        let result = try models.verify(base, try models.write(base, [edit], as: "model.gguf"))
        #expect(!result.streamsPass)
    }

    /// Models that hand rounding on as it is keep the bound that is derived.
    @Test func aModelWithoutDeltaNetsIsNotMeasured() throws {
        let base = try Checkpoint.open(Families.folder("qwen3"))
        let result = try models.verify(base, try models.write(base, as: "model.gguf"))
        #expect(result.verdict == .equal && !result.tolerance.isMeasured)
    }
}
