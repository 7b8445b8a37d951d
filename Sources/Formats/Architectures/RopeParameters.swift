import Glibc

/// Rotary position embedding: base, width and scaling.
package struct RopeParameters: Sendable, Hashable {
    package var base: Double
    /// How many dimensions of a head are rotated.
    package var dimensions: Int
    package var scaling: Scaling

    package init(base: Double, dimensions: Int, scaling: Scaling = .none) {
        self.base = base
        self.dimensions = dimensions
        self.scaling = scaling
    }

    /// How frequencies are changed for contexts longer than the model was trained on.
    package enum Scaling: Sendable, Hashable {
        case none
        /// All frequencies divided by the factor.
        case linear(factor: Double)
        /// Llama 3.1: long wavelengths divided, short ones kept, a ramp between.
        case llama3(Llama3)
        case yarn(Yarn)
        /// Dynamic NTK: the base grows once the context passes the original length.
        case dynamic(factor: Double, originalContext: Int)
        /// Phi-3's: divisors for sequences up to the original length, and others for longer ones; cosines and sines are
        /// multiplied by the attention factor.
        case longrope(
            short: [Double], long: [Double], originalContext: Int, attentionFactor: Double)
        /// Divisors for each frequency, as a GGUF's `rope_freqs.weight` stores them.
        case divisors([Float])

        /// The divisor of a pair that does not turn, as llama.cpp's converter writes it.
        static let stop: Float = 1e30

        /// How many of the first pairs turn where the others stand still; nil for other divisors.
        package var turnedPairs: Int? {
            guard case .divisors(let divisors) = self else { return nil }
            let turned = divisors.prefix { $0 == 1 }.count
            return divisors[turned...].allSatisfy { $0 == Self.stop } ? turned : nil
        }

        /// The length of sequences beyond which frequencies depend on it; nil where they never do.
        package var stretchesAbove: Int? {
            switch self {
            case .dynamic(_, let context), .longrope(_, _, let context, _): context
            case .none, .linear, .llama3, .yarn, .divisors: nil
            }
        }

        func validate(file: String) throws(CheckpointError) {
            let factors: [Double] =
                switch self {
                case .none: []
                case .linear(let factor), .dynamic(let factor, _): [factor]
                case .llama3(let ramp):
                    [ramp.factor, ramp.lowFrequencyFactor, ramp.highFrequencyFactor]
                case .yarn(let yarn):
                    [yarn.factor, yarn.attention, yarn.betaFast, yarn.betaSlow]
                case .longrope(let short, let long, _, let attention):
                    short + long + [attention]
                case .divisors(let divisors): divisors.map(Double.init)
                }
            for factor in factors where !(factor.isFinite && factor > 0) {
                throw .outOfRange(
                    file: file, key: "rope scaling", value: "\(factor)", range: "more than 0")
            }
            let context: Int? =
                switch self {
                case .llama3(let ramp): ramp.originalContext
                case .yarn(let yarn): yarn.originalContext
                case .dynamic(_, let context), .longrope(_, _, let context, _): context
                default: nil
                }
            if let context, context < 1 {
                throw .outOfRange(
                    file: file, key: "rope scaling's original context", value: String(context),
                    range: "1 or more")
            }
        }
    }

    /// The scaling in the words of `config.json`; divisors that GGUF keeps as a tensor as such.
    var scalingText: String {
        func number(_ value: Double) -> String { ModelNumber.text(value) }
        // GGUF holds the quotient of two attention factors.
        func attention(_ value: Double) -> String { number((value * 1e5).rounded() / 1e5) }
        if let turned = scaling.turnedPairs, turned < dimensions / 2 {
            return "the first \(turned) of \(dimensions / 2) pairs turn"
        }
        // A ramp found in divisors gives them but for the last bits.
        if let divisors = fixedDivisors {
            return "divisors " + divisors.map { attention(Double($0)) }.joined(separator: " ")
        }
        switch scaling {
        case .none, .llama3, .divisors: return "none"
        case .linear(let factor): return "linear, factor \(number(factor))"
        case .dynamic(let factor, let context):
            return "dynamic, factor \(number(factor)) from \(context) positions"
        case .yarn(let yarn):
            return "yarn, factor \(number(yarn.factor)), original context \(yarn.originalContext), "
                + "attention factor \(attention(yarn.attention)), beta_fast \(number(yarn.betaFast)), "
                + "beta_slow \(number(yarn.betaSlow)), truncate \(yarn.roundsRamp)"
        case .longrope(let short, let long, let context, let factor):
            return "long rope beyond \(context), attention factor \(attention(factor)), "
                + "short \(short.map(Float.init)), long \(long.map(Float.init))"
        }
    }

    /// Checks base, dimensions and scaling.
    ///
    /// - Parameter baseKey: what the file calls the base.
    /// - Throws: `CheckpointError` for what is out of range or does not fit a head.
    func validate(headSize: Int, file: String, baseKey: String) throws(CheckpointError) {
        guard dimensions >= 2, dimensions % 2 == 0, dimensions <= headSize else {
            throw .contradiction(
                file: file,
                fact: "\(dimensions) rotary dimensions do not fit heads of \(headSize)")
        }
        guard base.isFinite, base > 1 else {
            throw .outOfRange(file: file, key: baseKey, value: "\(base)", range: "more than 1")
        }
        try scaling.validate(file: file)
    }

    /// The frequencies 1 / (divisor · base^(2i/dimensions)) in f32, computed as transformers does.
    package static func frequencies(
        base: Double, dimensions: Int, divisors: [Double]
    ) -> [Float] {
        zip(0..<dimensions / 2, divisors).map { pair, divisor in
            1 / (Float(divisor) * Float(pow(base, Double(Float(2 * pair) / Float(dimensions)))))
        }
    }

    /// The frequencies 1 / base^(2i/dimensions) in f32, computed as transformers does.
    package static func frequencies(base: Double, dimensions: Int) -> [Float] {
        (0..<dimensions / 2).map { pair in
            1 / Float(pow(base, Double(Float(2 * pair) / Float(dimensions))))
        }
    }
}

