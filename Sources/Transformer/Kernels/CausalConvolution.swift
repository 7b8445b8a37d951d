package import Formats

/// The sizes of a causal convolution of each channel by itself (depthwise).
package struct ConvolutionShape: Sendable, Hashable {
    package var channels: Int
    /// How many positions a token sees, itself the last.
    package var taps: Int

    /// - Precondition: both are positive.
    package init(channels: Int, taps: Int) {
        precondition(channels > 0 && taps > 0)
        self.channels = channels
        self.taps = taps
    }

    /// How many positions before a token it sees.
    var reach: Int { taps - 1 }
}

/// The causal convolution of the last `tokens` of `positions` over each channel, as in Mamba (arXiv 2312.00752):
/// output[p, c] = bias[c] + Σ_k weight[c, k] · input[p − (taps − 1) + k, c], where nothing stands before position 0.
///
/// The same bits for every crew, and for a text in one call or in several.
/// - Parameters:
///   - output: (tokens, channels)
///   - input: (positions, channels); token t stands at position positions − tokens + t
///   - weight: (channels, taps), a token's own tap last
///   - bias: (channels); nil for none
///   - shape: the sizes
///   - tokens: how many outputs there are, at most `positions`
///   - positions: how many inputs there are; of those before the tokens the last taps − 1 are read
///   - crew: the threads that share the work
package func causalConvolutionForward(
    _ output: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>,
    weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, shape: ConvolutionShape, tokens: Int,
    positions: Int, crew: WorkCrew
) {
    precondition(tokens >= 0 && tokens <= positions)
    let first = (positions - tokens) * shape.channels
    let run = ConvolutionRun(
        output: Shared(output), input: Shared(input + first), bias: bias.map(Shared.init),
        shape: shape, tokens: tokens, firstPosition: positions - tokens)
    convolve([run], weight: weight, shape: shape, crew: crew)
}

/// The causal convolution of whole sequences that are packed row after row; each sees itself alone.
///
/// One parallel region, and for each sequence the bits of a call of its own.
/// - Parameters:
///   - output: (rows, channels)
///   - input: (rows, channels)
///   - weight: (channels, taps), a token's own tap last
///   - bias: (channels); nil for none
///   - shape: the sizes
///   - sequences: the rows of each sequence; they do not overlap
///   - crew: the threads that share the work
package func causalConvolutionForward(
    _ output: UnsafeMutablePointer<Float>, input: UnsafePointer<Float>,
    weight: UnsafePointer<Float>, bias: UnsafePointer<Float>?, shape: ConvolutionShape,
    sequences: [Range<Int>], crew: WorkCrew
) {
    let runs = sequences.map { rows in
        let offset = rows.lowerBound * shape.channels
        return ConvolutionRun(
            output: Shared(output + offset), input: Shared(input + offset),
            bias: bias.map(Shared.init), shape: shape, tokens: rows.count, firstPosition: 0)
    }
    convolve(runs, weight: weight, shape: shape, crew: crew)
}

/// The gradients of the convolution of whole sequences that are packed row after row.
///
/// The input's is Σ_k weight[c, k] · outputGradient[p + (taps − 1) − k, c], the weight's the sum over the positions of
/// outputGradient[p, c] · input[p − (taps − 1) + k, c]; the bias's is `biasGradientBackward`'s. The same bits for every
/// crew: sums are taken in the order of the rows.
/// - Parameters:
///   - inputGradient: (rows, channels), overwritten in the sequences' rows; no other argument's memory
///   - weightGradient: (channels, taps), added to; nil where it is not wanted
///   - outputGradient: (rows, channels)
///   - input: (rows, channels), as the forward read it
///   - weight: (channels, taps)
///   - shape: the sizes
///   - sequences: the rows of each sequence; they do not overlap
///   - crew: the threads that share the work
package func causalConvolutionBackward(
    _ inputGradient: UnsafeMutablePointer<Float>, weightGradient: UnsafeMutablePointer<Float>?,
    outputGradient: UnsafePointer<Float>, input: UnsafePointer<Float>,
    weight: UnsafePointer<Float>, shape: ConvolutionShape, sequences: [Range<Int>], crew: WorkCrew
) {
    let runs = sequences.map { rows in
        let offset = rows.lowerBound * shape.channels
        return ConvolutionGradientRun(
            inputGradient: Shared(inputGradient + offset),
            outputGradient: Shared(outputGradient + offset), shape: shape, tokens: rows.count)
    }
    withTaps(weight, shape) { taps in
        forEachPart(of: runs.map(\.tokens), crew: crew) { runs[$0].run($1, taps.pointer) }
    }
    guard let weightGradient else { return }
    addWeightGradient(
        Shared(weightGradient), outputGradient: Shared(outputGradient), input: Shared(input),
        shape: shape, sequences: sequences, crew: crew)
}

