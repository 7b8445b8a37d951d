/// Works out rows of a blended weight. Arithmetic is f32, in the order of the models.
struct BlendedRows: Sendable {
    let weight: BlendWeight
    let facts: BlendFacts
    private let method: BlendMethod
    private let weights: [Float]
    private let strength: Float
    private let normalizes: Bool

    init(_ weight: BlendWeight, _ facts: BlendFacts, _ recipe: BlendRecipe) {
        self.weight = weight
        self.facts = facts
        method = recipe.method
        weights = recipe.weights(of: weight.models.count).map(Float.init)
        strength = Float(recipe.strength)
        normalizes = recipe.normalizes
    }

    /// The rows, as what an output is made of.
    var computed: ComputedRows {
        ComputedRows(shape: weight.shape, form: weight.layout) {
            rows, values throws(QuantizationError) in
            try fill(rows, values)
        }
    }

    private func fill(
        _ rows: Range<Int>, _ values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        switch facts {
        case .arc(let first, let second):
            let a = try weight.values(of: weight.models[0], rows)
            let b = try weight.values(of: weight.models[1], rows)
            for index in values.indices { values[index] = first * a[index] + second * b[index] }
        case .none where method == .linear: try addModels(rows, values)
        case .none: try addDifferences(rows, values, masks: [])
        case .masks(let masks): try addDifferences(rows, values, masks: masks)
        }
    }

    private func addModels(
        _ rows: Range<Int>, _ values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        values.update(repeating: 0)
        for (model, factor) in zip(weight.models, weights) {
            let own = try weight.values(of: model, rows)
            for index in values.indices { values[index] += factor * own[index] }
        }
        guard normalizes else { return }
        let sum = weights.reduce(0, +)
        for index in values.indices { values[index] /= sum }
    }

    private func addDifferences(
        _ rows: Range<Int>, _ values: UnsafeMutableBufferPointer<Float>, masks: [DifferenceMask]
    ) throws(QuantizationError) {
        guard let base = weight.base else { return }
        let own = try weight.values(of: base, rows)
        var differences: [[Float]] = []
        for (place, model) in weight.models.enumerated() {
            var difference = try weight.values(of: model, rows)
            for index in own.indices { difference[index] -= own[index] }
            if masks.indices.contains(place) {
                masks[place].apply(to: &difference, first: rows.lowerBound * weight.columns)
            }
            for index in own.indices { difference[index] *= weights[place] }
            differences.append(difference)
        }
        let (mixed, divisors) = method.electsSigns ? elected(differences) : summed(differences)
        for index in values.indices {
            let part = normalizes ? mixed[index] / divisors[index] : mixed[index]
            values[index] = own[index] + part * strength
        }
    }

    /// The sums of the differences, and what they are divided by.
    private func summed(_ differences: [[Float]]) -> (sums: [Float], divisors: [Float]) {
        var sums = [Float](repeating: 0, count: differences.first?.count ?? 0)
        for difference in differences {
            for index in sums.indices { sums[index] += difference[index] }
        }
        let sum = weights.reduce(0, +)
        let divisor = sum.magnitude < 1e-8 ? 1 : sum
        return (sums, Array(repeating: divisor, count: sums.count))
    }

    /// The same of those differences that have the sign of the sum of all; zero has none, and where the sum is zero the
    /// sign is plus.
    private func elected(_ differences: [[Float]]) -> (sums: [Float], divisors: [Float]) {
        let totals = summed(differences).sums
        var sums = [Float](repeating: 0, count: totals.count)
        var divisors = sums
        for (difference, weight) in zip(differences, weights) {
            for (index, value) in difference.enumerated()
            where totals[index] >= 0 ? value > 0 : value < 0 {
                sums[index] += value
                divisors[index] += weight
            }
        }
        for index in divisors.indices where divisors[index] == 0 { divisors[index] = 1 }
        return (sums, divisors)
    }
}
