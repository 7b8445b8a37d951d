import Formats
import Foundation
import Testing
import Transformer

@testable import Tuning

/// Every gradient of small models, by name, against PyTorch's autograd: see Fixtures/gradients/README.md.
struct GradientReferenceTests {
    static let models = ["biased", "tied"]

    @Test(arguments: models)
    func tokenLossHasTorchsGradients(_ name: String) throws {
        let reference = try GradientCase(name, "token")
        try reference.check(reference.model(), [ObjectiveTerm(.token)])
    }

    @Test(arguments: models)
    func towardLossHasTorchsGradients(_ name: String) throws {
        let reference = try GradientCase(name, "toward")
        let term = ObjectiveTerm(
            .toward([1: reference.vector], limit: 1), position: .index(-2))
        try reference.check(reference.model(), [term])
    }

    @Test(arguments: models)
    func awayLossHasTorchsGradients(_ name: String) throws {
        let reference = try GradientCase(name, "away")
        let term = ObjectiveTerm(.away([0: reference.vector]), site: .residMid, position: .all)
        try reference.check(reference.model(), [term])
    }

    @Test(arguments: models)
    func softLossHasTorchsGradients(_ name: String) throws {
        let reference = try GradientCase(name, "soft")
        try reference.check(reference.model(), [ObjectiveTerm(.soft)])
    }

    @Test(arguments: models)
    func keepLossHasTorchsGradients(_ name: String) throws {
        let reference = try GradientCase(name, "keep")
        let model = try reference.model()
        try reference.load("tuned.safetensors", into: model)
        try reference.check(model, [ObjectiveTerm(.keep)])
    }

    @Test(arguments: models)
    func shiftLossHasTorchsGradients(_ name: String) throws {
        let reference = try GradientCase(name, "shift")
        let model = try reference.model()
        try reference.load("tuned.safetensors", into: model)
        let term = ObjectiveTerm(.shift([1: reference.vector]), position: .all)
        try reference.check(model, [term])
    }

    /// The contrast is the untuned model's, after prompts of other lengths; kept or not, it is the same.
    @Test(arguments: models, [0, 1 << 20])
    func contrastLossHasTorchsGradients(_ name: String, prefixBytes: Int) throws {
        let reference = try GradientCase(name, "contrast")
        let model = try reference.model()
        try reference.load("tuned.safetensors", into: model)
        let term = ObjectiveTerm(
            .contrast(blocks: [0, 1], strength: 1.5), position: .completion)
        try reference.check(
            model, [term], limits: ObjectiveEngine.Limits(prefixes: prefixBytes))
    }

    /// What a batch is steered with acts on the tuned model alone.
    @Test(arguments: models)
    func keepSteeredLossHasTorchsGradients(_ name: String) throws {
        let reference = try GradientCase(name, "keep-steered")
        let model = try reference.model()
        try reference.load("tuned.safetensors", into: model)
        try reference.check(model, [ObjectiveTerm(.keepSteered)], steering: reference.interventions)
    }

    @Test(arguments: models)
    func steeredPassHasTorchsGradients(_ name: String) throws {
        let reference = try GradientCase(name, "steered")
        try reference.check(
            reference.model(), [ObjectiveTerm(.token)], interventions: reference.interventions)
    }

    @Test(arguments: models)
    func adaptersHaveTorchsGradients(_ name: String) throws {
        let reference = try GradientCase(name, "adapter")
        let model = try reference.model(.lowRank(rank: 3, alpha: 6))
        try reference.load("adapter/adapter_model.safetensors", into: model)
        let toward = ObjectiveTerm(.toward([1: reference.vector], limit: 1), position: .index(-2))
        try reference.check(model, [ObjectiveTerm(.token), toward])
    }

    /// Sequences packed together, each with a vector of its own, whether activations are kept or computed again.
    @Test(arguments: models, [1 << 30, 0])
    func additionsHaveTorchsGradients(_ name: String, keptBytes: Int) throws {
        try GradientCase.checkAdditions(name, keptBytes: keptBytes)
    }

