import Transformer

/// What the steerings of a grid do, beside the plain model.
package struct Sweep: Sendable {
    package let vectors: [SearchVector]
    package let options: SearchOptions
    package let plain: SearchFigures
    /// In the order of the grid.
    package let rows: [Row]

    /// One steering.
    package struct Row: Sendable {
        package let trial: SearchTrial
        /// How far the stream is pushed, in units of its length; nil where the file does not know that.
        package let push: Double?
        /// Of the mean margin, of the accuracy, and of what the objective was moved by, over the probes.
        package let margin: Bootstrap.Interval?
        package let accuracy: Bootstrap.Interval?
        package let effect: Bootstrap.Interval?
    }

    /// The row within the limits that moves the objective most; nil where none moves it the wanted way.
    package var best: Row? {
        let best = rows.map(\.trial).best
        return rows.first { $0.trial == best }
    }

    /// Whether no other row is better in effect, divergence and perplexity alike.
    package func isFront(_ row: Row) -> Bool { rows.map(\.trial).front.contains(row.trial) }
}

extension Search {
    /// Measures all steerings of a grid on all data of the choice. The search's vectors are those of the grid.
    ///
    /// - Throws: as `run`.
    package func sweep(_ grid: SweepGrid) throws -> Sweep {
        let plain = try plain(.choice)
        let base = plain.values(of: options.objective)
        let bootstrap = Bootstrap()
        let rows = try grid.points.map { point in
            let trial = try trial(point, .choice)
            let figures = trial.figures
            let vector = grid.vectors[point.candidate.vector]
            let differences = zip(figures.values(of: options.objective), base)
                .map { options.isOpposite ? $1 - $0 : $0 - $1 }
            return Sweep.Row(
                trial: trial,
                push: vector.relativePush.map { $0 * Double(abs(point.strength.value)) },
                margin: bootstrap.interval(ofMean: figures.margins),
                accuracy: bootstrap.interval(ofMean: figures.values(of: .accuracy)),
                effect: bootstrap.interval(ofMean: differences))
        }
        return Sweep(vectors: grid.vectors, options: options, plain: plain, rows: rows)
    }
}
