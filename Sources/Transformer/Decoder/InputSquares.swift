package import Formats
import Synchronization

/// What weights are multiplied with: sums of squares of each input, gathered while passes run.
///
///     let squares = InputSquares(of: decoder.weights.blockProjections)
///     try decoder.forward([DecoderSlice(tokens)], inputSquares: squares)
///     let sum = squares.sum(of: .block(0, .attentionQuery))
///
/// Sums are added a product at a time, each rounded to f32 once, so that they can be stored and gone on with.
package final class InputSquares: Sendable {
    /// What one weight has seen.
    package struct Sum: Sendable, Equatable {
        /// (columns)
        package var squares: [Float]
        /// How many rows it was multiplied with.
        package var count: Int

        package init(squares: [Float], count: Int) {
            self.squares = squares
            self.count = count
        }
    }

    private struct Total: Sendable {
        let squares: FloatBuffer
        var count: Int
    }

    private let totals: Mutex<[WeightRole: Total]>

    /// - Parameters:
    ///   - projections: whose inputs are looked at
    ///   - earlier: what they have seen already; nothing where a weight is missing
    /// - Precondition: earlier sums are as long as their weights' rows.
    package init(of projections: [Projection], earlier: [WeightRole: Sum] = [:]) {
        var totals: [WeightRole: Total] = [:]
        for projection in projections {
            let squares = FloatBuffer(count: projection.weight.columns)
            let sum = earlier[projection.role]
            if let sum { squares.replace(with: sum.squares) }
            totals[projection.role] = Total(squares: squares, count: sum?.count ?? 0)
        }
        self.totals = Mutex(totals)
    }

    /// What a weight has seen so far, or nil where it is not looked at.
    package func sum(of role: WeightRole) -> Sum? {
        totals.withLock { totals in
            totals[role].map { Sum(squares: $0.squares.values, count: $0.count) }
        }
    }

    /// Adds the rows of a product.
    func add(
        _ rows: Int, of input: ActivationMatrix, to projection: Projection, crew: WorkCrew
    ) {
        let squares = totals.withLock { totals in
            totals[projection.role]?.count += rows
            return totals[projection.role]?.squares
        }
        guard let squares else { return }
        addSquareSums(
            to: squares.floats, input.row(0), rows: rows, width: squares.count, crew: crew)
    }
}

extension DecoderWeights {
    /// Every matrix that the blocks multiply with, in their order.
    package var blockProjections: [Projection] {
        blocks.flatMap { block in
            block.mixer.projections + block.feedForward.projections
                + (block.perLayerInput.map { [$0.gate, $0.output] } ?? [])
        }
    }
}

extension MixerWeights {
    fileprivate var projections: [Projection] {
        switch self {
        case .attention(let weights): weights.heads.projections + [weights.output]
        case .shortConvolution(let weights): [weights.input, weights.output]
        case .deltaNet(let weights):
            weights.inputs.projections + weights.rates.projections + [weights.output]
        }
    }
}

extension DeltaNetWeights.Inputs {
    fileprivate var projections: [Projection] {
        switch self {
        case .separate(let queryKeyValue, let gate): [queryKeyValue, gate]
        case .fused(let projection): [projection]
        }
    }
}

extension DeltaNetWeights.Rates {
    fileprivate var projections: [Projection] {
        switch self {
        case .separate(let decay, let strength): [decay, strength]
        case .fused(let projection): [projection]
        }
    }
}

extension HeadWeights {
    fileprivate var projections: [Projection] {
        switch self {
        case .separate(let query, let key, let value): [query, key, value]
        case .gated(let queryGate, let key, let value): [queryGate, key, value]
        case .fused(let projection), .queries(let projection): [projection]
        case .valuesAreKeys(let query, let key): [query, key]
        }
    }
}

extension FeedForwardWeights {
    fileprivate var projections: [Projection] {
        switch self {
        case .gated(let gate, let up, let down): [gate, up, down]
        case .fusedGated(let gateUp, let down): [gateUp, down]
        case .plain(let up, let down): [up, down]
        case .mixture(let mixture):
            [mixture.router] + mixture.experts.flatMap(\.projections)
                + (mixture.shared?.projections ?? [])
        }
    }
}

extension ExpertWeights {
    fileprivate var projections: [Projection] {
        switch inner {
        case .separate(let gate, let up): [gate, up, down]
        case .fused(let gateUp): [gateUp, down]
        }
    }
}

extension SharedExpertWeights {
    fileprivate var projections: [Projection] {
        unit.projections + (router.map { [$0] } ?? [])
    }
}
