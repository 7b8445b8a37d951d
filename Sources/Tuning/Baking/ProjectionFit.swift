import Formats
import Transformer

/// The change of one projection that moves what its sub-layer adds to the stream by a vector, as nearly as it can at every
/// position of a text.
///
/// Online, the stream gets N(W a) + v, a the projection's input. A changed W′ gives N(W′ a). Where no norm stands between,
/// W′ a = W a + v is wanted; behind a norm W′ a along the nearest point that it can give (`NormedOutput`), as long as W a.
/// The changes δ that this takes are fitted by Δ a ≈ δ, ridge regression of all positions, whose λ and weights of
/// positions are those that do best on text that the fit has not seen.
struct ProjectionFit {
    /// What a projection read and put out at the positions of a text.
    struct Samples {
        /// (positions, inputs)
        var inputs: DenseMatrix
        /// (positions, width), before the norm
        var outputs: DenseMatrix
        /// Positions for the fit, for choosing and for judging: one after the other, all of them.
        let fit: Range<Int>
        let choice: Range<Int>
        let unseen: Range<Int>
    }

    /// Errors of what is added, as shares of the vector's length.
    package typealias Residual = Fitting.Residual

    let samples: Samples
    let norm: NormedOutput?
    /// What the model multiplies the sub-layer's output by.
    let scale: Double
    let vector: [Double]
    /// The best that the norm allows, over the unseen positions; nil without one.
    private(set) var floor: Residual?
    /// (inputs, width): Δᵀ
    private(set) var change: DenseMatrix
    private(set) var ridge = 0.0
    /// The power of 1 / rms that positions were weighted by.
    private(set) var weighting = 0.0

    private static let ridges = [1, 1e-1, 1e-2, 1e-3, 1e-4, 1e-6, 1e-8]

    /// - Parameter scale: what the model multiplies the output by after its norm.
    /// - Throws: `FittingError.singular` where no λ gives a map.
    init(
        _ samples: Samples, norm: NormedOutput?, scale: Double, vector: [Float],
        place: StreamSite, crew: WorkCrew
    ) throws {
        self.samples = samples
        self.norm = norm
        self.scale = scale
        self.vector = vector.map { Double($0) / scale }
        let width = samples.outputs.columns
        change = DenseMatrix(rows: samples.inputs.columns, columns: width)
        let targets = Targets(samples, norm: norm, vector: self.vector)
        floor = norm.map { _ in targets.floor(over: samples.unseen) }
        let positions = samples.fit
        let inputs = samples.inputs.extracting(rows: positions)
        var best = Double.infinity
        for power in norm == nil ? [0] : [0, 1] {
            let weights = positions.map { position in
                power == 0 ? 1 : targets.middle / targets.lengths[position]
            }
            var wanted = [Double](repeating: 0, count: positions.count * width)
            for (row, position) in positions.enumerated() {
                for index in 0..<width {
                    wanted[row * width + index] =
                        weights[row] * targets.changes[position * width + index]
                }
            }
            let regression = RidgeRegression(
                samples: power == 0 ? inputs : inputs.scalingRows(by: weights), targets: wanted,
                outputs: width, crew: crew)
            for ridge in Self.ridges {
                guard let map = regression.solution(ridge: ridge) else { continue }
                let residual = residual(of: map, over: samples.choice, crew: crew)
                guard residual.mean < best else { continue }
                (best, change, self.ridge) = (residual.mean, map, ridge)
                weighting = Double(power)
            }
        }
        guard best.isFinite else { throw FittingError.singular(place: place) }
    }

    /// What should be added, what the projection should put out for it, and what it should change.
    private struct Targets {
        /// (positions, width): δ
        var changes: [Double]
        /// rms(y) of each position
        var lengths: [Double]
        /// Of the lengths for the fit.
        var middle = 1.0
        /// ‖nearest − target‖ / ‖v‖ of each position
        private var errors: [Double] = []

        init(_ samples: Samples, norm: NormedOutput?, vector: [Double]) {
            let width = vector.count
            let positions = samples.outputs.rows
            changes = [Double](repeating: 0, count: positions * width)
            lengths = [Double](repeating: 1, count: positions)
            let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
            for position in 0..<positions {
                guard let norm else {
                    for index in 0..<width { changes[position * width + index] = vector[index] }
                    continue
                }
                let row = samples.outputs.values[position * width..<(position + 1) * width]
                let y = row.map(Double.init)
                let rms = norm.rootMeanSquare(y)
                lengths[position] = rms
                let target = (0..<width).map { norm.weight[$0] * y[$0] / rms + vector[$0] }
                let u = norm.nearest(to: target)
                var error = 0.0
                for index in 0..<width {
                    changes[position * width + index] = rms * u[index] - y[index]
                    let rest = norm.weight[index] * u[index] - target[index]
                    error += rest * rest
                }
                errors.append(error.squareRoot() / length)
            }
            middle = Quantile.middle(of: lengths[samples.fit]) ?? 1
        }

        func floor(over positions: Range<Int>) -> Residual { Residual(Array(errors[positions])) }
    }

    /// How far what is added is from what should be, where the projection is changed by a map.
    ///
    /// - Parameter map: (inputs, width)
    func residual(of map: DenseMatrix, over positions: Range<Int>, crew: WorkCrew) -> Residual {
        let width = vector.count
        let inputs = samples.inputs.extracting(rows: positions)
        let moved = inputs.times(map)
        let length = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        let errors = positions.enumerated().map { row, position -> Double in
            let before = samples.outputs.values[position * width..<(position + 1) * width]
                .map(Double.init)
            let after = (0..<width).map { before[$0] + Double(moved.values[row * width + $0]) }
            var error = 0.0
            let factors = norm.map {
                (1 / $0.rootMeanSquare(after), 1 / $0.rootMeanSquare(before))
            }
            for index in 0..<width {
                let weight = norm?.weight[index] ?? 1
                let (new, old) = factors ?? (1, 1)
                let rest = weight * (new * after[index] - old * before[index]) - vector[index]
                error += rest * rest
            }
            return error.squareRoot() / length
        }
        return Residual(errors)
    }
}
