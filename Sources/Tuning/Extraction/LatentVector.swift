/// What made a frozen model write a sentence, as far as it did.
package struct LatentVector: Sendable {
    /// z, (hidden size)
    package let values: [Float]
    /// The sentence's mean cross-entropy in nats a token, with nothing added and with z.
    package let lossWithout: Double
    package let loss: Double
    /// Updates that were made.
    package let steps: Int
    /// What is to be written.
    package let sentence: [Int]
    /// What the model writes with z, greedily, as many tokens.
    package let written: [Int]

    /// Whether every token is right.
    package var isExact: Bool { written == sentence }
}

/// How well latent vectors at one place reproduce their sentences.
package struct Reconstruction: Sendable {
    /// 0-based.
    package let block: Int
    /// By sentence.
    package let vectors: [LatentVector]
    /// Corpus BLEU of what is written, from 0 to 100.
    package let bleu: Double

    /// - Parameter decode: the text of some tokens.
    init(block: Int, vectors: [LatentVector], decode: ([Int]) -> String) {
        self.block = block
        self.vectors = vectors
        var bleu = BLEU()
        for vector in vectors {
            bleu.add(decode(vector.written), reference: decode(vector.sentence))
        }
        self.bleu = bleu.score
    }

    package var exactCount: Int { vectors.count(where: \.isExact) }
    package var meanLoss: Double { Statistics.mean(vectors.map(\.loss)) }
    package var meanLossWithout: Double { Statistics.mean(vectors.map(\.lossWithout)) }
    package var meanSteps: Double { Statistics.mean(vectors.map { Double($0.steps) }) }
    package var meanNorm: Double { Statistics.mean(vectors.map(\.values.norm)) }
}
