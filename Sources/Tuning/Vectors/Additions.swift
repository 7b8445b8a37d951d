import Transformer

extension [Intervention] {
    /// Σ strength · v, in the order of the interventions: what additions at one place come to.
    ///
    /// - Precondition: their vectors are of one width.
    package var sumOfAdditions: [Float] {
        var sum: [Float]?
        for intervention in self {
            let part = intervention.vector.map { intervention.strength * $0 }
            sum = sum.map { zip($0, part).map(+) } ?? part
        }
        return sum ?? []
    }
}
