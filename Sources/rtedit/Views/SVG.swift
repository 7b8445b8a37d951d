import Foundation

/// A drawing as SVG text, with what all charts share.
struct SVG {
    let width: Double
    let height: Double
    private var body = ""

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    mutating func line(
        _ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, color: String,
        width: Double = 1
    ) {
        body +=
            "<line x1=\"\(Self.text(x1))\" y1=\"\(Self.text(y1))\" x2=\"\(Self.text(x2))\" "
            + "y2=\"\(Self.text(y2))\" stroke=\"\(color)\" stroke-width=\"\(Self.text(width))\"/>\n"
    }

    mutating func circle(_ x: Double, _ y: Double, radius: Double, color: String) {
        body +=
            "<circle cx=\"\(Self.text(x))\" cy=\"\(Self.text(y))\" r=\"\(Self.text(radius))\" "
            + "fill=\"\(color)\"/>\n"
    }

    mutating func path(_ points: [(x: Double, y: Double)], color: String) {
        let list = points.map { "\(Self.text($0.x)),\(Self.text($0.y))" }.joined(separator: " ")
        body +=
            "<polyline points=\"\(list)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.8\"/>\n"
    }

    /// A rectangle that tells what it stands for when the pointer rests on it.
    mutating func rectangle(
        _ x: Double, _ y: Double, width: Double, height: Double, color: String,
        opacity: Double = 1, title: String
    ) {
        body +=
            "<rect x=\"\(Self.text(x))\" y=\"\(Self.text(y))\" width=\"\(Self.text(width))\" "
            + "height=\"\(Self.text(height))\" fill=\"\(color)\" "
            + "fill-opacity=\"\(Quantity.fixed(opacity, 3))\"><title>\(Self.escaped(title))</title></rect>\n"
    }

    enum Anchor: String { case start, middle, end }

    mutating func label(
        _ text: String, _ x: Double, _ y: Double, anchor: Anchor = .start, size: Double = 12,
        color: String = "#222"
    ) {
        body +=
            "<text x=\"\(Self.text(x))\" y=\"\(Self.text(y))\" text-anchor=\"\(anchor.rawValue)\" "
            + "font-size=\"\(Self.text(size))\" fill=\"\(color)\">\(Self.escaped(text))</text>\n"
    }

    /// The whole file, on white.
    var text: String {
        element(background: "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n")
    }

    /// The drawing as a part of a page, on the page's own ground.
    var inline: String { element(background: "") }

    private func element(background: String) -> String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" width="\(Self.text(width))" height="\(Self.text(height))" \
        viewBox="0 0 \(Self.text(width)) \(Self.text(height))" font-family="sans-serif">
        \(background)\(body)</svg>

        """
    }

    private static func text(_ number: Double) -> String {
        let rounded = (number * 10).rounded() / 10
        return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
    }

    /// Text fit for an element or an attribute of SVG and HTML; names in files may hold anything.
    static func escaped(_ text: String) -> String {
        PrintableText.line(text).replacingOccurrences(of: "&", with: "&amp;")
            .replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;")
            .replacingOccurrences(of: "\"", with: "&quot;")
            .replacingOccurrences(of: "'", with: "&#39;")
    }
}

/// A scale from data to places in a drawing.
struct ChartScale {
    let lower: Double
    let upper: Double
    let from: Double
    let to: Double

    /// A scale that shows all values, with a little room on both sides.
    init(_ values: [Double], from: Double, to: Double) {
        let finite = values.filter(\.isFinite)
        let (least, most) = (finite.min() ?? 0, finite.max() ?? 1)
        let room = max((most - least) * 0.06, 1e-6)
        lower = least - room
        upper = most + room
        self.from = from
        self.to = to
    }

    func place(_ value: Double) -> Double {
        from + (value - lower) / (upper - lower) * (to - from)
    }

    /// Round numbers about a fifth of the range apart.
    var ticks: [Double] {
        let raw = (upper - lower) / 5
        let power = pow(10, log10(raw).rounded(.down))
        let step = [1.0, 2, 5, 10].map { $0 * power }.first { $0 >= raw } ?? raw
        var ticks: [Double] = []
        var tick = (lower / step).rounded(.up) * step
        while tick <= upper {
            ticks.append(tick)
            tick += step
        }
        return ticks
    }
}