    @Test(arguments: models)
    func recomputedActivationsGiveTheSameBits(_ name: String) throws {
        let reference = try GradientCase(name, "token")
        let terms = [
            ObjectiveTerm(.token),
            ObjectiveTerm(.away([0: reference.vector]), site: .residMid, position: .all),
        ]
        let gradients = try [1 << 30, 0].map { bytes in
            let model = try reference.model()
            let engine = try ObjectiveEngine(
                model: model, terms: terms, limits: ObjectiveEngine.Limits(activations: bytes))
            _ = try engine.addGradients(reference.batch)
            return model.parameters.map(\.gradient.values)
        }
        #expect(gradients[0] == gradients[1])
    }

    @Test(arguments: models)
    func threadsGiveTheSameBits(_ name: String) throws {
        let reference = try GradientCase(name, "token")
        let gradients = try [1, 2].map { threads in
            let model = try reference.model(threads: threads)
            let engine = try ObjectiveEngine(model: model, terms: [ObjectiveTerm(.token)])
            _ = try engine.addGradients(reference.batch)
            return model.parameters.map(\.gradient.values)
        }
        #expect(gradients[0] == gradients[1])
    }

    @Test(arguments: models)
    func frozenBlocksChangeNoGradientAboveThem(_ name: String) throws {
        let reference = try GradientCase(name, "token")
        let model = try reference.model(blocks: [1])
        try reference.check(model, [ObjectiveTerm(.token)])
    }

    @Test func termsReachOnlyTheWeightsTheyMay() throws {
        let reference = try GradientCase("biased", "toward")
        let model = try reference.model()
        let reach: Set<WeightRole> = [
            .block(0, .attentionValue), .block(1, .attentionValue), .block(1, .attentionOutput),
        ]
        let term = ObjectiveTerm(
            .toward([1: reference.vector], limit: 1), position: .index(-2), reach: reach)
        try reference.check(model, [term]) { role in reach.contains(WeightRole(role.slot)) }
        for parameter in model.parameters where !reach.contains(WeightRole(parameter.role.slot)) {
            #expect(parameter.gradient.values.allSatisfy { $0 == 0 })
        }
    }

    @Test func termsOfTwoReachesAddUp() throws {
        let reference = try GradientCase("biased", "adapter")
        let reach: Set<WeightRole> = [.block(1, .attentionValue)]
        let toward = ObjectiveTerm(
            .toward([1: reference.vector], limit: 1), position: .index(-2), reach: reach)
        func gradients(_ terms: [ObjectiveTerm]) throws -> [WeightRole: [Float]] {
            let model = try reference.model()
            _ = try ObjectiveEngine(model: model, terms: terms).addGradients(reference.batch)
            return Dictionary(
                uniqueKeysWithValues: model.parameters.map { ($0.role, $0.gradient.values) })
        }
        let both = try gradients([ObjectiveTerm(.token, weight: 0.5), toward])
        let token = try gradients([ObjectiveTerm(.token, weight: 0.5)])
        let alone = try gradients([toward])
        for (role, values) in both {
            let sum = zip(token[role] ?? [], alone[role] ?? []).map { $0 + $1 }
            #expect(largestDifference(values, sum) <= 1e-6, "\(role)")
        }
    }

    @Test func termsWithoutWeightsBelowAreRefused() throws {
        let reference = try GradientCase("biased", "toward")
        let model = try reference.model(blocks: [2])
        #expect(
            throws: TrainingError.unreachable(goal: "toward", site: "resid_post", block: 1)
        ) {
            try ObjectiveEngine(
                model: model, terms: [ObjectiveTerm(.toward([1: reference.vector], limit: 1))])
        }
    }
}

/// The largest difference, relative to the largest number of the second.
private func largestDifference(_ found: [Float], _ expected: [Float]) -> Double {
    guard found.count == expected.count else { return .infinity }
    let scale = expected.reduce(1e-30) { max($0, Double(abs($1))) }
    return zip(found, expected).reduce(0) { max($0, abs(Double($1.0) - Double($1.1))) } / scale
}

/// One loss of one small model, with what PyTorch computed.
private struct GradientCase {
    let checkpoint: Checkpoint
    let vector: [Float]
    let interventions: [Intervention]
    let batch: TuningBatch
    private let folder: String
    private let loss: Double
    private let gradients: [String: [Float]]

