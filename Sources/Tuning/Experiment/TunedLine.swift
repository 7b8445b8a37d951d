import Formats
import Transformer

/// The straight line from a base's weights through tuned ones: W(s) = W₀ + s (W₁ − W₀), along which a tuned model's
/// strength is changed without another run (arXiv 2109.01903; task vectors, arXiv 2212.04089).
final class TunedLine {
    let model: TuningModel
    private let start: [FloatBuffer]
    private let end: [FloatBuffer]
    private let crew: WorkCrew

    /// - Parameters:
    ///   - model: holds the tuned values.
    ///   - start: the values before tuning, in the order of the model's parameters.
    init(_ model: TuningModel, from start: [FloatBuffer], crew: WorkCrew) {
        self.model = model
        self.start = start
        self.crew = crew
        end = Self.copies(of: model)
    }

    /// The model's present values.
    static func copies(of model: TuningModel) -> [FloatBuffer] {
        model.parameters.map { parameter in
            let copy = FloatBuffer(count: parameter.values.count)
            copy.floats.update(from: parameter.values.floats, count: copy.count)
            return copy
        }
    }

    /// Puts the values of this strength into the model: 0 is the base, 1 what was tuned, both to the bit.
    func move(to strength: Double) {
        let factor = Float(strength)
        crew.run(start.count) { [parameters = model.parameters, start, end] index in
            let (first, last) = (start[index].floats, end[index].floats)
            let values = parameters[index].values
            guard factor != 1 else {
                values.floats.update(from: last, count: values.count)
                return
            }
            for place in 0..<values.count {
                values.floats[place] = first[place] + factor * (last[place] - first[place])
            }
        }
    }
}
