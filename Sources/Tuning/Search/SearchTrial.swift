import Formats
import Glibc

/// Which data a trial is measured on.
package enum SearchPart: String, Sendable, CaseIterable {
    /// A part of what the choice is made on, for a first look at all blocks.
    case coarse
    /// The probes and the text that the choice is made on.
    case choice
    /// Probes that had no say in the choice.
    case heldOut = "held-out"
}

/// What a model made of one part of the data.
package struct SearchFigures: Sendable, Hashable {
    /// One for each probe, in nats.
    package let margins: [Double]
    /// KL(plain ‖ this), the mean; nil where it was not measured.
    package let divergence: Double?
    /// Mean −log p of the text's tokens; nil where none is read.
    package let loss: Double?

    package var margin: Double { Statistics.mean(margins) }

    package var accuracy: Double { Statistics.share(of: margins) { $0 > 0 } }

    func value(of objective: SearchOptions.Objective) -> Double {
        objective == .margin ? margin : accuracy
    }

    /// What each probe contributes to the figure.
    func values(of objective: SearchOptions.Objective) -> [Double] {
        objective == .margin ? margins : margins.map { $0 > 0 ? 1 : 0 }
    }

    var isFinite: Bool {
        margins.allSatisfy(\.isFinite) && divergence?.isFinite ?? true && loss?.isFinite ?? true
    }
}

extension SearchFigures {
    /// What a file of results keeps; JSON has no numbers for what is not finite.
    var json: JSONObject {
        guard isFinite else { return JSONObject([.init("finite", .bool(false))]) }
        return JSONObject([
            .init("margins", .array(margins.map { .number($0) })),
            .init("kl", divergence.map { .number($0) } ?? .null),
            .init("loss", loss.map { .number($0) } ?? .null),
        ])
    }

    /// Reads what `json` gives, with infinite margins where they were not finite; nil for anything else.
    init?(_ object: JSONObject, probes: Int) {
        if object["finite"]?.bool == false {
            margins = Array(repeating: -.infinity, count: probes)
            (divergence, loss) = (.infinity, nil)
            return
        }
        guard let list = object["margins"]?.array, list.count == probes,
            let kl = object["kl"], let loss = object["loss"]
        else { return nil }
        margins = list.compactMap(\.number)
        guard margins.count == probes, kl == .null || kl.number != nil,
            loss == .null || loss.number != nil
        else { return nil }
        divergence = kl.number
        self.loss = loss.number
    }
}

/// One measured steering beside the plain model.
package struct SearchTrial: Sendable, Hashable {
    package let point: SearchPoint
    package let part: SearchPart
    package let figures: SearchFigures
    /// How far the objective was moved the wanted way; −∞ where the model's predictions are not finite.
    package let effect: Double
    package let perplexityRatio: Double?
    /// The largest share of a limit that is used up.
    package let used: Double

    init(
        _ point: SearchPoint, _ part: SearchPart, _ figures: SearchFigures,
        plain: SearchFigures, options: SearchOptions
    ) {
        self.point = point
        self.part = part
        self.figures = figures
        let ratio: Double? =
            if let own = figures.loss, let base = plain.loss { exp(own - base) } else { nil }
        perplexityRatio = ratio
        guard figures.isFinite, ratio?.isFinite ?? true else {
            (effect, used) = (-.infinity, .infinity)
            return
        }
        let moved =
            figures.value(of: options.objective) - plain.value(of: options.objective)
        effect = options.isOpposite ? -moved : moved
        used = options.limits.used(
            divergence: figures.divergence ?? 0, perplexityRatio: ratio)
    }

    package var isWithin: Bool { used <= 1 }

    /// Whether it is as good as the other in everything and better in something.
    func dominates(_ other: SearchTrial) -> Bool {
        let pairs = [
            (effect, other.effect),
            (-(figures.divergence ?? 0), -(other.figures.divergence ?? 0)),
            (-(perplexityRatio ?? 1), -(other.perplexityRatio ?? 1)),
        ]
        return pairs.allSatisfy { $0 >= $1 } && pairs.contains { $0 > $1 }
    }
}

extension [SearchTrial] {
    /// Those that move the objective the wanted way and that no other is better than in effect, divergence and perplexity
    /// alike (the Pareto front), by divergence; of equal ones the first.
    package var front: [SearchTrial] {
        var front: [SearchTrial] = []
        for trial in self where trial.effect > 0 && !contains(where: { $0.dominates(trial) }) {
            let isKnown = front.contains {
                $0.effect == trial.effect && $0.figures.divergence == trial.figures.divergence
                    && $0.perplexityRatio == trial.perplexityRatio
            }
            if !isKnown { front.append(trial) }
        }
        return front.sorted { ($0.figures.divergence ?? 0) < ($1.figures.divergence ?? 0) }
    }

    /// The one within the limits that moves the objective most; of equal ones that of the smaller divergence, then the
    /// first.
    package var best: SearchTrial? {
        var best: SearchTrial?
        for trial in self where trial.isWithin && trial.effect > 0 {
            guard let known = best else {
                best = trial
                continue
            }
            let isCheaper =
                trial.effect == known.effect
                && trial.figures.divergence ?? 0 < known.figures.divergence ?? 0
            if trial.effect > known.effect || isCheaper { best = trial }
        }
        return best
    }

    /// The one nearest to the limits of those that move the objective the wanted way, or of all where none does.
    package var nearest: SearchTrial? {
        let moving = filter { $0.effect > 0 }
        return (moving.isEmpty ? self : moving).min { $0.used < $1.used }
    }
}
