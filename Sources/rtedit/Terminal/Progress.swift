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
                label: label, done: state.done, total: total, unit: unit, elapsed: now - begin)
        }
        if let line { console.showProgress(line) }
    }

    /// The line's text: "baking: 42 %, 12.3 of 29.1 GB, 1.2 GB/s, 14.0 s left".
    static func line(label: String, done: Int, total: Int, unit: Unit, elapsed: Duration) -> String
    {
        let done = total > 0 ? min(done, total) : done
        let seconds = elapsed / .seconds(1)
        let rate = seconds > 0 ? Double(done) / seconds : 0
        let noun: String
        let amount: String
        switch unit {
        case .bytes:
            noun = "B"
            amount = "\(Quantity.bytes(done)) of \(Quantity.bytes(total))"
        case .things(let plural):
            noun = plural
            amount = "\(done) of \(total) \(plural)"
        }
        var parts = [amount, "\(Quantity.scaled(rate))\(noun)/s"]
        if total > 0 {
            parts.insert("\(Int(100 * Double(done) / Double(total))) %", at: 0)
            if rate > 0, done < total {
                parts.append("\(Quantity.duration(.seconds(Double(total - done) / rate))) left")
            }
        }
        return "\(label): \(parts.joined(separator: ", "))"
    }
}

extension Console {
    /// Begins to show the progress of a piece of work.
    func progress(_ label: String, total: Int, unit: Progress.Unit) -> Progress {
        Progress(label, total: total, unit: unit, on: self)
    }
}