    /// PyTorch's figures are in f64; ours are f32 sums of a few hundred terms.
    private static let tolerance = 1e-4

    init(_ model: String, _ name: String) throws {
        let facts: JSONObject
        (folder, facts) = try Self.facts(model)
        checkpoint = try Checkpoint.open(folder)
        vector = try Self.floats(facts["vector"])
        interventions = try #require(facts["interventions"]?.array).map { value in
            let object = try #require(value.object)
            return Intervention(
                site: try #require(Site(rawValue: object["site"]?.string ?? "")),
                block: try #require(object["block"]?.integer),
                operation: try #require(
                    Intervention.Operation(rawValue: object["operation"]?.string ?? "")),
                vector: try Self.floats(object["vector"]),
                strength: Float(try #require(object["strength"]?.number)))
        }
        let choices = try #require(facts["targets"]?.array).map { value in
            let object = try #require(value.object)
            return (
                tokens: [try #require(object["token"]?.integer)],
                probability: Float(try #require(object["probability"]?.number))
            )
        }
        let sequences = try Self.sequences(facts)
        batch = TuningBatch(
            examples: sequences.map { tokens, prompt, positive, negative in
                TuningExample(
                    prompt: Array(tokens[..<prompt]), completion: Array(tokens[prompt...]),
                    choices: choices,
                    contrast: ContrastPrompts(positive: positive, negative: negative),
                    place: "cases.json")
            }, texts: sequences.map(\.tokens))
        let reference = try #require(
            facts["cases"]?.array?.compactMap(\.object).first { $0["name"]?.string == name })
        loss = try #require(reference["loss"]?.number)
        gradients = try Self.tensors("\(folder)/gradients/\(name).safetensors")
    }

    func model(
        _ form: TuningForm = .full, blocks: [Int]? = nil, threads: Int = 2
    ) throws -> TuningModel {
        let count = try checkpoint.hyperparameters().blockCount
        let isLowRank = form != .full
        let selection = try WeightSelection(
            blocks: blocks ?? Array(0..<count),
            slots: isLowRank ? WeightSelection.blockProjections : BlockSlot.allCases,
            model: isLowRank || blocks != nil ? [] : [.tokenEmbedding, .outputNorm, .output],
            of: checkpoint)
        return try TuningModel(
            base: checkpoint, selection: selection, form: form, seed: 1,
            crew: WorkCrew(threads: threads))
    }

    /// Puts values of a file in the place of the model's.
    func load(_ file: String, into model: TuningModel) throws {
        let tensors = try Self.tensors("\(folder)/\(file)")
        for parameter in model.parameters {
            if let values = tensors[torchName(of: parameter)] {
                parameter.values.replace(with: values)
            } else {
                #expect(parameter.factor == .whole, "\(parameter.name) is missing in \(file)")
            }
        }
    }

