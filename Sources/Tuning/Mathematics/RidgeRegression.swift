import Formats
import Transformer

/// Linear maps that take samples to targets as nearly as they can without being large: X of the least
/// Σ ‖xᵢ X − tᵢ‖² + λ ‖X‖² (Hoerl and Kennard 1970), in closed form and f64.
///
/// With as many samples as inputs or more the normal equations are of the inputs, X = (AᵀA + λ)⁻¹ AᵀT; with fewer they are
/// of the samples, X = Aᵀ (AAᵀ + λ)⁻¹ T: the same map, and of all that do as well the smallest.
struct RidgeRegression {
    /// (samples, inputs)
    let samples: DenseMatrix
    private let products: SymmetricMatrix
    /// (inputs, outputs), or where the equations are of the samples, (samples, outputs)
    private let right: [Double]
    private let outputs: Int
    private let crew: WorkCrew

    /// - Parameters:
    ///   - samples: (samples, inputs)
    ///   - targets: (samples, outputs)
    init(samples: DenseMatrix, targets: [Double], outputs: Int, crew: WorkCrew) {
        precondition(targets.count == samples.rows * outputs)
        self.samples = samples
        self.outputs = outputs
        self.crew = crew
        let isOfInputs = samples.rows >= samples.columns
        products = SymmetricMatrix(
            isOfInputs ? .ofColumns : .ofRows, of: samples, crew: crew)
        right =
            isOfInputs
            ? samples.transposedTimes(targets, width: outputs, crew: crew) : targets
    }

    /// The map for one λ.
    ///
    /// - Parameter ridge: λ as a share of the inputs' mean square sum.
    /// - Returns: (inputs, outputs); nil where f64 cannot tell the sums from singular ones, or they are not finite.
    func solution(ridge: Double) -> DenseMatrix? {
        let share = products.trace / Double(max(samples.columns, 1))
        guard let factor = products.factored(adding: ridge * share, crew: crew) else { return nil }
        var solution = factor.solution(of: right, columns: outputs, crew: crew)
        if samples.rows < samples.columns {
            solution = samples.transposedTimes(solution, width: outputs, crew: crew)
        }
        let values = solution.map { Float($0) }
        guard values.allSatisfy(\.isFinite) else { return nil }
        return DenseMatrix(rows: samples.columns, columns: outputs, values: values)
    }
}
