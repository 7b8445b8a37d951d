import Foundation

/// A drawing as SVG text, with what all charts share.
struct SVG {
    /// What the drawing shows, for those who do not see it.
    let title: String
    let width: Double
    let height: Double
    private var body = ""

    init(title: String, width: Double, height: Double) {
        self.title = title
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

    mutating func path(
        _ points: [(x: Double, y: Double)], color: String, isDashed: Bool = false
    ) {
        let list = points.map { "\(Self.text($0.x)),\(Self.text($0.y))" }.joined(separator: " ")
        let dashes = isDashed ? " stroke-dasharray=\"5 3\"" : ""
        body +=
            "<polyline points=\"\(list)\" fill=\"none\" stroke=\"\(color)\" stroke-width=\"1.8\"\(dashes)/>\n"
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
        color: String = Ink.ink.use
    ) {
        body +=
            "<text x=\"\(Self.text(x))\" y=\"\(Self.text(y))\" text-anchor=\"\(anchor.rawValue)\" "
            + "font-size=\"\(Self.text(size))\" fill=\"\(color)\">\(Self.escaped(text))</text>\n"
    }

    /// The whole file, on white.
    var text: String {
        let ground = "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        return Ink.all.reduce(element(background: ground)) {
            $0.replacingOccurrences(of: $1.use, with: $1.light)
        }
    }

    /// The drawing as a part of a page, on the page's own ground.
    var inline: String { element(background: "") }

    private func element(background: String) -> String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="\(Self.escaped(title))" \
        width="\(Self.text(width))" height="\(Self.text(height))" \
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

extension SVG {
    /// A colour by what it is for: its light value on white, its dark one on a page's dark ground.
    ///
    /// Texts keep a contrast of 4.5 to 1 on both, lines of 3 to 1; the six of a series are told apart by most who do not see
    /// all colours (after Okabe and Ito).
    struct Ink: Sendable {
        /// As a page's style declares it.
        let name: String
        let light: String
        let dark: String

        /// As drawings and pages name it.
        var use: String { "var(\(name))" }

        static let ground = Ink(name: "--ground", light: "#ffffff", dark: "#161616")
        static let ink = Ink(name: "--ink", light: "#1c1c1c", dark: "#ececec")
        static let muted = Ink(name: "--muted", light: "#5c5c5c", dark: "#b4b4b4")
        static let line = Ink(name: "--line", light: "#dcdcdc", dark: "#3c3c3c")
        static let mark = Ink(name: "--mark", light: "#8a8a8a", dark: "#8f8f8f")
        static let heat = Ink(name: "--heat", light: "#c2410c", dark: "#fb923c")
        static let series = [
            Ink(name: "--series-1", light: "#0072b2", dark: "#4aa8e0"),
            Ink(name: "--series-2", light: "#b35f00", dark: "#e69f00"),
            Ink(name: "--series-3", light: "#00795a", dark: "#22b58a"),
            Ink(name: "--series-4", light: "#a8457f", dark: "#db8fb9"),
            Ink(name: "--series-5", light: "#cc2a36", dark: "#ff7a6e"),
            Ink(name: "--series-6", light: "#6a51a3", dark: "#a692e0"),
        ]

        static let all = [ground, ink, muted, line, mark, heat] + series

        /// The colour of a series' member and whether its line is dashed, so that twice as many are told apart.
        static func line(_ index: Int) -> (color: String, isDashed: Bool) {
            (series[index % series.count].use, index / series.count % 2 == 1)
        }
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
        let room = max(most == least ? abs(most) * 0.1 : (most - least) * 0.06, 1e-6)
        lower = least - room
        upper = most + room
        self.from = from
        self.to = to
    }

    func place(_ value: Double) -> Double {
        from + (value - lower) / (upper - lower) * (to - from)
    }

    /// About a sixth of the range: 1, 2 or 5 times a power of ten.
    private var step: Double {
        let raw = (upper - lower) / 6
        let power = pow(10, log10(raw).rounded(.down))
        return [1.0, 2, 5, 10].map { $0 * power }.first { $0 >= raw } ?? raw
    }

    /// A tick with as many digits as tell it from the next.
    func text(_ tick: Double) -> String {
        let digits = max(0, Int((-log10(step) - 1e-9).rounded(.up)))
        return Quantity.fixed(abs(tick) < step * 1e-6 ? 0 : tick, min(digits, 6))
    }

    /// Round numbers a step apart.
    var ticks: [Double] {
        var ticks: [Double] = []
        var tick = (lower / step).rounded(.up) * step
        while tick <= upper {
            ticks.append(tick)
            tick += step
        }
        return ticks
    }
}
