import Foundation

/// How far models are apart after every block, on a logarithmic scale, with the bound that one of them must keep.
struct AgreementChart {
    struct Line {
        let name: String
        /// Relative differences, block by block from 0 on.
        let values: [Double]
        let color: String
    }

    let lines: [Line]
    /// The bound, drawn over all blocks.
    let bound: Double

    /// The edited model's first.
    static let colors = SVG.Ink.series.prefix(4).map(\.use)
    /// Powers of ten that the scale can reach; what lies beyond is drawn at its ends.
    private static let range = -16.0...8.0
    /// What has no place on the scale is drawn as far below the least of the others.
    private static let gap = 1.0

    private let left = 60.0
    private let right = 20.0
    private let top = 16.0
    private let bottom = 280.0
    private let width = 720.0

    private var exponents: (lowest: Double, highest: Double) {
        let values = (lines.flatMap(\.values) + [bound]).filter { $0 > 0 && $0.isFinite }
        let logs = values.map { min(max(log10($0), Self.range.lowerBound), Self.range.upperBound) }
        let (least, most) = (logs.min() ?? -7, logs.max() ?? 0)
        return (least.rounded(.down) - Self.gap, max(most.rounded(.up), least.rounded(.down) + 1))
    }

    var drawing: SVG {
        var drawing = SVG(
            title: "Difference from the reference by block", width: width, height: bottom + 36)
        let (lowest, highest) = exponents
        let y = ChartScale([lowest, highest], from: bottom, to: top)
        let count = lines.map(\.values.count).max() ?? 1
        let x = ChartScale([0, Double(max(count - 1, 1))], from: left, to: width - right)
        func height(_ value: Double) -> Double {
            guard value > 0 else { return y.place(lowest) }
            return y.place(min(max(log10(value), lowest), highest))
        }
        for power in stride(from: lowest, through: highest, by: 1) {
            drawing.line(
                left, y.place(power), width - right, y.place(power), color: SVG.Ink.line.use)
            drawing.label(
                power == lowest ? "0" : "1e\(Int(power))", left - 6, y.place(power) + 4,
                anchor: .end, size: 11, color: SVG.Ink.ink.use)
        }
        for tick in x.ticks where tick >= 0 && tick == tick.rounded() && Int(tick) < count {
            drawing.label(
                "\(Int(tick))", x.place(tick), bottom + 16, anchor: .middle, size: 11,
                color: SVG.Ink.ink.use)
        }
        drawing.line(
            left, height(bound), width - right, height(bound), color: SVG.Ink.ink.use, width: 1.5)
        drawing.label(
            "tolerance \(Quantity.scientific(bound, 1))", width - right, height(bound) - 5,
            anchor: .end, size: 11, color: SVG.Ink.ink.use)
        for line in lines {
            let points = line.values.enumerated().map { block, value in
                (x: x.place(Double(block)), y: height(value))
            }
            drawing.path(points, color: line.color)
            for point in points {
                drawing.circle(point.x, point.y, radius: 2.5, color: line.color)
            }
        }
        addTitles(to: &drawing, x, count)
        drawing.label(
            "block", (left + width - right) / 2, bottom + 32, anchor: .middle, size: 11,
            color: SVG.Ink.ink.use)
        return drawing
    }

    /// What the pointer is told where it rests on a block.
    private func addTitles(to drawing: inout SVG, _ x: ChartScale, _ count: Int) {
        let step = x.place(1) - x.place(0)
        for block in 0..<count {
            let figures = lines.filter { block < $0.values.count }.map {
                "\($0.name) \(Quantity.scientific($0.values[block], 1))"
            }
            drawing.rectangle(
                x.place(Double(block)) - step / 2, top, width: step, height: bottom - top,
                color: SVG.Ink.ink.use, opacity: 0,
                title: "block \(block): \(figures.joined(separator: "; "))")
        }
    }
}
