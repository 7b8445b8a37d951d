package import Formats
import Glibc
package import Transformer

/// AdamW (arXiv 1711.05101): Adam with decoupled weight decay and bias correction, with the semantics of
/// `torch.optim.AdamW`.
///
/// As there, weight decay acts on every tuned parameter, norms and adapters included; it is scaled by the
/// learning rate, so where that is 0 nothing changes but the moments. Of a norm that a Hugging Face folder stores as w
/// and applies as 1 + w, as Gemma's, it is w that decays, in whichever format the base is.
package final class AdamW {
    /// The optimiser's numbers, beside the learning rate.
    package struct Options: Sendable, Hashable {
        package var beta1: Double
        package var beta2: Double
        package var epsilon: Double
        package var weightDecay: Double

        package init(
            beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
            weightDecay: Double = 0.1
        ) {
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.weightDecay = weightDecay
        }
    }

    /// Running means of a parameter's gradient and of its square.
    package struct Moments: Sendable {
        package let first: FloatBuffer
        package let second: FloatBuffer
    }

    package let options: Options
    /// One for every parameter, in their order.
    package let moments: [Moments]
    /// How many updates were made.
    package private(set) var step = 0

    private let parameters: [TunedParameter]
    private let parts: ParameterParts
    private let crew: WorkCrew

    /// An optimiser that has made no update yet.
    package init(_ parameters: [TunedParameter], options: Options, crew: WorkCrew) {
        self.options = options
        self.parameters = parameters
        self.crew = crew
        parts = ParameterParts(parameters)
        moments = parameters.map { parameter in
            Moments(
                first: FloatBuffer(count: parameter.values.count),
                second: FloatBuffer(count: parameter.values.count))
        }
    }

    /// Continues after so many updates, whose moments have been put back.
    package func resume(at step: Int) { self.step = step }

    /// Makes one update with the parameters' present gradients.
    ///
    /// - Parameter learningRates: one for every section of every parameter, in their order.
    /// - Precondition: there are as many.
    package func update(learningRates: [[Double]]) {
        precondition(learningRates.map(\.count) == parameters.map(\.sections.count))
        step += 1
        let factors = zip(parameters, learningRates).map { parameter, rates in
            rates.map {
                options.factors(learningRate: $0, step: step, origin: parameter.origin)
            }
        }
        parts.run(crew) { [parameters, moments] part in
            let parameter = parameters[part.parameter]
            let moments = moments[part.parameter]
            let start = part.range.lowerBound
            adamWUpdate(
                values: parameter.values.floats + start, first: moments.first.floats + start,
                second: moments.second.floats + start,
                gradient: parameter.gradient.floats + start,
                factors: factors[part.parameter][part.section],
                count: part.range.count)
        }
    }
}

extension AdamW.Options {
    /// The numbers of an update, worked out in f64 and rounded once, as torch does.
    ///
    /// - Parameters:
    ///   - step: which update it is, from 1.
    ///   - origin: what weight decay draws the values to.
    func factors(learningRate: Double, step: Int, origin: Float = 0) -> AdamWFactors {
        AdamWFactors(
            keep: Float(1 - learningRate * weightDecay),
            pull: Float(learningRate * weightDecay * Double(origin)),
            firstShare: Float(1 - beta1), secondKeep: Float(beta2),
            secondShare: Float(1 - beta2),
            stepSize: Float(learningRate / (1 - pow(beta1, Double(step)))),
            secondCorrection: Float((1 - pow(beta2, Double(step))).squareRoot()),
            epsilon: Float(epsilon))
    }
}
