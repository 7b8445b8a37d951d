import Formats
import Glibc
import Synchronization

/// Where a command's results, notes and errors go.
///
/// Results go to standard output: `print` and `write` for people, `report` for `--json`; each does nothing in the
/// other's case, so a command simply calls both. Everything else goes to standard error.
final class Console: Sendable {
    struct Settings: Sendable {
        var isQuiet = false
        var isVerbose = false
        var isJSON = false
        var hidesProgress = false
    }

    /// How a printed line looks on a terminal with colour.
    enum Style: Sendable { case plain, strong, good, bad, faint }

    let settings: Settings
    /// The member that every result has beside its own.
    private let record: (@Sendable (Console) -> JSONObject.Member)?
    /// The columns to lay text out for.
    let width: Int
    private let state = Mutex(State())

    private struct State {
        /// Results that are not written yet.
        var pending: [UInt8] = []
        /// Why standard output took no more.
        var failure: SystemReason?
        var showsProgress = false
    }

    /// - Parameter record: what every result of `--json` has beside its own members.
    init(
        _ settings: Settings = Settings(),
        record: (@Sendable (Console) -> JSONObject.Member)? = nil
    ) {
        self.settings = settings
        self.record = record
        width = StandardStream.width
        if canShowProgress {
            Interruption.whenEnding { [weak self] in self?.clearProgressIfFree() }
        }
    }

    // MARK: - Results

    /// Prints a line of the result; control characters but line ends and tabs are escaped. Nothing with `--json`.
    func print(_ line: String = "", style: Style = .plain) {
        let text = PrintableText.lines(line)
        putResult(Self.styled(text, style, on: .output) + "\n")
    }

    /// Prints a table, its header strong. Nothing with `--json`.
    func print(_ table: Table) {
        print(table.header, style: .strong)
        for line in table.body { print(line) }
    }

    /// Writes a piece of running text at once, as it is; on a terminal control characters are escaped.
    /// Nothing with `--json`.
    func write(_ text: String) {
        putResult(StandardStream.output.isTerminal ? PrintableText.lines(text) : text)
        flush()
    }

    /// Prints a result as one line of JSON with `--json`; otherwise nothing. Called once, but for each prompt of several
    /// where a command answers those. Numbers that are not
    /// finite are text: "nan", "inf", "-inf".
    ///
    /// - Parameter isRecorded: whether the call and its inputs stand beside, as they do but for errors.
    func report(_ result: @autoclosure () -> JSONObject, isRecorded: Bool = true) {
        guard settings.isJSON else { return }
        var object = result()
        if isRecorded, let member = record?(self) { object[member.key] = member.value }
        put(JSONWriter(notFinite: .text).text(.object(object)) + "\n")
    }

    private func putResult(_ text: String) {
        if !settings.isJSON { put(text) }
    }

    // MARK: - Notes and errors

    /// A note on standard error. Nothing with `--quiet`.
    func note(_ line: String) {
        if !settings.isQuiet { putNote(PrintableText.lines(line)) }
    }

    /// A note on standard error with `--verbose` only.
    func detail(_ line: String) {
        if settings.isVerbose { note(line) }
    }

    /// A warning on standard error, in one line. Nothing with `--quiet`.
    func warning(_ line: String) {
        if !settings.isQuiet { putNote("rtedit: warning: \(PrintableText.message(line))") }
    }

    /// A warning on standard error that --quiet does not hide: the output is of no use as it is.
    func alarm(_ line: String) {
        putNote("rtedit: warning: \(PrintableText.message(line))")
    }

    /// An error on standard error, in one line.
    func error(_ line: String) {
        let name = Self.styled("rtedit:", .bad, on: .error)
        putNote("\(name) \(PrintableText.message(line))")
    }

    private func putNote(_ line: String) {
        flush()
        state.withLock { state in
            Self.clearProgress(&state)
            // When standard error is gone there is nobody left to tell.
            _ = StandardStream.error.write(Array((line + "\n").utf8))
        }
    }

    private static func styled(_ text: String, _ style: Style, on stream: StandardStream) -> String
    {
        guard stream.hasColor else { return text }
        return switch style {
        case .plain: text
        case .strong: "\u{1B}[1m\(text)\u{1B}[0m"
        case .good: "\u{1B}[32m\(text)\u{1B}[0m"
        case .bad: "\u{1B}[1;31m\(text)\u{1B}[0m"
        case .faint: "\u{1B}[2m\(text)\u{1B}[0m"
        }
    }
}

// MARK: - Standard output

extension Console {
    /// Writes what is pending. If nobody reads standard output any more the program ends quietly.
    func flush() {
        let reason = state.withLock { state -> SystemReason? in
            guard !state.pending.isEmpty, state.failure == nil else { return nil }
            if StandardStream.output.isTerminal { Self.clearProgress(&state) }
            state.failure = StandardStream.output.write(state.pending)
            state.pending = []
            return state.failure
        }
        if reason?.code == EPIPE { Interruption.end(signal: SIGPIPE) }
    }

    /// Writes what is pending. Throws a `FileError` if any of the results could not be written.
    func finish() throws {
        flush()
        if let reason = state.withLock({ $0.failure }) {
            throw FileError.cannotWrite(path: "standard output", reason: reason)
        }
    }

    private func put(_ text: String) {
        let isFull = state.withLock { state in
            state.pending.append(contentsOf: text.utf8)
            return state.pending.count >= 1 << 16
        }
        if isFull || StandardStream.output.isTerminal { flush() }
    }
}

// MARK: - Progress

extension Console {
    /// Progress is for people at a terminal who have not asked for silence.
    var canShowProgress: Bool {
        StandardStream.error.isTerminal && !settings.isQuiet && !settings.hidesProgress
    }

    /// The columns of a progress line. The last column stays free: some terminals wrap when it is written.
    var progressWidth: Int { width - 1 }

    /// Shows a line in place of the last one. It is gone as soon as anything else is written.
    func showProgress(_ line: String) {
        guard canShowProgress else { return }
        let text = PrintableText.line(line).clipped(to: progressWidth)
        state.withLock { state in
            state.showsProgress = true
            _ = StandardStream.error.write(Array("\r\(text)\u{1B}[K".utf8))
        }
    }

    /// Takes the progress line away.
    func clearProgress() {
        state.withLock { Self.clearProgress(&$0) }
    }

    /// For the thread that ends the program while another may be writing.
    private func clearProgressIfFree() {
        _ = state.withLockIfAvailable { Self.clearProgress(&$0) }
    }

    private static func clearProgress(_ state: inout State) {
        guard state.showsProgress else { return }
        state.showsProgress = false
        _ = StandardStream.error.write(Array("\r\u{1B}[K".utf8))
    }
}
