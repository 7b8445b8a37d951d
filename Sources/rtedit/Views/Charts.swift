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

    var svg: String {
        let (left, right, rowHeight, top) = (190.0, 20.0, 24.0, 40.0)
        let width = 720.0
        let bottom = top + Double(rows.count) * rowHeight
        var drawing = SVG(width: width, height: bottom + 44)
        let values =
            rows.flatMap { [$0.value, $0.interval?.lower, $0.interval?.upper].compactMap { $0 } }
            + [mark].compactMap { $0 }
        let scale = ChartScale(values, from: left, to: width - right)
        drawing.label(title, 12, 22, size: 15)
        for tick in scale.ticks {
            drawing.line(scale.place(tick), top, scale.place(tick), bottom, color: "#e5e5e5")
            drawing.label(
                Quantity.fixed(tick, scale.upper - scale.lower < 2 ? 2 : 0), scale.place(tick),
                bottom + 16, anchor: .middle, size: 11, color: "#666")
        }
        if let mark {
            drawing.line(scale.place(mark), top, scale.place(mark), bottom, color: "#999")
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
        return drawing.text
    }
}

/// Figures over the blocks of a model, a line for each condition.
struct BlockChart {
    struct Line {
        let name: String
        let values: [Int: Double]
        let color: String
    }

    let title: String
    let unit: String
    let lines: [Line]

    var svg: String {
        let (left, right, top, bottom) = (60.0, 190.0, 40.0, 340.0)
        let width = 760.0
        var drawing = SVG(width: width, height: bottom + 44)
        let blocks = lines.flatMap { Array($0.values.keys) }
        let x = ChartScale(blocks.map(Double.init), from: left, to: width - right)
        let y = ChartScale(lines.flatMap { Array($0.values.values) }, from: bottom, to: top)
        drawing.label(title, 12, 22, size: 15)
        for tick in y.ticks {
            drawing.line(left, y.place(tick), width - right, y.place(tick), color: "#e5e5e5")
            drawing.label(
                Quantity.fixed(tick, 2), left - 8, y.place(tick) + 4, anchor: .end, size: 11,
                color: "#666")
        }
        for block in Set(blocks).sorted() where block % 2 == 0 {
            drawing.label(
                "\(block)", x.place(Double(block)), bottom + 16, anchor: .middle, size: 11,
                color: "#666")
        }
        for (index, line) in lines.enumerated() {
            let points = line.values.sorted { $0.key < $1.key }
                .map { (x: x.place(Double($0.key)), y: y.place($0.value)) }
            drawing.path(points, color: line.color)
            let place = top + 12 + Double(index) * 20
            drawing.line(
                width - right + 14, place - 4, width - right + 34, place - 4, color: line.color,
                width: 2)
            drawing.label(line.name, width - right + 40, place, size: 11)
        }
        drawing.label("block", (left + width - right) / 2, bottom + 36, anchor: .middle, size: 11)
        drawing.label(unit, left, top - 6, size: 11)
        return drawing.text
    }
}