/// Runs convolutions of one weight, their tokens shared out among the crew.
private func convolve(
    _ runs: [ConvolutionRun], weight: UnsafePointer<Float>, shape: ConvolutionShape, crew: WorkCrew
) {
    withTaps(weight, shape) { taps in
        forEachPart(of: runs.map(\.tokens), crew: crew) { runs[$0].run($1, taps.pointer) }
    }
}

/// Calls the body with the weight's transpose, (taps, channels), so that neighbouring channels lie side by side.
private func withTaps(
    _ weight: UnsafePointer<Float>, _ shape: ConvolutionShape,
    _ body: (Shared<UnsafePointer<Float>>) -> Void
) {
    ScratchPool.shared.withFloats(shape.taps * shape.channels) { taps in
        for tap in 0..<shape.taps {
            for channel in 0..<shape.channels {
                taps[tap * shape.channels + channel] = weight[channel * shape.taps + tap]
            }
        }
        body(Shared(UnsafePointer(taps)))
    }
}

/// Cuts every run into parts of some microseconds of work.
private func forEachPart(
    of tokens: [Int], crew: WorkCrew, _ body: @Sendable (_ run: Int, _ tokens: Range<Int>) -> Void
) {
    let tokensPerPart = 16
    let parts = tokens.enumerated().flatMap { run, count in
        stride(from: 0, to: count, by: tokensPerPart).map { first in
            (run: run, tokens: first..<min(first + tokensPerPart, count))
        }
    }
    crew.run(parts.count) { body(parts[$0].run, parts[$0].tokens) }
}

/// Neighbouring tokens of one text.
private struct ConvolutionRun: Sendable {
    let output: Shared<UnsafeMutablePointer<Float>>
    /// The first token's input; as many positions lie before it as `firstPosition` says.
    let input: Shared<UnsafePointer<Float>>
    let bias: Shared<UnsafePointer<Float>>?
    let shape: ConvolutionShape
    let tokens: Int
    let firstPosition: Int

    func run(_ part: Range<Int>, _ taps: UnsafePointer<Float>) {
        for token in part {
            let row = output + token * shape.channels
            if let bias {
                row.update(from: bias.pointer, count: shape.channels)
            } else {
                row.update(repeating: 0, count: shape.channels)
            }
            for tap in max(0, shape.reach - firstPosition - token)..<shape.taps {
                addProducts(
                    row, taps + tap * shape.channels,
                    input + (token - shape.reach + tap) * shape.channels, count: shape.channels)
            }
        }
    }
}

/// The way back through one sequence.
private struct ConvolutionGradientRun: Sendable {
    let inputGradient: Shared<UnsafeMutablePointer<Float>>
    let outputGradient: Shared<UnsafePointer<Float>>
    let shape: ConvolutionShape
    let tokens: Int

    func run(_ part: Range<Int>, _ taps: UnsafePointer<Float>) {
        for token in part {
            let row = inputGradient + token * shape.channels
            row.update(repeating: 0, count: shape.channels)
            for distance in 0..<min(shape.taps, tokens - token) {
                addProducts(
                    row, taps + (shape.reach - distance) * shape.channels,
                    outputGradient + (token + distance) * shape.channels, count: shape.channels)
            }
        }
    }
}

/// output += a · b
private func addProducts(
    _ output: UnsafeMutablePointer<Float>, _ a: UnsafePointer<Float>, _ b: UnsafePointer<Float>,
    count: Int
) {
    for index in stride(from: 0, to: wholeEights(count), by: 8) {
        output.store8(output.load8(index).addingProduct(a.load8(index), b.load8(index)), index)
    }
    for index in wholeEights(count)..<count { output[index] += a[index] * b[index] }
}

/// Adds the weight's gradient, some channels to a thread.
private func addWeightGradient(
    _ gradient: Shared<UnsafeMutablePointer<Float>>, outputGradient: Shared<UnsafePointer<Float>>,
    input: Shared<UnsafePointer<Float>>, shape: ConvolutionShape, sequences: [Range<Int>],
    crew: WorkCrew
) {
    let channelsPerPart = 128
    let parts = (shape.channels + channelsPerPart - 1) / channelsPerPart
    crew.run(parts) { part in
        let first = part * channelsPerPart
        let count = min(channelsPerPart, shape.channels - first)
        ScratchPool.shared.withFloats(count) { sums in
            for tap in 0..<shape.taps {
                sums.update(repeating: 0, count: count)
                let distance = shape.reach - tap
                for rows in sequences {
                    for row in rows.dropFirst(distance) {
                        addProducts(
                            sums, outputGradient + row * shape.channels + first,
                            input + (row - distance) * shape.channels + first, count: count)
                    }
                }
                for channel in 0..<count {
                    gradient.pointer[(first + channel) * shape.taps + tap] += sums[channel]
                }
            }
        }
    }
}
