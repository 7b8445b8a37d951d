import Formats
import Transformer
import Tuning

/// How well latent vectors make a model write their sentences.
struct LatentView {
    let latent: LatentExtraction
    let tokenizer: Tokenizer

    func show(on console: Console) {
        var table = Table([
            .right("block"), .right("BLEU"), .right("exact"), .right("loss"), .right("without"),
            .right("steps"), .right("norm"),
        ])
        for found in latent.reconstructions {
            table.add([
                "\(found.block)", Quantity.fixed(found.bleu, 1),
                "\(found.exactCount) of \(found.vectors.count)", Quantity.fixed(found.meanLoss, 3),
                Quantity.fixed(found.meanLossWithout, 3), Quantity.fixed(found.meanSteps, 0),
                Quantity.fixed(found.meanNorm, 1),
            ])
        }
        console.print(table)
    }

    /// By block, with what was written for every sentence.
    var json: JSONValue {
        .array(
            latent.reconstructions.map { found in
                .object(
                    JSONObject([
                        .init("block", .integer(found.block)), .init("bleu", .number(found.bleu)),
                        .init("exact", .integer(found.exactCount)),
                        .init("loss", .number(found.meanLoss)),
                        .init("loss_without", .number(found.meanLossWithout)),
                        .init("steps", .number(found.meanSteps)),
                        .init("norm", .number(found.meanNorm)),
                        .init("sentences", sentences(found)),
                    ]))
            })
    }

    private func sentences(_ found: Reconstruction) -> JSONValue {
        .array(
            zip(latent.places, found.vectors).enumerated().map { index, sentence in
                let (place, vector) = sentence
                let isPositive = index < found.vectors.count / 2
                return .object(
                    JSONObject([
                        .init("place", .string(place)),
                        .init("side", .string(isPositive ? "positive" : "negative")),
                        .init("text", .string(tokenizer.decode(vector.sentence))),
                        .init("written", .string(tokenizer.decode(vector.written))),
                        .init("exact", .bool(vector.isExact)),
                        .init("loss", .number(vector.loss)),
                        .init("loss_without", .number(vector.lossWithout)),
                        .init("steps", .integer(vector.steps)),
                        .init("norm", .number(vector.values.norm)),
                    ]))
            })
    }
}
