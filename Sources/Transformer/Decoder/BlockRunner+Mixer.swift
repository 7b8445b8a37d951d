import Formats

/// Where the rows of one text stand in a chunk, and what of the text came before them.
struct MixedRows {
    /// The chunk's rows.
    let rows: Range<Int>
    /// The position of the first row in its text.
    let position: Int
    /// What the blocks remember of the text, those rows not yet included; nil where the whole text is in the rows.
    let memory: SequenceCache?

    /// A whole text.
    init(_ rows: Range<Int>) {
        self.init(rows, position: 0, memory: nil)
    }

    init(_ rows: Range<Int>, position: Int, memory: SequenceCache?) {
        self.rows = rows
        self.position = position
        self.memory = memory
    }
}

/// A block's first half, whatever mixes its tokens: each kind has a file of its own beside this one.
extension BlockRunner {
    // MARK: - Forward

    /// What the mixer's last projection reads, left in `mixed`.
    func mix(_ block: BlockWeights, _ activations: BlockActivations, _ texts: [MixedRows]) {
        let rows = texts.last?.rows.upperBound ?? 0
        let input = norm(
            rows, block.attentionNorm, from: activations.input, into: activations.normed)
        switch block.mixer {
        case .attention(let weights):
            attend(weights, block.index, activations.attention, texts, from: input, rows: rows)
        case .shortConvolution(let weights):
            convolve(
                weights, block.index, activations.convolution, texts, from: input, rows: rows)
        case .deltaNet(let weights):
            recur(weights, block.index, activations.deltaNet, texts, from: input, rows: rows)
        }
    }

    /// What the mixer's last projection reads.
    func mixed(_ block: BlockWeights, _ activations: BlockActivations) -> ActivationMatrix {
        switch block.mixer {
        case .attention: activations.attention.output
        case .shortConvolution: activations.convolution.output
        case .deltaNet: activations.deltaNet.output
        }
    }

    /// output = the mixer's last projection
    func projectMixed(
        _ block: BlockWeights, _ activations: BlockActivations, rows: Int,
        into output: ActivationMatrix
    ) {
        project(rows, block.mixer.output, from: mixed(block, activations), into: output)
    }

    /// middle = input + scale · change(norm(update)), of what `projectMixed` made
    func addMixed(
        _ block: BlockWeights, _ activations: BlockActivations, rows: Int,
        changed change: InterventionPlan.OutputChange
    ) {
        addUpdate(
            rows, norm: block.attentionPostNorm, changed: change, to: activations.input,
            into: activations.middle)
    }

    // MARK: - Backward

    /// Takes the gradient of a block's middle, in `gradient`, back to that of its input, in place.
    func mixBackward(
        _ step: BackwardStep, _ gradient: ActivationMatrix, _ scratch: BackwardScratch
    ) {
        let block = step.weights
        let source = updateBackward(
            step, .residMid, norm: block.attentionPostNorm, gradient: gradient, scratch
        ) { projectMixed(block, step.activations, rows: step.rows, into: $0) }
        let wantsInput = step.continues || step.wants(.attentionNorm)
        let inputGradient = wantsInput ? scratch.normedGradient : nil
        switch block.mixer {
        case .attention(let weights):
            attentionBackward(step, weights, source, scratch, into: inputGradient)
        case .shortConvolution(let weights):
            convolutionBackward(step, weights, source, scratch, into: inputGradient)
        case .deltaNet(let weights):
            deltaNetBackward(step, weights, source, scratch, into: inputGradient)
        }
        guard wantsInput else { return }
        normBackward(
            step.rows, block.attentionNorm, step.role(.attentionNorm),
            input: step.activations.input, outputGradient: scratch.normedGradient,
            addedTo: gradient, step.sink)
    }

    /// What the mixer's first projections read, computed again where the gradient of one of their weights is wanted.
    func mixerInput(
        _ step: BackwardStep, _ scratch: BackwardScratch, isRead: Bool
    ) -> ActivationMatrix {
        guard isRead else { return scratch.normed }
        return norm(
            step.rows, step.weights.attentionNorm, from: step.activations.input,
            into: scratch.normed)
    }
}
