import Formats

/// Memory of a gated delta net's matrices that hold several projections, head of keys by head.
///
/// Letters: R rows of the chunk, K width of all keys, V width of all values, H heads of values.
final class FusedDeltaMemory: Sendable {
    /// (R, 2K + 2V), or the gradient of it
    let inputs: ActivationMatrix
    /// (R, K), (R, K), (R, V)
    let query: ActivationMatrix
    let key: ActivationMatrix
    let value: ActivationMatrix
    /// (R, 2H), or the gradient of it
    let rates: ActivationMatrix

    init(_ shape: DeltaRuleShape) {
        inputs = ActivationMatrix(width: 2 * (shape.keyWidth + shape.valueWidth))
        query = ActivationMatrix(width: shape.keyWidth)
        key = ActivationMatrix(width: shape.keyWidth)
        value = ActivationMatrix(width: shape.valueWidth)
        rates = ActivationMatrix(width: 2 * shape.valueHeads)
    }

    /// Makes room for this many rows.
    func reserve(rows: Int) {
        for matrix in [inputs, query, key, value, rates] { matrix.reserve(rows) }
    }
}

/// What a gated delta net makes of its input before its convolution.
extension BlockRunner {
    func projectInputs(
        _ weights: DeltaNetWeights, _ activations: DeltaNetActivations,
        from input: ActivationMatrix, rows: Int
    ) {
        switch weights.inputs {
        case .separate(let queryKeyValue, let gate):
            project(rows, queryKeyValue, from: input, into: activations.projected)
            project(rows, gate, from: input, into: activations.gate)
        case .fused(let projection):
            project(rows, projection, from: input, into: fusedDelta.inputs)
            forEachPart(of: rows) { part in
                let first = part.lowerBound
                splitRows(
                    deltaParts(gate: activations.gate).map { ($0.row(first), $0.width) },
                    fused: fusedDelta.inputs.row(first), layout: deltaLayout, tokens: part.count)
                joinRows(
                    activations.projected.row(first),
                    parts: deltaParts(gate: activations.gate).dropLast().map {
                        (UnsafePointer($0.row(first)), $0.width)
                    }, layout: .stacked, tokens: part.count)
            }
        }
        switch weights.rates {
        case .separate(let decay, let strength):
            project(rows, decay, from: input, into: activations.decayInput)
            project(rows, strength, from: input, into: activations.strengthInput)
        case .fused(let projection):
            project(rows, projection, from: input, into: fusedDelta.rates)
            forEachPart(of: rows) { part in
                let first = part.lowerBound
                splitRows(
                    [activations.strengthInput, activations.decayInput].map {
                        ($0.row(first), $0.width)
                    }, fused: fusedDelta.rates.row(first), layout: deltaLayout,
                    tokens: part.count)
            }
        }
    }

    /// The projections with the gradients of what they give, as they are in the weights.
    func inputGradients(
        _ weights: DeltaNetWeights, _ gradients: DeltaNetGradients, rows: Int
    ) -> [(Projection, ActivationMatrix)] {
        inputGradients(weights.inputs, gradients, rows: rows)
            + rateGradients(weights.rates, gradients, rows: rows)
    }

    private func inputGradients(
        _ inputs: DeltaNetWeights.Inputs, _ gradients: DeltaNetGradients, rows: Int
    ) -> [(Projection, ActivationMatrix)] {
        switch inputs {
        case .separate(let queryKeyValue, let gate):
            return [(queryKeyValue, gradients.projected), (gate, gradients.gate)]
        case .fused(let projection):
            forEachPart(of: rows) { part in
                let (first, parts) = (part.lowerBound, deltaParts(gate: gradients.gate))
                splitRows(
                    parts.dropLast().map { ($0.row(first), $0.width) },
                    fused: gradients.projected.row(first), layout: .stacked, tokens: part.count)
                joinRows(
                    fusedDelta.inputs.row(first),
                    parts: parts.map { (UnsafePointer($0.row(first)), $0.width) },
                    layout: deltaLayout, tokens: part.count)
            }
            return [(projection, fusedDelta.inputs)]
        }
    }

    private func rateGradients(
        _ rates: DeltaNetWeights.Rates, _ gradients: DeltaNetGradients, rows: Int
    ) -> [(Projection, ActivationMatrix)] {
        switch rates {
        case .separate(let decay, let strength):
            return [(decay, gradients.decay), (strength, gradients.strength)]
        case .fused(let projection):
            forEachPart(of: rows) { part in
                let first = part.lowerBound
                joinRows(
                    fusedDelta.rates.row(first),
                    parts: [gradients.strength, gradients.decay].map {
                        (UnsafePointer($0.row(first)), $0.width)
                    }, layout: deltaLayout, tokens: part.count)
            }
            return [(projection, fusedDelta.rates)]
        }
    }

    /// Query, key, value and gate of all heads.
    private func deltaParts(gate: ActivationMatrix) -> [ActivationMatrix] {
        [fusedDelta.query, fusedDelta.key, fusedDelta.value, gate]
    }

    /// A head of keys has the values that share it.
    private var deltaLayout: FusedLayout { .headwise(heads: configuration.deltaRule.keyHeads) }
}
