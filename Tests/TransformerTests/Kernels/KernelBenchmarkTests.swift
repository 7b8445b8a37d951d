import Formats
import Foundation
import Glibc
import Testing
import Transformer

/// Speeds on the matrices of SmolLM2-135M, printed: `RTEDIT_BENCH=1 swift test -c release --filter KernelBenchmark`.
@Suite(
    .serialized,
    .enabled(if: ProcessInfo.processInfo.environment["RTEDIT_BENCH"] == "1"))
struct KernelBenchmarkTests {
    static let types: [ElementType] = [
        .f32, .f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2K, .q3K, .q4K, .q5K, .q6K,
    ]
    @Test(arguments: types) func matrixProducts(type: ElementType) throws {
        let model = try Matrices(type: type)
        for tokens in [1, 4, 16, 64, 512] {
            let times = model.times(tokens: tokens)
            let operations = 2 * Double(model.weights) * Double(tokens)
            let perWeight = Double(type.bitsPerBlock) / 8 / Double(type.elementsPerBlock)
            print(
                "\(type.name), \(tokens) tokens: \(times);",
                String(
                    format: "%.1f GFLOP/s, %.1f GB/s of weights; per core %.1f GFLOP/s",
                    operations / times.wall / 1e9,
                    perWeight * Double(model.weights) / times.wall / 1e9,
                    operations / times.processor / 1e9))
        }
    }

    @Test(arguments: [(1, 512), (512, 512), (512, 4_096)])
    func attention(tokens: Int, positions: Int) {
        let shape = AttentionShape(heads: 9, keyValueHeads: 3, headSize: 64, scale: 0.125)
        let query = randomFloats(tokens * 576, seed: 1)
        let keys = randomFloats(positions * 192, seed: 2)
        let values = randomFloats(positions * 192, seed: 3)
        var output = [Float](repeating: 0, count: tokens * 576)
        let times = Times { crew in
            attentionForward(
                &output, query: query, keys: keys, values: values, shape: shape, tokens: tokens,
                positions: positions, crew: crew)
        }
        print("attention, \(tokens) tokens, \(positions) positions: \(times)")
    }

    @Test(arguments: [(4_608, 64), (512, 576), (512, 1_536)])
    func vectors(rows: Int, width: Int) {
        let input = randomFloats(rows * width, seed: 1)
        let (weight, change) = (randomFloats(width, seed: 2), randomFloats(rows * width, seed: 3))
        // Results never become the next input: they would turn subnormal, which is slow.
        var (output, gradient, weightGradient, biasGradient) = (input, input, weight, weight)
        var times = [
            "rms": Times { _ in
                rmsNormForward(
                    &output, input, weight: weight, epsilon: 1e-5, rows: rows, width: width)
            },
            "rms backward": Times { crew in
                rmsNormBackward(
                    &gradient, weightGradient: &weightGradient, outputGradient: change,
                    input: input, weight: weight, epsilon: 1e-5, rows: rows, width: width,
                    accumulating: false, crew: crew)
            },
            "layer": Times { _ in
                layerNormForward(
                    &output, input, weight: weight, bias: weight, epsilon: 1e-5, rows: rows,
                    width: width)
            },
            "layer backward": Times { crew in
                layerNormBackward(
                    &gradient, weightGradient: &weightGradient, biasGradient: &biasGradient,
                    outputGradient: change, input: input, weight: weight, epsilon: 1e-5,
                    rows: rows, width: width, accumulating: false, crew: crew)
            },
            "softmax, with a copy": Times { _ in
                output = input
                softmaxForward(&output, count: rows * width)
            },
            "soft cap, with a copy": Times { _ in
                output = input
                softCapForward(&output, cap: 30, count: rows * width)
            },
        ]
        for activation in Activation.allCases {
            times["\(activation)"] = Times { _ in
                activationForward(&output, input, activation: activation, count: rows * width)
            }
            times["\(activation) gated"] = Times { _ in
                gatedUnitForward(
                    &output, gate: input, up: change, activation: activation, count: rows * width)
            }
            times["\(activation) gated backward"] = Times { _ in
                gatedUnitBackward(
                    &gradient, upGradient: &output, outputGradient: change, gate: input,
                    up: change, activation: activation, count: rows * width)
            }
        }
        for (name, time) in times.sorted(by: { $0.key < $1.key }) {
            print("\(rows) x \(width) floats, \(name): \(time)")
        }
    }

