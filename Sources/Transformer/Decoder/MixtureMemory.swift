import Formats

/// Memory of a mixture of experts.
///
/// Letters: R rows of the chunk, D hidden size, E experts.
final class MixtureMemory: Sendable {
    /// (R, E): the router's outputs, then their gradients.
    let logits: ActivationMatrix
    /// (R, used experts)
    let shareGradient: ActivationMatrix
    /// (R, D): the rows that go through an expert, and the gradient of them.
    let input: ActivationMatrix
    let inputGradient: ActivationMatrix
    /// Of one expert after the other.
    let expert: UnitMemory
    /// Of the part that every token goes through; nil where there is none.
    let shared: UnitMemory?
    /// (R, 1): what that part's output is multiplied by before its sigmoid, and the gradient of it.
    let sharedLogit: ActivationMatrix
    let sharedLogitGradient: ActivationMatrix
    /// Of what has norms of its own beside a dense part; nil where nothing has.
    let own: OwnMemory?
    let experts: Experts

    /// Memory of the norms of a mixture beside a dense part, all (R, D).
    final class OwnMemory: Sendable {
        let routerInput: ActivationMatrix
        let expertInput: ActivationMatrix
        /// What the experts give together, before its norm.
        let sum: ActivationMatrix
        /// What the dense part gives, after its norm.
        let dense: ActivationMatrix
        let routerInputGradient: ActivationMatrix
        let expertInputGradient: ActivationMatrix
        let sumGradient: ActivationMatrix
        let denseGradient: ActivationMatrix

        init(hiddenSize: Int) {
            func matrix() -> ActivationMatrix { ActivationMatrix(width: hiddenSize) }
            (routerInput, expertInput, sum, dense) = (matrix(), matrix(), matrix(), matrix())
            (routerInputGradient, expertInputGradient) = (matrix(), matrix())
            (sumGradient, denseGradient) = (matrix(), matrix())
        }

        fileprivate func reserve(rows: Int, backward: Bool) {
            for matrix in [routerInput, expertInput, sum, dense] { matrix.reserve(rows) }
            guard backward else { return }
            for matrix in [routerInputGradient, expertInputGradient, sumGradient, denseGradient] {
                matrix.reserve(rows)
            }
        }
    }

    /// Memory of one gated feed-forward part.
    ///
    /// F is its inner width.
    final class UnitMemory: Sendable {
        /// (R, F)
        let gate: ActivationMatrix
        /// (R, F)
        let up: ActivationMatrix
        /// (R, 2F): both by turns, or their gradients; nil where they have matrices of their own.
        let gateUp: ActivationMatrix?
        /// (R, F)
        let gated: ActivationMatrix
        /// (R, D)
        let output: ActivationMatrix
        /// (R, D)
        let outputGradient: ActivationMatrix
        /// (R, F)
        let gateGradient: ActivationMatrix
        /// (R, F)
        let upGradient: ActivationMatrix

        init(width: Int, hiddenSize: Int, isFused: Bool = false) {
            gateUp = isFused ? ActivationMatrix(width: 2 * width) : nil
            gate = ActivationMatrix(width: width)
            up = ActivationMatrix(width: width)
            gated = ActivationMatrix(width: width)
            output = ActivationMatrix(width: hiddenSize)
            outputGradient = ActivationMatrix(width: hiddenSize)
            gateGradient = ActivationMatrix(width: width)
            upGradient = ActivationMatrix(width: width)
        }

        fileprivate func reserve(rows: Int, backward: Bool) {
            for matrix in [gate, up, gated, output] { matrix.reserve(rows) }
            gateUp?.reserve(rows)
            guard backward else { return }
            for matrix in [outputGradient, gateGradient, upGradient] { matrix.reserve(rows) }
        }
    }

    /// - Parameter isFused: whether gate and up of an expert are one matrix.
    init(_ experts: Experts, sizes: Hyperparameters, isFused: Bool) {
        let hiddenSize = sizes.hiddenSize
        self.experts = experts
        logits = ActivationMatrix(width: experts.count)
        shareGradient = ActivationMatrix(width: experts.usedCount)
        input = ActivationMatrix(width: hiddenSize)
        inputGradient = ActivationMatrix(width: hiddenSize)
        expert = UnitMemory(
            width: experts.feedForwardSize, hiddenSize: hiddenSize, isFused: isFused)
        let sharedSize =
            experts.isBesideDense ? sizes.feedForwardSize : experts.sharedFeedForwardSize
        shared = sharedSize.map { UnitMemory(width: $0, hiddenSize: hiddenSize) }
        own = experts.isBesideDense ? OwnMemory(hiddenSize: hiddenSize) : nil
        sharedLogit = ActivationMatrix(width: 1)
        sharedLogitGradient = ActivationMatrix(width: 1)
    }

    /// Makes room for this many rows.
    func reserve(rows: Int, backward: Bool) {
        for unit in [expert, shared] { unit?.reserve(rows: rows, backward: backward) }
        own?.reserve(rows: rows, backward: backward)
        for matrix in [logits, input, sharedLogit] { matrix.reserve(rows) }
        guard backward else { return }
        for matrix in [inputGradient, shareGradient, sharedLogitGradient] { matrix.reserve(rows) }
    }
}
