import Glibc

/// The sizes of files against how far their predictions are from the source's, which is drawn on a logarithmic axis.
struct TypeChart {
    struct Point {
        let name: String
        let byteCount: Int
        /// In nats.
        let divergence: Double
        let isOnFront: Bool
    }

    let points: [Point]

    /// What rounding leaves between equal models is drawn as this, and so is nothing at all.
    private static let least = 1e-8
    private static let (grey, blue) = (SVG.Ink.mark.use, SVG.Ink.series[0].use)
    private static let (left, right, top, bottom) = (70.0, 70.0, 40.0, 420.0)
    private static let width = 760.0

    var drawing: SVG {
        var drawing = SVG(
            title: "Size of the files against their distance from the source", width: Self.width,
            height: Self.bottom + 44)
        let x = ChartScale(
            points.map { Double($0.byteCount) }, from: Self.left, to: Self.width - Self.right)
        let y = ChartScale(points.map(Self.exponent), from: Self.bottom, to: Self.top)
        drawAxes(x, y, in: &drawing)
        let places = points.map { (x.place(Double($0.byteCount)), y.place(Self.exponent($0))) }
        let front = zip(points, places).filter(\.0.isOnFront).map(\.1)
        drawing.path(front.sorted { $0.0 < $1.0 }, color: Self.blue)
        var labels = ChartLabels(around: places)
        for (point, place) in zip(points, places) {
            let color = point.isOnFront ? Self.blue : Self.grey
            drawing.circle(place.0, place.1, radius: 4, color: color)
            let label = labels.place(point.name, at: place)
            drawing.label(point.name, label.x, label.y, anchor: label.anchor, size: 11)
        }
        return drawing
    }

    private func drawAxes(_ x: ChartScale, _ y: ChartScale, in drawing: inout SVG) {
        let end = Self.width - Self.right
        for (value, exponent) in Self.ticks(from: y.lower, to: y.upper) {
            drawing.line(
                Self.left, y.place(exponent), end, y.place(exponent), color: SVG.Ink.line.use)
            drawing.label(
                EvaluationView.nats(value), Self.left - 8, y.place(exponent) + 4, anchor: .end,
                size: 11, color: SVG.Ink.muted.use)
        }
        for tick in x.ticks {
            drawing.label(
                Quantity.bytes(Int(tick)), x.place(tick), Self.bottom + 16, anchor: .middle,
                size: 11, color: SVG.Ink.muted.use)
        }
        drawing.label(
            "size of the file", (Self.left + end) / 2, Self.bottom + 36, anchor: .middle, size: 11)
        drawing.label("KL(model || file), nats", 12, 22, size: 11)
    }

    private static func exponent(_ point: Point) -> Double { log10(max(point.divergence, least)) }

    /// Powers of ten, where there are few of them also twice and five times each.
    private static func ticks(
        from lower: Double, to upper: Double
    ) -> [(value: Double, exponent: Double)] {
        let factors = upper - lower > 3 ? [1.0] : [1, 2, 5]
        return (Int(lower.rounded(.down))...Int(upper.rounded(.up))).flatMap { power in
            factors.map { $0 * pow(10, Double(power)) }
        }.map { ($0, log10($0)) }.filter { (lower...upper).contains($0.exponent) }
    }
}

/// Where names stand beside the points of a drawing so that they cover neither points nor each other.
private struct ChartLabels {
    typealias Place = (x: Double, y: Double, anchor: SVG.Anchor)

    private struct Box {
        let x: ClosedRange<Double>
        let y: ClosedRange<Double>

        func overlaps(_ other: Box) -> Bool { x.overlaps(other.x) && y.overlaps(other.y) }
    }

    /// What is covered already.
    private var boxes: [Box]

    private static let characterWidth = 6.2
    private static let height = 11.0

    init(around points: [(Double, Double)]) {
        boxes = points.map { Box(x: ($0.0 - 4)...($0.0 + 4), y: ($0.1 - 4)...($0.1 + 4)) }
    }

    /// The first of the places to the right, above, below and to the left that is free; else to the right.
    mutating func place(_ name: String, at point: (Double, Double)) -> Place {
        let places: [Place] = [
            (point.0 + 8, point.1 + 4, .start), (point.0 + 6, point.1 - 7, .start),
            (point.0 + 6, point.1 + 15, .start), (point.0 - 8, point.1 + 4, .end),
            (point.0 - 6, point.1 + 15, .end), (point.0 - 6, point.1 - 7, .end),
        ]
        let free = places.first { place in
            let box = Self.box(of: name, at: place)
            return !boxes.contains { $0.overlaps(box) }
        }
        let chosen = free ?? places[0]
        boxes.append(Self.box(of: name, at: chosen))
        return chosen
    }

    private static func box(of name: String, at place: Place) -> Box {
        let width = Double(name.count) * characterWidth
        let start = place.anchor == .end ? place.x - width : place.x
        return Box(x: start...(start + width), y: (place.y - height)...place.y)
    }
}
