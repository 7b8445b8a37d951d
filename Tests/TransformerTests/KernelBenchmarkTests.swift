import Formats
import Foundation
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
    static let crew = WorkCrew(threads: ProcessInfo.processInfo.activeProcessorCount)

    @Test(arguments: types) func matrixProducts(type: ElementType) throws {
        let model = try Matrices(type: type)
        for tokens in [1, 4, 16, 64, 512] {
            let seconds = model.secondsForAll(tokens: tokens, crew: Self.crew)
            let operations = 2 * Double(model.weights) * Double(tokens)
            let perWeight = Double(type.bitsPerBlock) / 8 / Double(type.elementsPerBlock)
            print(
                "\(type.name)", "\(tokens) tokens:",
                String(
                    format: "%.2f ms, %.1f GFLOP/s, %.1f GB/s of weights, %.0f tokens/s of 106 M weights",
                    seconds * 1e3, operations / seconds / 1e9,
                    perWeight * Double(model.weights) / seconds / 1e9,
                    operations / seconds / (2 * 106_168_320)))
        }
    }

    @Test func headOfOneToken() throws {
        let head = try TestMatrix(type: .q8_0, rows: 49_152, columns: 576)
        let input = randomFloats(576, seed: 1)
        var output = [Float](repeating: 0, count: 49_152)
        let seconds = best { head.matrix.multiply(input, tokens: 1, into: &output, crew: Self.crew) }
        print("head q8_0 49152 x 576, 1 token:", String(format: "%.2f ms", seconds * 1e3))
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
            [hidden, hidden], [192, hidden], [192, hidden], [hidden, hidden], [1536, hidden], [1536, hidden],
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
                    try WeightMatrix(tensor: CheckpointTensor(description: description, bytes: slice)))
                offset += size
            }
        }
        self.matrices = matrices
        weights = weightsPerBlock * 30
    }

    func secondsForAll(tokens: Int, crew: WorkCrew) -> Double {
        let input = randomFloats(tokens * 1536, seed: 2)
        var output = [Float](repeating: 0, count: tokens * 1536)
        return best {
            for matrix in matrices { matrix.multiply(input, tokens: tokens, into: &output, crew: crew) }
        }
    }
}

private func repeated(_ bytes: [UInt8], _ times: Int) -> [UInt8] {
    var all: [UInt8] = []
    all.reserveCapacity(bytes.count * times)
    for _ in 0..<times { all += bytes }
    return all
}

/// The shortest of some runs, in seconds: at least three, and half a second of them.
func best(_ body: () -> Void) -> Double {
    let clock = ContinuousClock()
    var (shortest, total, runs) = (Double.infinity, 0.0, 0)
    while runs < 3 || total < 0.5 {
        let seconds = clock.measure(body) / .seconds(1)
        shortest = min(shortest, seconds)
        total += seconds
        runs += 1
    }
    return shortest
}
