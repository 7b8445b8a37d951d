/// What trials move over what they cost, with the front drawn through those that no other is better than.
struct FrontChart {
    let title: String
    /// What is moved, with its unit.
    let effect: String
    let trials: [(divergence: Double, effect: Double)]
    /// By divergence; the last figure is the effect where it was not chosen.
    let front: [(divergence: Double, effect: Double, heldOut: Double)]
    let best: (divergence: Double, effect: Double)?
    /// The largest divergence that is allowed.
    let limit: Double

    /// Trials further beyond the limit than so many times it are left out of the drawing.
    private static let reach = 3.0

    private static let (grey, blue, red) = (
        SVG.Ink.mark.use, SVG.Ink.series[0].use, SVG.Ink.series[4].use
    )

    var drawing: SVG {
        let (left, right, top, bottom) = (60.0, 190.0, 40.0, 340.0)
        let width = 760.0
        let end = limit > 0 ? limit * Self.reach : .infinity
        let shown = trials.filter { $0.divergence <= end }
        let points = front.filter { $0.divergence <= end }
        var drawing = SVG(title: title, width: width, height: bottom + 44)
        let x = ChartScale(
            [0, limit] + shown.map(\.divergence), from: left, to: width - right)
        let y = ChartScale(
            [0] + shown.map(\.effect) + points.map(\.heldOut), from: bottom, to: top)
        drawing.label(title, 12, 22, size: 15)
        for tick in y.ticks {
            drawing.line(left, y.place(tick), width - right, y.place(tick), color: SVG.Ink.line.use)
            drawing.label(
                y.text(tick), left - 8, y.place(tick) + 4, anchor: .end, size: 11,
                color: SVG.Ink.muted.use)
        }
        for tick in x.ticks {
            drawing.label(
                x.text(tick), x.place(tick), bottom + 16,
                anchor: .middle, size: 11, color: SVG.Ink.muted.use)
        }
        drawing.line(x.place(limit), top, x.place(limit), bottom, color: SVG.Ink.muted.use)
        for trial in shown {
            drawing.circle(
                x.place(trial.divergence), y.place(trial.effect), radius: 2.5, color: Self.grey)
        }
        drawing.path(
            points.map { (x.place($0.divergence), y.place($0.effect)) }, color: Self.blue)
        for point in points {
            drawing.circle(
                x.place(point.divergence), y.place(point.heldOut), radius: 3.5, color: Self.red)
            drawing.circle(
                x.place(point.divergence), y.place(point.effect), radius: 3.5, color: Self.blue)
        }
        if let best {
            drawing.circle(
                x.place(best.divergence), y.place(best.effect), radius: 7, color: Self.blue)
        }
        let names = [
            (Self.grey, "a trial"), (Self.blue, "the front; the best is large"),
            (Self.red, "the same, held-out"), (SVG.Ink.muted.use, "the limit"),
        ]
        for (index, (color, name)) in names.enumerated() {
            let place = top + 12 + Double(index) * 20
            drawing.circle(width - right + 20, place - 4, radius: 4, color: color)
            drawing.label(name, width - right + 32, place, size: 11)
        }
        drawing.label(
            "KL(plain || steered), nats", (left + width - right) / 2, bottom + 36, anchor: .middle,
            size: 11)
        drawing.label(effect, left, top - 6, size: 11)
        return drawing
    }
}