    /// A matrix as GPT-2's are stored, beside the same one the usual way.
    @Test(arguments: [ElementType.f32, .bf16], [[3_072, 768], [768, 3_072]])
    func transposedProducts(type: ElementType, shape: [Int]) throws {
        let (rows, columns) = (shape[0], shape[1])
        for isTransposed in [false, true] {
            let matrix = try TestMatrix(
                type: type, rows: isTransposed ? columns : rows,
                columns: isTransposed ? rows : columns, isTransposed: isTransposed
            ).matrix
            for tokens in [1, 4, 16, 512] {
                let input = randomFloats(tokens * columns, seed: 1)
                let change = randomFloats(tokens * rows, seed: 2)
                var (output, gradient) = (change, input)
                let forward = Times {
                    matrix.multiply(input, tokens: tokens, into: &output, crew: $0)
                }
                let backward = Times { crew in
                    matrix.multiplyBackward(
                        &gradient, outputGradient: change, tokens: tokens, accumulating: false,
                        crew: crew)
                }
                print(
                    "\(type.name) \(rows) x \(columns)\(isTransposed ? " transposed" : ""),",
                    "\(tokens) tokens: \(forward); backward \(backward)")
            }
        }
    }

    /// The three products of a layer that is tuned, on the matrices of a block and on the head.
    @Test(
        arguments: [ElementType.f32, .q4_1],
        [[1_536, 576], [576, 1_536], [576, 576], [192, 576], [49_152, 576]])
    func productsOfTuning(type: ElementType, shape: [Int]) throws {
        let (rows, columns, tokens) = (shape[0], shape[1], 512)
        let weight = try TestMatrix(type: type, rows: rows, columns: columns).matrix
        let input = randomFloats(tokens * columns, seed: 1)
        let change = randomFloats(tokens * rows, seed: 2)
        var output = change
        var inputGradient = input
        var gradient = [Float](repeating: 0, count: rows * columns)
        let products = [
            "forward": Times { weight.multiply(input, tokens: tokens, into: &output, crew: $0) },
            "backward": Times { crew in
                weight.multiplyBackward(
                    &inputGradient, outputGradient: change, tokens: tokens, accumulating: false,
                    crew: crew)
            },
            "weight gradient": Times { crew in
                weightGradientBackward(
                    &gradient, outputGradient: change, input: input, rows: rows, columns: columns,
                    tokens: tokens, crew: crew)
            },
        ]
        let operations = 2 * Double(rows * columns * tokens)
        for (name, times) in products.sorted(by: { $0.key < $1.key }) {
            print(
                "\(type.name) \(rows) x \(columns), \(tokens) tokens, \(name):",
                String(
                    format: "%.1f GFLOP/s, per core %.1f", operations / times.wall / 1e9,
                    operations / times.processor / 1e9))
        }
    }

    @Test func attentionOfTuning() {
        let shape = AttentionShape(heads: 9, keyValueHeads: 3, headSize: 64, scale: 0.125)
        for sequences in [(0..<8).map { $0 * 64..<($0 + 1) * 64 }, [0..<512]] {
            let (query, change) = (
                randomFloats(512 * 576, seed: 1), randomFloats(512 * 576, seed: 4)
            )
            let (keys, values) = (
                randomFloats(512 * 192, seed: 2), randomFloats(512 * 192, seed: 3)
            )
            var output = query
            var (queryGradient, keyGradient, valueGradient) = (query, keys, values)
            let forward = Times { crew in
                attentionForward(
                    &output, query: query, keys: keys, values: values, shape: shape,
                    sequences: sequences, crew: crew)
            }
            let backward = Times { crew in
                attentionBackward(
                    &queryGradient, keyGradient: &keyGradient, valueGradient: &valueGradient,
                    outputGradient: change, query: query, keys: keys, values: values,
                    output: output, shape: shape, sequences: sequences, crew: crew)
            }
            print("attention of \(sequences.count) sequences: \(forward); backward \(backward)")
        }
    }

