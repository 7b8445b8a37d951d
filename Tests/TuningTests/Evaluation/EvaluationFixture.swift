import Formats
import Foundation
import TestSupport
import Transformer

@testable import Tuning

/// The small trained checkpoint, opened for measuring, and slow ways to measure.
struct EvaluationFixture {
    let checkpoint: Checkpoint
    let decoder: Decoder
    let renderer: PromptRenderer

    init(threads: Int = 2) throws {
        checkpoint = try Checkpoint.open(Samples.tinyModel)
        decoder = try Decoder(checkpoint: checkpoint, crew: WorkCrew(threads: threads))
        renderer = PromptRenderer(tokenizer: try Tokenizer(checkpoint.tokenizer()))
    }

    var vocabulary: Int { decoder.configuration.sizes.vocabularySize }

    /// log p of every next token after each of the tokens, from one pass over them all, in f64.
    func logProbabilities(_ tokens: [Int], _ interventions: [Intervention] = []) throws
        -> [[Double]]
    {
        let trace = try Trace(of: tokens, in: decoder, interventions: interventions)
        let logits = trace["logits"]?.values ?? []
        return tokens.indices.map { token in
            let row = logits[token * vocabulary..<(token + 1) * vocabulary].map(Double.init)
            let most = row.max() ?? 0
            let sum = row.reduce(0) { $0 + exp($1 - most) }
            return row.map { $0 - most - log(sum) }
        }
    }

    /// A push at the output of a block, strong enough to change what is predicted.
    func push(_ strength: Float = 1) -> [Intervention] {
        let width = decoder.configuration.sizes.hiddenSize
        let vector = (0..<width).map { Float($0 % 7) - 3 }
        return [
            Intervention(
                site: .residPost, block: 2, operation: .add, vector: vector, strength: strength)
        ]
    }

    /// A text of the model's world, of so many tokens.
    func text(_ count: Int) -> [Int] {
        let story =
            "One day Tom went to the lake with a white goat. The sun was shining and he began to sing. "
        let tokens = renderer.tokenizer.encode(String(repeating: story, count: count / 10 + 1))
        return Array(tokens.prefix(count))
    }
}
