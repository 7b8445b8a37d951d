import Formats
import Transformer
import Tuning

/// What `rtedit bench --train` measures: steps of tuning on a fixed number of sequences of random tokens, with the loss
/// 1 − cos at every position of one block and cross-entropy at every position, updated by AdamW.
struct TrainingBenchmark {
    enum Mode: String, CaseIterable {
        /// LoRA of rank 8 on all projections.
        case lora
        /// All weights of the third of the blocks in the middle.
        case blocks
        /// All weights.
        case all
    }

    private let engine: ObjectiveEngine
    private let optimizer: AdamW
    private let batches: [TuningBatch]

    /// - Parameters:
    ///   - sequences: how many sequences a step has.
    ///   - length: their tokens.
    init(
        _ mode: Mode, checkpoint: Checkpoint, sequences: Int, length: Int, steps: Int,
        crew: WorkCrew
    ) throws {
        let numbers = try checkpoint.hyperparameters()
        let third = numbers.blockCount / 3
        let form: TuningForm = mode == .lora ? .lowRank(rank: 8, alpha: 16) : .full
        let blocks = mode == .blocks ? Array(third...2 * third) : Array(0..<numbers.blockCount)
        let slots = mode == .lora ? WeightSelection.blockProjections : BlockSlot.allCases
        let selection = try WeightSelection(
            blocks: blocks, slots: slots,
            model: mode == .all ? [.tokenEmbedding, .outputNorm, .output] : [], of: checkpoint)
        let model = try TuningModel(
            base: checkpoint, selection: selection, form: form, seed: 0, crew: crew)
        var random = Xoshiro256(seed: 1)
        let direction = (0..<numbers.hiddenSize).map { _ in
            Float.random(in: -1...1, using: &random)
        }
        // Twice (1 − cos) / 2.
        let toward = ObjectiveTerm(
            .toward([numbers.blockCount / 2: direction], limit: 1), weight: 2, position: .all)
        engine = try ObjectiveEngine(model: model, terms: [toward, ObjectiveTerm(.token)])
        optimizer = AdamW(
            model.parameters, options: AdamW.Options(weightDecay: 0.01), crew: crew)
        batches = (0..<steps).map { _ in
            TuningBatch(
                examples: (0..<sequences).map { _ in
                    let tokens = (0..<length).map { _ in
                        Int.random(in: 0..<numbers.vocabularySize, using: &random)
                    }
                    return TuningExample(
                        prompt: [tokens[0]], completion: Array(tokens[1...]), place: "random tokens"
                    )
                })
        }
    }

    /// Seconds of every step but the first, which warms up.
    func run() throws -> [Double] {
        let rates = engine.model.parameters.map { $0.sections.map { _ in 2e-5 } }
        var times: [Double] = []
        for batch in batches {
            let start = ContinuousClock.now
            engine.model.clearGradients()
            _ = try engine.addGradients(batch)
            optimizer.update(learningRates: rates)
            times.append((ContinuousClock.now - start) / .seconds(1))
        }
        return Array(times.dropFirst())
    }
}
