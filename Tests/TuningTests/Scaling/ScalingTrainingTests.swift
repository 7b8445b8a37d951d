import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct ScalingTrainingTests {
    private let probes: [ScalingProbe]

    init() throws {
        let renderer = try EvaluationFixture().renderer
        let words = [" lake", " sun", " goat", " day"]
        probes = try words.enumerated().map { index, word in
            let prompt = renderer.tokenizer.encode("One day Tom went to the")
            return ScalingProbe(
                choices: try [word, words[(index + 1) % words.count]].map {
                    try renderer.continuation($0, of: prompt, place: "")
                }, wanted: 0)
        }
    }

    private func options() -> ScalingOptions {
        var options = ScalingOptions()
        (options.steps, options.batch, options.faithfulness) = (12, 2, 1)
        (options.minimality, options.margin) = (0, 3)
        return options
    }

    private func run(
        _ options: ScalingOptions, probes: [ScalingProbe]? = nil, threads: Int = 2
    ) throws -> (alphas: [Float], places: [StreamSite], steps: [ScalingTraining.Step]) {
        let decoder = try EvaluationFixture(threads: threads).decoder
        let training = try ScalingTraining(
            decoder, file: "", probes: probes ?? self.probes, texts: [], options: options,
            crew: WorkCrew(threads: threads))
        var steps: [ScalingTraining.Step] = []
        let alphas = try training.run { _, step in steps.append(step) }
        return (alphas, training.places, steps)
    }

    @Test func theLossFallsAndThreadsGiveTheSameBits() throws {
        var options = options()
        (options.batch, options.learningRate) = (probes.count, 0.1)
        let first = try run(options, threads: 1)
        #expect(first.alphas.contains { $0 != 0 })
        let totals = first.steps.map(\.total)
        #expect(totals[totals.count - 1] < 0.99 * totals[0])
        #expect(first.alphas == (try run(options, threads: 2).alphas))
    }

    /// The more a factor costs, the fewer there are, down to none.
    @Test func minimalityMakesFactorsExactlyZero() throws {
        let fixture = try EvaluationFixture()
        let count = fixture.decoder.configuration.sizes.blockCount
        let gradient = try ScalingObjective(
            fixture.decoder, places: Array(StreamSite.all(blockCount: count).dropFirst()),
            margin: 3, faithfulness: 1
        ).gradient(of: .init(probes: probes), at: [Float](repeating: 0, count: 2 * count)).gradient
        let sizes = gradient.map(abs).sorted()
        let counts = try [0, sizes[sizes.count / 2], 1e6].map { weight in
            var options = options()
            options.minimality = weight
            return try run(options).alphas.count { $0 != 0 }
        }
        #expect(counts[0] > counts[1] && counts[1] > 0 && counts[2] == 0, "\(counts)")
    }

    @Test func onlyWhatIsAskedForIsLearned() throws {
        var options = options()
        (options.blocks, options.subLayers) = ([1, 2], [.feedForward])
        let found = try run(options)
        #expect(found.places == [1, 2].map { StreamSite(site: .residPost, block: $0) })
        options.blocks = [1, 99]
        #expect(throws: ForwardError.self) { try run(options) }
        options.blocks = nil
        #expect(throws: TrainingError.nothingToTune(file: "")) { try run(options, probes: []) }
    }

    @Test func aQuarterIsKeptFromLearning() {
        let split = ScalingSplit(of: 48, seed: 3, stream: ScalingSplit.probes)
        #expect(split.heldOut.count == 12 && Set(split.heldOut + split.learned) == Set(0..<48))
        #expect(split == ScalingSplit(of: 48, seed: 3, stream: ScalingSplit.probes))
        #expect(split != ScalingSplit(of: 48, seed: 4, stream: ScalingSplit.probes))
        #expect(ScalingSplit(of: 4, seed: 0, stream: 1).heldOut.count == 1)
    }
}
