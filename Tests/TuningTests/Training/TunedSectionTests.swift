import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Projections that share a matrix are tuned apart: query, key and value of GPT-2, GPT-NeoX and Phi-3.
@Suite struct TunedSectionTests {
    /// Families whose query, key and value are one matrix; the second has them head by head.
    static let fused = ["gpt2", "gpt_neox", "phi3"]
    private static let value = WeightRole.block(0, .attentionValue)
    private static let output = WeightRole.block(0, .attentionOutput)

    @Test(arguments: fused)
    func aTermForValuesReachesNoQueryAndNoKey(_ family: String) throws {
        let part = try Run(family, reach: [Self.value, Self.output])
        let whole = try Run(family, reach: nil)
        var fusedTensors = 0
        for (parameter, full) in zip(part.model.parameters, whole.model.parameters) {
            guard parameter.role.slot == .block(0, .attentionQueryKeyValue) else { continue }
            fusedTensors += 1
            let columns = parameter.shape.count > 1 ? parameter.shape[1] : 1
            let (found, all) = (parameter.gradient.values, full.gradient.values)
            for row in 0..<parameter.shape[0] {
                let isOfValues = try part.isOfValues(row)
                for index in row * columns..<(row + 1) * columns {
                    #expect(found[index] == (isOfValues ? all[index] : 0), "\(parameter.name)")
                }
            }
            #expect(found.contains { $0 != 0 })
        }
        #expect(fusedTensors == (family == "phi3" ? 1 : 2))
    }

    @Test(arguments: fused)
    func weightsThatAreNotTunedKeepEveryBit(_ family: String) throws {
        let run = try Run(family, slots: [.attentionValue], reach: nil)
        let before = run.model.parameters.map(\.values.values)
        run.step()
        for (parameter, before) in zip(run.model.parameters, before) {
            let columns = parameter.shape.count > 1 ? parameter.shape[1] : 1
            let after = parameter.values.values
            for row in 0..<parameter.shape[0] {
                let range = row * columns..<(row + 1) * columns
                let isSame = after[range] == before[range]
                #expect(try isSame != run.isOfValues(row), "\(parameter.name), row \(row)")
            }
        }
    }

    @Test(arguments: fused)
    func adaptersBesideValuesLeaveQueryAndKey(_ family: String) throws {
        let run = try Run(
            family, form: .lowRank(rank: 2, alpha: 4), slots: [.attentionValue], reach: nil)
        run.step()
        let up = try #require(run.model.parameters.first { $0.factor == .up })
        for row in 0..<up.shape[0] {
            let values = up.values.values[row * 2..<(row + 1) * 2]
            #expect(try values.allSatisfy { $0 == 0 } != run.isOfValues(row), "row \(row)")
        }
    }

    /// What the representation term reaches has its rate, other rows of the same matrix the other one.
    @Test func rowsOfOneMatrixHaveTheirOwnRates() throws {
        let run = try Run("phi3", reach: [Self.value])
        let groups = ParameterGroup.groups(
            of: run.model.parameters, terms: run.terms, learningRate: 1,
            representationLearningRate: 2)
        #expect(groups.map(\.name) == ["representation", "token"])
        let place = try #require(groups[0].places.first)
        #expect(groups[0].places.count == 1)
        let section = run.model.parameters[place.parameter].sections[place.section]
        #expect(section.roles.contains(Self.value))
    }

    /// A gate and an up projection in one matrix are two projections too.
    @Test func gateAndUpAreTunedApart() throws {
        let run = try Run("phi3", slots: [.feedForwardUp], reach: nil)
        let parameter = try #require(run.model.parameters.first)
        let before = parameter.values.values
        run.step()
        let half = before.count / 2
        #expect(parameter.values.values[..<half] == before[..<half])
        #expect(zip(parameter.values.values, before).dropFirst(half).allSatisfy { $0 != $1 })
    }

    /// Torch holds Gemma's norms as w and applies 1 + w, so it is w that decays.
    @Test func normsThatAreAppliedAsOneMoreDecayToOne() throws {
        let base = try Checkpoint.open(Families.folder("gemma"))
        for slot in [BlockSlot.attentionNorm, .attentionQuery] {
            let model = try TuningModel(
                base: base, selection: WeightSelection(blocks: [0], slots: [slot], of: base),
                form: .full, seed: 0, crew: WorkCrew(threads: 1))
            let parameter = try #require(model.parameters.first)
            let before = parameter.values.values
            let optimizer = AdamW(
                model.parameters, options: AdamW.Options(weightDecay: 0.5),
                crew: WorkCrew(threads: 1))
            optimizer.update(learningRates: [[0.5]])
            let origin: Float = slot.isNorm ? 1 : 0
            for (value, old) in zip(parameter.values.values, before) {
                #expect(abs(value - (origin + 0.75 * (old - origin))) <= 2e-7)
            }
        }
    }
}

/// A small model with the gradients of one `away` term, read in its second block.
private struct Run {
    let model: TuningModel
    let terms: [ObjectiveTerm]
    private let family: String

    init(
        _ family: String, form: TuningForm = .full,
        slots: [BlockSlot] = WeightSelection.blockProjections, reach: Set<WeightRole>?
    ) throws {
        self.family = family
        let base = try Checkpoint.open(Families.folder(family))
        model = try TuningModel(
            base: base, selection: WeightSelection(blocks: [0], slots: slots, of: base),
            form: form, seed: 1, crew: WorkCrew(threads: 2))
        let width = try base.hyperparameters().hiddenSize
        let direction = (0..<width).map { Float($0 % 5) - 1.5 }
        terms = [
            ObjectiveTerm(.away([1: direction]), position: .all, reach: reach)
        ]
        let example = TuningExample(
            prompt: [1, 5, 9, 2, 7, 3, 11], completion: [4], place: "made up")
        _ = try ObjectiveEngine(model: model, terms: terms)
            .addGradients(TuningBatch(examples: [example]))
    }

    /// One update with weight decay.
    func step() {
        AdamW(model.parameters, options: AdamW.Options(), crew: WorkCrew(threads: 2))
            .update(learningRates: model.parameters.map { $0.sections.map { _ in 0.1 } })
    }

    /// Whether a row of the fused matrix makes values, written out for each family's file.
    func isOfValues(_ row: Int) throws -> Bool {
        let sizes = try model.base.hyperparameters()
        let (query, keyValue) = (
            sizes.headCount * sizes.headSize, sizes.keyValueHeadCount * sizes.headSize
        )
        return family == "gpt_neox"
            ? row % (3 * sizes.headSize) >= 2 * sizes.headSize : row >= query + keyValue
    }
}
