import Formats
import Foundation
import Tuning

/// The normalised change of every kind of weight in every block, as a grid of shaded cells.
struct DifferenceHeatMap {
    let tensors: [TensorDifference]

    /// The shade is the order of magnitude of the change: none at this power of ten, full at 1.
    private static let faintestPower = -6.0
    private static let cell = 16.0
    private static let left = 180.0

    /// A change's share of the full shade; a changed cell is never quite blank.
    private static func shade(_ change: Double) -> Double {
        guard change > 0 else { return 0 }
        guard change.isFinite else { return 1 }
        return min(1, max(0.08, 1 - log10(change) / faintestPower))
    }

    var drawing: SVG {
        let blocks = Set(tensors.compactMap(\.role?.block)).sorted()
        let kinds = Self.kinds(tensors)
        let cells = Dictionary(grouping: tensors) { Cell(kind: $0.kind, block: $0.role?.block) }
        let columns: [Int?] = [nil] + blocks.map { $0 }
        let top = 30.0
        var drawing = SVG(
            title: "Change by block and kind of weight",
            width: Self.left + Double(columns.count) * Self.cell + 20,
            height: top + Double(kinds.count) * Self.cell + 20)
        for (column, block) in columns.enumerated() where block.map({ $0 % 2 == 0 }) ?? true {
            drawing.label(
                block.map(String.init) ?? "–", Self.left + (Double(column) + 0.5) * Self.cell,
                top - 8, anchor: .middle, size: 10, color: SVG.Ink.ink.use)
        }
        for (row, kind) in kinds.enumerated() {
            let y = top + Double(row) * Self.cell
            drawing.label(
                kind, Self.left - 8, y + 12, anchor: .end, size: 11, color: SVG.Ink.ink.use)
            for (column, block) in columns.enumerated() {
                guard let found = cells[Cell(kind: kind, block: block)] else { continue }
                Self.draw(
                    found, kind, block, at: (Self.left + Double(column) * Self.cell, y),
                    in: &drawing)
            }
        }
        return drawing
    }

    private struct Cell: Hashable {
        let kind: String
        let block: Int?
    }

    private static func draw(
        _ tensors: [TensorDifference], _ kind: String, _ block: Int?,
        at place: (x: Double, y: Double), in drawing: inout SVG
    ) {
        let change = tensors.map(\.rank).max() ?? 0
        let size =
            change == 0
            ? "no change"
            : change.isFinite
                ? "change \(Quantity.scientific(change, 2))" : "other shape or missing"
        let title = "\(block.map { "block \($0) " } ?? "")\(kind): \(size)"
        drawing.rectangle(
            place.x + 1, place.y + 1, width: cell - 2, height: cell - 2, color: SVG.Ink.ink.use,
            opacity: 0.07, title: title)
        if change > 0 {
            drawing.rectangle(
                place.x + 1, place.y + 1, width: cell - 2, height: cell - 2,
                color: SVG.Ink.heat.use,
                opacity: shade(change), title: title)
        }
    }

    /// The kinds in the order of the model.
    private static func kinds(_ tensors: [TensorDifference]) -> [String] {
        var seen: Set<String> = []
        return tensors.map(\.kind).filter { seen.insert($0).inserted }
    }
}

/// The singular values of single changes, each in units of its first, on a logarithmic scale.
struct SpectrumChart {
    let spectra: [(name: String, values: [Double])]

    static let colors = SVG.Ink.series.map(\.use)
    /// Values below this power of ten of the first are not drawn.
    private static let lowestPower = -4.0

    var drawing: SVG {
        let (left, right, top, bottom) = (50.0, 20.0, 16.0, 250.0)
        let width = 640.0
        var drawing = SVG(
            title: "Singular values of the largest changes", width: width, height: bottom + 36)
        let most = spectra.map(\.values.count).max() ?? 1
        let x = ChartScale([1, Double(max(most, 2))], from: left, to: width - right)
        let y = ChartScale([Self.lowestPower, 0], from: bottom, to: top)
        for power in stride(from: Self.lowestPower, through: 0, by: 1) {
            drawing.line(
                left, y.place(power), width - right, y.place(power), color: SVG.Ink.line.use)
            drawing.label(
                "1e\(Int(power))", left - 6, y.place(power) + 4, anchor: .end, size: 11,
                color: SVG.Ink.ink.use)
        }
        for tick in x.ticks where tick >= 1 && tick == tick.rounded() {
            drawing.label(
                Quantity.fixed(tick, 0), x.place(tick), bottom + 16, anchor: .middle, size: 11,
                color: SVG.Ink.ink.use)
        }
        for (index, spectrum) in spectra.enumerated() {
            guard let first = spectrum.values.first, first > 0 else { continue }
            let points = spectrum.values.enumerated().map { place, value in
                (
                    x: x.place(Double(place + 1)),
                    y: y.place(max(Self.lowestPower, log10(max(value / first, 1e-30))))
                )
            }
            let color = Self.colors[index % Self.colors.count]
            drawing.path(points, color: color)
            if let start = points.first {
                drawing.circle(start.x, start.y, radius: 3, color: color)
            }
        }
        drawing.label(
            "singular value number", (left + width - right) / 2, bottom + 32, anchor: .middle,
            size: 11, color: SVG.Ink.ink.use)
        return drawing
    }
}
