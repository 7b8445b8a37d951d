import Synchronization

/// How far a piece of work has got, shown with its rate and the time it still needs.
///
/// It may be moved on from any thread and is cheap to move on: it is drawn ten times a second at most, and only
/// where progress is shown. The line is taken away when the value goes.
final class Progress: Sendable {
    enum Unit: Sendable {
        case bytes
        /// A noun in the plural: "tokens", "blocks".
        case things(String)
        /// Parts of a whole that is no count of anything: the total is in steps.
        case share
    }

    private let console: Console
    private let label: String
    private let unit: Unit
    private let total: Int
    private let begin = ContinuousClock.now
    private let isShown: Bool
    private let state: Mutex<State>

    private struct State {
        var done = 0
        var lastDrawing: ContinuousClock.Instant
    }

    init(_ label: String, total: Int, unit: Unit, on console: Console) {
        self.console = console
        self.label = label
        self.unit = unit
        self.total = total
        isShown = console.canShowProgress
        state = Mutex(State(lastDrawing: begin))
    }

    deinit {
        finish()
    }

    /// So much more is done.
    func advance(by count: Int = 1) {
        move { $0 + count }
    }

    /// So much is done in all.
    func reach(_ done: Int) {
        move { _ in done }
    }

    /// Takes the line away.
    func finish() {
        if isShown { console.clearProgress() }
    }

    private func move(_ next: (Int) -> Int) {
        guard isShown else { return }
        let now = ContinuousClock.now
        let line = state.withLock { state -> String? in
            state.done = next(state.done)
            guard now - state.lastDrawing >= .milliseconds(100) else { return nil }
            state.lastDrawing = now
            return Self.line(
                label: label, done: state.done, total: total, unit: unit, elapsed: now - begin,
                width: console.progressWidth)
        }
        if let line { console.showProgress(line) }
    }

    /// The line's text: "baking: 42 %, 12.3 of 29.1 GB, 1.2 GB/s, 14.0 s left".
    ///
    /// - Parameter width: the columns there are; rate and amount are left out where they have no place.
    static func line(
        label: String, done: Int, total: Int, unit: Unit, elapsed: Duration, width: Int = Int.max
    ) -> String {
        let done = total > 0 ? min(done, total) : done
        let seconds = elapsed / .seconds(1)
        let rate = seconds > 0 ? Double(done) / seconds : 0
        var parts: [String] =
            switch unit {
            case .bytes:
                [
                    "\(Quantity.bytes(done)) of \(Quantity.bytes(total))",
                    "\(Quantity.scaled(rate))B/s",
                ]
            case .things(let plural):
                ["\(done) of \(total) \(plural)", "\(Quantity.scaled(rate))\(plural)/s"]
            case .share: []
            }
        if total > 0 {
            parts.insert("\(Int(100 * Double(done) / Double(total))) %", at: 0)
            if rate > 0, done < total {
                parts.append("\(Quantity.duration(.seconds(Double(total - done) / rate))) left")
            }
        }
        return line(label: label, parts: parts, width: width)
    }

    /// A label and what is said of it. Where that is too long, what stands before the end is left out: how far the work
    /// has got, at the beginning, and the time that is left, at the end, stay.
    static func line(label: String, parts: [String], width: Int) -> String {
        var parts = parts
        func text() -> String { "\(label): \(parts.joined(separator: ", "))" }
        while parts.count > 2, text().displayWidth > width { parts.remove(at: parts.count - 2) }
        return text()
    }
}

extension Console {
    /// Begins to show the progress of a piece of work.
    func progress(_ label: String, total: Int, unit: Progress.Unit) -> Progress {
        Progress(label, total: total, unit: unit, on: self)
    }
}
