/// Figures with their intervals, one a row.
struct IntervalChart {
    struct Row {
        let name: String
        let value: Double
        let interval: (lower: Double, upper: Double)?
        let color: String
    }

    let title: String
    let unit: String
    let rows: [Row]
    /// A value that is marked over all rows.
    let mark: Double?
    /// Values between which nothing matters, grey behind all rows.
    var band: (lower: Double, upper: Double)?
    /// How wide the names of rows are.
    var nameWidth = 190.0

    var drawing: SVG {
        let (left, right, rowHeight, top) = (nameWidth, 20.0, 24.0, 40.0)
        let width = 720.0
        let bottom = top + Double(rows.count) * rowHeight
        var drawing = SVG(title: title, width: width, height: bottom + 44)
        let values =
            rows.flatMap { [$0.value, $0.interval?.lower, $0.interval?.upper].compactMap { $0 } }
            + [mark, band?.lower, band?.upper].compactMap { $0 }
        let scale = ChartScale(values, from: left, to: width - right)
        drawing.label(title, 12, 22, size: 15)
        if let band {
            drawing.line(
                (scale.place(band.lower) + scale.place(band.upper)) / 2, top,
                (scale.place(band.lower) + scale.place(band.upper)) / 2, bottom,
                color: SVG.Ink.line.use, width: scale.place(band.upper) - scale.place(band.lower))
        }
        for tick in scale.ticks {
            drawing.line(scale.place(tick), top, scale.place(tick), bottom, color: SVG.Ink.line.use)
            drawing.label(
                scale.text(tick), scale.place(tick),
                bottom + 16, anchor: .middle, size: 11, color: SVG.Ink.muted.use)
        }
        if let mark {
            drawing.line(scale.place(mark), top, scale.place(mark), bottom, color: SVG.Ink.mark.use)
        }
        for (index, row) in rows.enumerated() {
            let y = top + (Double(index) + 0.5) * rowHeight
            drawing.label(row.name, left - 10, y + 4, anchor: .end)
            if let interval = row.interval {
                drawing.line(
                    scale.place(interval.lower), y, scale.place(interval.upper), y,
                    color: row.color, width: 2)
            }
            drawing.circle(scale.place(row.value), y, radius: 4.5, color: row.color)
        }
        drawing.label(unit, (left + width - right) / 2, bottom + 36, anchor: .middle, size: 11)
        return drawing
    }
}

/// Figures over something, such as the blocks of a model or a strength, a line for each condition.
struct LineChart {
    struct Line {
        let name: String
        /// Ascending; what is not finite is left out.
        let points: [(x: Double, y: Double)]
        let color: String
        let isDashed: Bool

        /// - Parameter index: decides the colour.
        init(name: String, points: [(x: Double, y: Double)], index: Int) {
            let (color, isDashed) = SVG.Ink.line(index)
            self.init(name: name, points: points, color: color, isDashed: isDashed)
        }

        init(
            name: String, points: [(x: Double, y: Double)], color: String, isDashed: Bool = false
        ) {
            self.name = name
            self.points = points.filter { $0.x.isFinite && $0.y.isFinite }
            self.color = color
            self.isDashed = isDashed
        }

        /// A line over blocks.
        init(name: String, values: [Int: Double], color: String, isDashed: Bool = false) {
            self.init(
                name: name,
                points: values.sorted { $0.key < $1.key }.map { (Double($0.key), $0.value) },
                color: color, isDashed: isDashed)
        }
    }

    let title: String
    /// What lies along the horizontal axis.
    var across = "block"
    let unit: String
    let lines: [Line]
    /// A value that is marked over the whole width, and shown.
    var mark: Double?
    /// Places on the horizontal axis that are marked.
    var columns: [Double] = []

    private static let (left, right, top, bottom) = (60.0, 190.0, 44.0, 340.0)
    private static let width = 760.0

    var drawing: SVG {
        let height = max(Self.bottom + 44, Self.top + 24 + Double(lines.count) * 20)
        var drawing = SVG(title: title, width: Self.width, height: height)
        let points = lines.flatMap(\.points)
        let end = Self.width - Self.right
        let x = ChartScale(points.map(\.x) + columns, from: Self.left, to: end)
        let y = ChartScale(
            points.map(\.y) + [mark].compactMap(\.self), from: Self.bottom, to: Self.top)
        drawing.label(title, 12, 20, size: 15)
        drawAxes(x, y, in: &drawing)
        for column in columns {
            drawing.line(
                x.place(column), Self.top, x.place(column), Self.bottom, color: SVG.Ink.line.use,
                width: 8)
        }
        if let mark {
            drawing.line(
                Self.left, y.place(mark), end, y.place(mark), color: SVG.Ink.mark.use)
        }
        for (index, line) in lines.enumerated() {
            draw(line, index, x, y, in: &drawing)
        }
        return drawing
    }

    private func draw(
        _ line: Line, _ index: Int, _ x: ChartScale, _ y: ChartScale, in drawing: inout SVG
    ) {
        let end = Self.width - Self.right
        let places = line.points.map { (x: x.place($0.x), y: y.place($0.y)) }
        drawing.path(places, color: line.color, isDashed: line.isDashed)
        // Single points have no line.
        if places.count <= 12 {
            for place in places {
                drawing.circle(place.x, place.y, radius: 2.5, color: line.color)
            }
        }
        let place = Self.top + 12 + Double(index) * 20
        drawing.path(
            [(end + 14, place - 4), (end + 34, place - 4)], color: line.color,
            isDashed: line.isDashed)
        drawing.label(line.name, end + 40, place, size: 11)
    }

    private func drawAxes(_ x: ChartScale, _ y: ChartScale, in drawing: inout SVG) {
        let end = Self.width - Self.right
        for tick in y.ticks {
            drawing.line(
                Self.left, y.place(tick), end, y.place(tick), color: SVG.Ink.line.use)
            drawing.label(
                y.text(tick), Self.left - 8, y.place(tick) + 4, anchor: .end, size: 11,
                color: SVG.Ink.muted.use)
        }
        for tick in x.ticks {
            drawing.label(
                x.text(tick), x.place(tick), Self.bottom + 16, anchor: .middle, size: 11,
                color: SVG.Ink.muted.use)
        }
        drawing.label(
            across, (Self.left + end) / 2, Self.bottom + 36, anchor: .middle, size: 11)
        drawing.label(unit, Self.left, Self.top - 8, size: 11)
    }
}
