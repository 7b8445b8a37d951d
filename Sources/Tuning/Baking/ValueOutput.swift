import Formats
import Transformer

/// What an output projection of attention makes of values that are the same at every position: W with the columns of all
/// query heads that read one key/value head summed up, (hidden size, key/value heads × head width).
struct ValueOutput {
    private let matrix: DenseMatrix
    private let block: Int
    /// By how much products with the projection round what they read, as a share of it; nil where they read it in blocks.
    private let rounding: Double?
    private let crew = WorkCrew(threads: 1)

    /// How many values there are.
    var inputs: Int { matrix.columns }

    private static let refinements = 4
    private static let iterations = 50

    /// - Throws: `DecoderError` where the projection is missing or of a type that cannot be widened.
    init(of block: Int, in checkpoint: Checkpoint, _ numbers: Hyperparameters) throws {
        let role = WeightRole.block(block, .attentionOutput)
        let sizes = numbers.sizes(ofBlock: block)
        let (heads, groups) = (sizes.headCount, sizes.keyValueHeadCount)
        guard let weight = try CheckpointWeights(checkpoint).matrix(role), groups > 0,
            weight.columns == sizes.queryWidth, weight.rows == numbers.hiddenSize
        else { throw DecoderError.missingWeight(file: checkpoint.path, role: role) }
        var matrix = DenseMatrix(rows: weight.rows, columns: sizes.keyValueWidth)
        let repeats = heads / groups
        for number in 0..<weight.rows {
            let row = weight.row(number)
            for (column, value) in row.enumerated() {
                let (head, place) = column.quotientAndRemainder(dividingBy: sizes.headSize)
                let group = min(head / max(repeats, 1), groups - 1)
                matrix.values[number * matrix.columns + group * sizes.headSize + place] += value
            }
        }
        checkpoint.tensor(role)?.releasePages()
        self.matrix = matrix
        self.block = block
        rounding = Self.rounding(checkpoint.tensor(role)?.type ?? .f32)
    }

    /// Runtimes read activations in the type of the weight that they are multiplied with: rounded evenly, so by half a step by
    /// the root of 3. For quantised weights they are quantised too, and small ones are lost beside large ones.
    private static func rounding(_ type: ElementType) -> Double? {
        switch type {
        case .f32: 0x1p-24
        case .f16: 0x1p-11 / 12.squareRoot()
        case .bf16: 0x1p-8 / 12.squareRoot()
        default: nil
        }
    }

    /// W b in f64.
    func times(_ bias: [Double]) -> [Double] {
        (0..<matrix.rows).map { row in
            let first = row * matrix.columns
            return bias.indices.reduce(0) { $0 + Double(matrix.values[first + $1]) * bias[$1] }
        }
    }

    /// The shortest b with W b = v, by the normal equations of the second kind in f64, refined; and how far what it adds is
    /// from v, as a share of its length: by its rounding to f32, and by that of the activations which it is a part of.
    ///
    /// - Throws: `ValueBiasRoute.Refusal.singular`, `.quantizedOutput`.
    func bias(giving vector: [Float]) throws -> (bias: [Float], error: Double) {
        let target = vector.map(Double.init)
        let length = target.reduce(0) { $0 + $1 * $1 }.squareRoot()
        guard length > 0 else { return ([Float](repeating: 0, count: inputs), 0) }
        guard let rounding else { throw ValueBiasRoute.Refusal.quantizedOutput(block: block) }
        guard
            let factor = SymmetricMatrix(.ofRows, of: matrix, crew: crew)
                .factored(adding: 0, crew: crew)
        else { throw ValueBiasRoute.Refusal.singular(block: block) }
        var found = [Double](repeating: 0, count: inputs)
        for _ in 0..<Self.refinements {
            let rest = zip(target, times(found)).map { $0 - $1 }
            let step = matrix.transposedTimes(
                factor.solution(of: rest, columns: 1, crew: crew), width: 1, crew: crew)
            for index in found.indices { found[index] += step[index] }
        }
        let bias = found.map { Float($0) }
        guard bias.allSatisfy(\.isFinite) else {
            throw ValueBiasRoute.Refusal.singular(block: block)
        }
        let off = zip(target, times(bias.map(Double.init))).map { $0 - $1 }
        let stored = off.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let squares = (0..<matrix.rows).map { row in
            let first = row * matrix.columns
            return bias.indices.reduce(0) { sum, column in
                let product = Double(matrix.values[first + column]) * Double(bias[column])
                return sum + product * product
            }
        }
        let read = squares.reduce(0, +).squareRoot() * rounding
        return (bias, (stored + read) / length)
    }

    /// The largest singular value by the smallest, by power iterations; infinite where the matrix has not full rank.
    func condition() -> Double {
        let products = SymmetricMatrix(.ofRows, of: matrix, crew: crew)
        guard let factor = products.factored(adding: 0, crew: crew) else { return .infinity }
        func largest(_ apply: ([Double]) -> [Double]) -> Double {
            var vector = (0..<matrix.rows).map { Double(($0 * 7 + 3) % 11) - 5 }
            var size = 0.0
            for _ in 0..<Self.iterations {
                let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
                guard length > 0, length.isFinite else { return .infinity }
                vector = apply(vector.map { $0 / length })
                size = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            }
            return size
        }
        let high = largest { times(matrix.transposedTimes($0, width: 1, crew: crew)) }
        let low = largest { factor.solution(of: $0, columns: 1, crew: crew) }
        return (high * low).squareRoot()
    }
}
