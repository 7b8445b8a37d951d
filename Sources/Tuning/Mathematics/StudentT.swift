import Glibc

/// Student's t distribution with any positive number of degrees of freedom.
enum StudentT {
    /// P(|T| ≥ value): Iₓ(ν/2, 1/2) at x = ν / (ν + value²) (Abramowitz and Stegun 26.7.1).
    static func tail(beyond value: Double, degreesOfFreedom: Double) -> Double {
        IncompleteBeta(degreesOfFreedom).tail(beyond: value).probability
    }

    /// The value beyond which, on both sides together, lies a given probability; infinite where it has no finite square.
    ///
    /// Newton's method for the tail's logarithm over the value's, which is concave, so that steps do not pass the root
    /// a second time.
    static func quantile(tail: Double, degreesOfFreedom: Double) -> Double {
        guard tail > 0 else { return .infinity }
        guard tail < 1 else { return 0 }
        let beta = IncompleteBeta(degreesOfFreedom)
        var logarithm = 0.0
        for _ in 0..<400 {
            let there = beta.tail(beyond: exp(logarithm))
            let step = log(there.probability / tail) * there.probability / there.slope
            logarithm += max(-1, min(1, step))
            guard logarithm < largestLogarithm else { return .infinity }
            guard abs(step) > 1e-14 else { break }
        }
        return exp(logarithm)
    }

    /// Above it a value's square is near the largest number.
    private static let largestLogarithm = 340.0
}

/// Iₓ(ν/2, 1/2) at x = ν / (ν + t²).
private struct IncompleteBeta {
    private let a: Double
    private let b = 0.5
    /// ln B(a, b).
    private let logBeta: Double

    init(_ degreesOfFreedom: Double) {
        a = degreesOfFreedom / 2
        logBeta = Self.logGamma(a) + Self.logGamma(b) - Self.logGamma(a + b)
    }

    /// The probability beyond a value, and by how much it falls for a step of the value's logarithm.
    func tail(beyond value: Double) -> (probability: Double, slope: Double) {
        let square = value * value
        guard square > 0 else { return (1, 0) }
        let x = 2 * a / (2 * a + square)
        // 1 - x, without the rounding of the difference.
        let rest = square / (2 * a + square)
        let front = exp(a * log(x) + b * log(rest) - logBeta)
        // On the side where the continued fraction converges fast (DLMF 8.17.4 and 8.17.22).
        let probability =
            x < (a + 1) / (a + b + 2)
            ? front / (a * Self.fraction(x, a, b)) : 1 - front / (b * Self.fraction(rest, b, a))
        return (probability, 2 * front)
    }

    /// 1 + d₁ / (1 + d₂ / (1 + …)) of DLMF 8.17.22, by Lentz's method (1976).
    private static func fraction(_ x: Double, _ a: Double, _ b: Double) -> Double {
        let tiny = 1e-300
        var (value, numerator, denominator) = (1.0, 1.0, 0.0)
        for term in 1...2000 {
            let m = Double(term / 2)
            let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
            let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
            let coefficient = term % 2 == 0 ? even : odd
            denominator = 1 + coefficient * denominator
            denominator = 1 / (abs(denominator) < tiny ? tiny : denominator)
            numerator = 1 + coefficient / numerator
            numerator = abs(numerator) < tiny ? tiny : numerator
            value *= numerator * denominator
            guard abs(numerator * denominator - 1) > 1e-15 else { break }
        }
        return value
    }

    /// ln Γ of a positive number by Stirling's series (DLMF 5.11.1) after a shift above 12.
    private static func logGamma(_ argument: Double) -> Double {
        var (shifted, product) = (argument, 1.0)
        while shifted < 12 {
            product *= shifted
            shifted += 1
        }
        let square = 1 / (shifted * shifted)
        let terms = [1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188]
        let series = terms.reversed().reduce(0) { $0 * square + $1 } / shifted
        return (shifted - 0.5) * log(shifted) - shifted + 0.5 * log(2 * Double.pi) + series
            - log(product)
    }
}
