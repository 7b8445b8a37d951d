import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct TunedLineTests {
    @Test func theLineGoesFromTheBaseThroughWhatWasTuned() throws {
        let base = try Checkpoint.open(Samples.tinyModel)
        let crew = WorkCrew(threads: 2)
        let model = try TuningModel(
            base: base,
            selection: WeightSelection(
                blocks: [1, 2], slots: WeightSelection.blockProjections, of: base),
            form: .full, seed: 0, crew: crew)
        let start = TunedLine.copies(of: model)
        let before = model.parameters.map(\.values.values)
        for parameter in model.parameters {
            parameter.values.replace(with: parameter.values.values.map { 0.75 * $0 + 0.125 })
        }
        let tuned = model.parameters.map(\.values.values)
        let line = TunedLine(model, from: start, crew: crew)
        for (strength, expected) in [(0.0, before), (1, tuned)] {
            line.move(to: strength)
            #expect(model.parameters.map(\.values.values) == expected)
        }
        for strength in [0.5, 1.5] {
            line.move(to: strength)
            for (parameter, (first, last)) in zip(model.parameters, zip(before, tuned)) {
                for (value, (one, other)) in zip(parameter.values.values, zip(first, last)) {
                    #expect(abs(value - (one + Float(strength) * (other - one))) < 1e-6)
                }
            }
        }
        // Half the way changes what the model computes, and none of it does not.
        let tokens = [3, 1, 4, 1, 5]
        func logits(_ decoder: Decoder) throws -> [Float] {
            try #require(Trace(of: tokens, in: decoder)["logits"]).values
        }
        line.move(to: 0.5)
        #expect(try logits(model.decoder) != logits(model.baseDecoder))
    }
}