/// Llama 3.1's frequency ramp.
package struct Llama3: Sendable, Hashable {
    package var factor: Double
    package var lowFrequencyFactor: Double
    package var highFrequencyFactor: Double
    package var originalContext: Int

    package init(
        factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double,
        originalContext: Int
    ) {
        self.factor = factor
        self.lowFrequencyFactor = lowFrequencyFactor
        self.highFrequencyFactor = highFrequencyFactor
        self.originalContext = originalContext
    }

    /// What each frequency is divided by, as llama.cpp's converter writes it to `rope_freqs.weight`.
    ///
    /// - Returns: (dimensions / 2)
    package func divisors(base: Double, dimensions: Int) -> [Float] {
        // The converter's arithmetic, which is f32 throughout.
        let context = Float(originalContext)
        let (low, high) = (Float(lowFrequencyFactor), Float(highFrequencyFactor))
        return RopeParameters.frequencies(base: base, dimensions: dimensions).map { frequency in
            let wavelength = Float(2 * Double.pi) / frequency
            if wavelength < context / high { return 1 }
            if wavelength > context / low { return Float(factor) }
            let smooth = (context / wavelength - low) / (high - low)
            return 1 / ((1 - smooth) / Float(factor) + smooth)
        }
    }

    /// Finds the ramp that gives these divisors, with the low frequency factor 1 that every published model uses:
    /// a GGUF file stores the divisors only.
    ///
    /// - Returns: nil where no ramp gives them.
    package init?(divisors: [Float], base: Double, dimensions: Int) {
        guard let largest = divisors.max(), largest > 1 else { return nil }
        let factor = Double(largest)
        let frequencies = RopeParameters.frequencies(base: base, dimensions: dimensions)
        guard frequencies.count == divisors.count else { return nil }
        // On the ramp, smooth is linear in 1/wavelength: smooth = (context/wavelength − low) / (high − low).
        var ramp: [(inverse: Double, smooth: Double)] = []
        for (divisor, frequency) in zip(divisors, frequencies)
        where divisor > 1 && divisor < largest {
            let smooth = (1 / Double(divisor) - 1 / factor) / (1 - 1 / factor)
            ramp.append((Double(frequency) / (2 * Double.pi), smooth))
        }
        guard let first = ramp.first, let last = ramp.last, first.inverse != last.inverse else {
            return nil
        }
        let slope = (first.smooth - last.smooth) / (first.inverse - last.inverse)
        let intercept = first.smooth - slope * first.inverse
        guard intercept < 0, slope > 0 else { return nil }
        let high = 1 - 1 / intercept
        let context = slope * (high - 1)
        guard high.isFinite, context.isFinite, context >= 1, context < 1e9 else { return nil }
        let found = Llama3(
            factor: factor, lowFrequencyFactor: 1,
            highFrequencyFactor: (high * 1000).rounded() / 1000,
            originalContext: Int(context.rounded()))
        let again = found.divisors(base: base, dimensions: dimensions)
        let agrees = zip(again, divisors).allSatisfy { abs($0 - $1) <= 1e-5 * $1 }
        guard agrees else { return nil }
        self = found
    }
}
