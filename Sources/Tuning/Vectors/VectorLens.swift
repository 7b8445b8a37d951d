import Formats
package import Transformer

/// The tokens that directions of the stream point to: what adding one does to the logits, to first order and up to the length
/// of the stream (nostalgebraist 2020, "interpreting GPT: the logit lens").
///
/// A direction v is taken through the last norm as far as that is linear, and through the head: logits = scale · W (γ ⊙ v),
/// for layer norms with v less its mean, which they take away too. What the norm divides by, biases and the cap of the logits
/// are left out.
package struct VectorLens: Sendable {
    /// The ends of a direction's ranking.
    package struct Row: Sendable {
        package let block: Int
        /// Of all tokens' values.
        package let mean: Double
        package let deviation: Double
        /// The largest values, the largest first.
        package let top: [Entry]
        /// The smallest values, the smallest first.
        package let bottom: [Entry]
    }

    /// A token and its value.
    package struct Entry: Sendable, Equatable {
        package let token: Int
        package let value: Float
    }

    package let rows: [Row]

    /// The most logits that are held at a time: 16 MB.
    private static let logitLimit = 1 << 22

    /// - Parameters:
    ///   - vector: of the model's width
    ///   - decoder: whose weights are read as they are stored, row by row
    ///   - tokenCount: how many tokens the tokenizer has; rows of the head behind them stand for none
    ///   - count: how many tokens of each end
    /// - Throws: `VectorError.wrongWidth`.
    package init(
        _ term: VectorTerm, decoder: Decoder, tokenCount: Int, count: Int
    ) throws(VectorError) {
        let vector = term.vector
        let sizes = decoder.configuration.sizes
        guard vector.width == sizes.hiddenSize else {
            throw .wrongWidth(file: term.name, width: vector.width, model: sizes.hiddenSize)
        }
        let height = sizes.vocabularySize
        let batch = max(1, Self.logitLimit / height)
        let blocks = vector.blocks
        rows = stride(from: 0, to: blocks.count, by: batch).flatMap { start in
            let part = Array(blocks[start..<min(blocks.count, start + batch)])
            let inputs = part.flatMap { block in
                decoder.throughLastNorm(
                    (vector.directions[block] ?? []).map { term.scale * $0 })
            }
            let logits = decoder.headLogits(of: inputs, rows: part.count)
            return part.enumerated().map { row, block in
                let first = row * height
                return Row(
                    block: block, logits[first..<first + min(height, tokenCount)], count: count)
            }
        }
    }
}

extension VectorLens.Row {
    fileprivate init(block: Int, _ values: ArraySlice<Float>, count: Int) {
        self.block = block
        let number = Double(max(1, values.count))
        let mean = values.reduce(0) { $0 + Double($1) } / number
        let squares = values.reduce(0) { $0 + (Double($1) - mean) * (Double($1) - mean) }
        self.mean = mean
        deviation = (squares / number).squareRoot()
        top = Self.first(count, of: values) { $0 > $1 }
        bottom = Self.first(count, of: values) { $0 < $1 }
    }

    /// Of equal values the tokens in their order.
    private static func first(
        _ count: Int, of values: ArraySlice<Float>, _ isBefore: (Float, Float) -> Bool
    ) -> [VectorLens.Entry] {
        let places = values.indices.sorted { left, right in
            values[left] == values[right] ? left < right : isBefore(values[left], values[right])
        }
        return places.prefix(count).map {
            VectorLens.Entry(token: $0 - values.startIndex, value: values[$0])
        }
    }
}