    @Test func losses() {
        let logits = randomFloats(49_152, seed: 1).map { $0 * 10 }
        let reference = randomFloats(49_152, seed: 2).map { $0 * 10 }
        var row = logits
        let entropy = Times { _ in
            row = logits
            _ = crossEntropyBackward(&row, count: 49_152, targets: [(7, 1)], weight: 1)
        }
        let divergence = Times { _ in
            row = logits
            _ = divergenceBackward(&row, reference: reference, count: 49_152, weight: 1)
        }
        print("49152 logits, with a copy: cross-entropy \(entropy); divergence \(divergence)")
    }

    @Test func headOfOneToken() throws {
        let head = try TestMatrix(type: .q8_0, rows: 49_152, columns: 576)
        let input = randomFloats(576, seed: 1)
        var output = [Float](repeating: 0, count: 49_152)
        let times = Times { head.matrix.multiply(input, tokens: 1, into: &output, crew: $0) }
        print("head q8_0 49152 x 576, 1 token: \(times)")
    }
}

/// Thirty blocks' matrices, one after another in one map.
private struct Matrices {
    let matrices: [WeightMatrix]
    let weights: Int

    init(type: ElementType) throws {
        // 576 is no multiple of the blocks of 256.
        let hidden = 576 % type.elementsPerBlock == 0 ? 576 : 512
        let shapes = [
            [hidden, hidden], [192, hidden], [192, hidden], [hidden, hidden], [1536, hidden],
            [1536, hidden],
            [hidden, 1536],
        ]
        let weightsPerBlock = shapes.reduce(0) { $0 + $1[0] * $1[1] }
        let block = TestMatrix.randomElements(weightsPerBlock, type: type, seed: 1)
        let bytes = try TestMatrix.mapped(repeated(block, 30))
        var offset = 0
        var matrices: [WeightMatrix] = []
        for _ in 0..<30 {
            for shape in shapes {
                let description = TensorDescription(name: "matrix", type: type, shape: shape)
                let size = try #require(description.byteCount)
                let slice = try #require(bytes.slice(offset..<offset + size))
                matrices.append(
                    try WeightMatrix(
                        tensor: StoredTensor(description: description, bytes: slice)))
                offset += size
            }
        }
        self.matrices = matrices
        weights = weightsPerBlock * 30
    }

    func times(tokens: Int) -> Times {
        let input = randomFloats(tokens * 1536, seed: 2)
        var output = [Float](repeating: 0, count: tokens * 1536)
        return Times { crew in
            for matrix in matrices {
                matrix.multiply(input, tokens: tokens, into: &output, crew: crew)
            }
        }
    }
}

private func repeated(_ bytes: [UInt8], _ times: Int) -> [UInt8] {
    var all: [UInt8] = []
    all.reserveCapacity(bytes.count * times)
    for _ in 0..<times { all += bytes }
    return all
}

/// The shortest of some runs, in seconds: on the clock with every processor, and of processor time on one (which other
/// programs disturb less).
private struct Times: CustomStringConvertible {
    let wall: Double
    let processor: Double

    init(_ body: (WorkCrew) -> Void) {
        let everyone = WorkCrew(threads: ProcessInfo.processInfo.activeProcessorCount)
        let alone = WorkCrew(threads: 1)
        wall = Self.best(CLOCK_MONOTONIC) { body(everyone) }
        processor = Self.best(CLOCK_THREAD_CPUTIME_ID) { body(alone) }
    }

    var description: String {
        String(format: "%.3f ms, on one core %.3f ms", wall * 1e3, processor * 1e3)
    }

    private static func best(_ clock: clockid_t, _ body: () -> Void) -> Double {
        var (shortest, total, runs) = (Double.infinity, 0.0, 0)
        while runs < 3 || total < 0.3 {
            let start = now(clock)
            body()
            let seconds = now(clock) - start
            shortest = min(shortest, seconds)
            total += seconds
            runs += 1
        }
        return shortest
    }

    private static func now(_ clock: clockid_t) -> Double {
        var time = timespec()
        clock_gettime(clock, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