    /// Compares the loss and every gradient.
    func check(
        _ model: TuningModel, _ terms: [ObjectiveTerm], interventions: [Intervention] = [],
        steering: [Intervention] = [],
        limits: ObjectiveEngine.Limits = ObjectiveEngine.Limits(),
        where reaches: (WeightRole) -> Bool = { _ in true }
    ) throws {
        var batch = batch
        batch.steering = steering
        let engine = try ObjectiveEngine(
            model: model, terms: terms, interventions: interventions,
            steering: steering.isEmpty
                ? nil : SteeringSchedule([steering], probability: 1, strength: 1, seed: 0),
            limits: limits)
        let losses = try engine.addGradients(batch)
        #expect(abs(losses.total - loss) <= Self.tolerance * abs(loss))
        #expect(try abs(engine.losses(batch).total - losses.total) <= 1e-9)
        var compared = 0
        for parameter in model.parameters where reaches(parameter.role) {
            let name = torchName(of: parameter)
            let found = parameter.gradient.values
            guard let expected = gradients[name] else {
                // Torch gives no gradient to what has no influence on the loss.
                #expect(found.allSatisfy { $0 == 0 }, "\(name)")
                continue
            }
            compared += 1
            let difference = largestDifference(found, expected)
            #expect(
                difference <= Self.tolerance || expected.allSatisfy { abs($0) < 1e-7 },
                "\(name): \(difference)")
        }
        #expect(compared > 0)
    }

    private func torchName(of parameter: TunedParameter) -> String {
        let name = checkpoint.tensor(parameter.role)?.name ?? ""
        guard parameter.factor != .whole else { return name }
        let factor = parameter.factor == .down ? "lora_A" : "lora_B"
        return "base_model.model.\(name.dropLast(".weight".count)).\(factor).weight"
    }

    /// Compares the losses of steered sequences and the gradients of what they are steered with, at every place.
    static func checkAdditions(_ model: String, keptBytes: Int) throws {
        let (folder, facts) = try facts(model)
        let decoder = try Decoder(
            checkpoint: Checkpoint.open(folder), crew: WorkCrew(threads: 2))
        let sequences = try self.sequences(facts)
        let vector = try floats(facts["vector"])
        let reference = try #require(
            facts["cases"]?.array?.compactMap(\.object).first { $0["name"]?.string == "latent" })
        let gradients = try tensors("\(folder)/gradients/latent.safetensors")
        let places = try #require(reference["losses"]?.object).members
        #expect(places.count == 4)
        for (name, value) in places.map({ ($0.key, $0.value) }) {
            let parts = name.split(separator: ".")
            let site = try #require(Site(rawValue: String(parts[0])))
            let pass = try GradientPass(decoder, keptBytes: keptBytes)
            try pass.forward(
                sequences.map { DecoderSlice($0.tokens) },
                additions: SequenceAdditions(
                    site: site, block: try #require(Int(parts[1])),
                    vectors: [0.5, -0.3, 0.8].map { scale in vector.map { scale * $0 } }))
            let targets = zip(sequences, pass.sequences).map { sequence, rows in
                (sequence.prompt..<sequence.tokens.count).map { token in
                    LogitTarget(
                        token: sequence.tokens[token], row: rows.lowerBound + token - 1,
                        weight: 1 / Float(sequence.tokens.count - sequence.prompt))
                }
            }
            let slopes = StreamGradients(pass)
            var losses = pass.lossesOnLogits(targets.flatMap { $0 }, gradients: slopes)[...]
            let found = pass.gradientsOfAdditions(slopes)
            for (index, expected) in try #require(value.array).compactMap(\.number).enumerated() {
                let count = targets[index].count
                let loss = losses.prefix(count).reduce(0, +) / Double(count)
                losses = losses.dropFirst(count)
                #expect(abs(loss - expected) <= tolerance * expected)
                let difference = largestDifference(
                    found[index], try #require(gradients["\(name).\(index)"]))
                #expect(difference <= tolerance, "\(name).\(index): \(difference)")
            }
        }
    }

    private static func facts(_ model: String) throws -> (folder: String, facts: JSONObject) {
        let root =
            try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil)).path
            + "/gradients"
        let text = try MappedFile(path: root + "/cases.json").bytes.withUnsafeBytes { Array($0) }
        let facts = try #require(
            try JSONReader.parse(text, source: "cases.json").object?[model]?.object)
        return ("\(root)/\(model)", facts)
    }

    private static func sequences(
        _ facts: JSONObject
    ) throws -> [(tokens: [Int], prompt: Int, positive: [Int], negative: [Int])] {
        try #require(facts["sequences"]?.array).map { value in
            let object = try #require(value.object)
            func tokens(_ key: String) throws -> [Int] {
                try #require(object[key]?.array).compactMap(\.integer)
            }
            return (
                try tokens("tokens"), try #require(object["promptLength"]?.integer),
                try tokens("positive"), try tokens("negative")
            )
        }
    }

    private static func tensors(_ path: String) throws -> [String: [Float]] {
        let file = try SafetensorsFile(path: path)
        return Dictionary(
            uniqueKeysWithValues: try file.tensors.map {
                (
                    $0.description.name,
                    try $0.values()
                )
            })
    }

    private static func floats(_ value: JSONValue?) throws -> [Float] {
        try #require(value?.array).compactMap(\.number).map { Float($0) }
    }
}
