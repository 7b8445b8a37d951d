package import Formats
package import Transformer

/// Text that a fit is made on, chosen by and judged on: windows of tokens, of every eight the last but one for choosing, the
/// last for judging, the others for the fit.
package struct Calibration: Sendable {
    /// The text's file, for errors.
    package let file: String
    /// Windows of tokens, each with the token that begins texts where the model wants it: those for the fit, then those
    /// for choosing, then those for judging.
    let windows: [[Int]]
    /// Which windows serve what.
    let fit: Range<Int>
    let choice: Range<Int>
    let unseen: Range<Int>

    /// Tokens of a text that are used unless a call says otherwise.
    package static let standardTokens = 16_384
    /// Of a window; longer ones would see more of a model's context, fewer kinds of text.
    private static let longestWindow = 256
    private static let shortestWindow = 16
    private static let cycle = 8
    /// More characters than tokens of any language have, so that no more of a text is read.
    private static let charactersPerToken = 32

    /// Cuts the beginning of a text.
    ///
    /// - Parameters:
    ///   - tokenLimit: the most tokens of it.
    ///   - positionLimit: the model's context.
    /// - Throws: `CalibrationError.shortText`.
    package init(
        _ text: String, file: String, tokenizer: Tokenizer, tokenLimit: Int, positionLimit: Int
    ) throws(CalibrationError) {
        let (characters, isLarge) = tokenLimit.multipliedReportingOverflow(
            by: Self.charactersPerToken)
        let part = isLarge ? text : String(text.prefix(characters))
        let definition = tokenizer.definition
        try self.init(
            tokens: Array(tokenizer.encode(part, addSpecial: false).prefix(tokenLimit)),
            beginning: definition.addsBeginningOfText ? definition.beginningOfText : nil,
            file: file, positionLimit: positionLimit)
    }

    /// - Parameter beginning: the token that every window begins with; nil where there is none.
    /// - Throws: `CalibrationError.shortText`.
    package init(
        tokens: [Int], beginning: Int?, file: String, positionLimit: Int
    ) throws(CalibrationError) {
        self.file = file
        let head = beginning.map { [$0] } ?? []
        let longest = min(Self.longestWindow, positionLimit) - head.count
        let length = min(longest, tokens.count / (2 * Self.cycle))
        guard length >= Self.shortestWindow else {
            throw .shortText(
                file: file, tokens: tokens.count, least: 2 * Self.cycle * Self.shortestWindow,
                positions: positionLimit)
        }
        let all = stride(from: 0, through: tokens.count - length, by: length).map {
            head + tokens[$0..<$0 + length]
        }
        func windows(_ isWanted: (Int) -> Bool) -> [[Int]] {
            all.indices.filter { isWanted($0 % Self.cycle) }.map { all[$0] }
        }
        let parts = [
            windows { $0 < Self.cycle - 2 }, windows { $0 == Self.cycle - 2 },
            windows { $0 == Self.cycle - 1 },
        ]
        self.windows = parts.flatMap(\.self)
        fit = 0..<parts[0].count
        choice = fit.upperBound..<fit.upperBound + parts[1].count
        unseen = choice.upperBound..<self.windows.count
    }

    /// How many tokens serve each purpose.
    package var tokenCounts: (fit: Int, choice: Int, unseen: Int) {
        func count(_ range: Range<Int>) -> Int { windows[range].reduce(0) { $0 + $1.count } }
        return (count(fit), count(choice), count(unseen))
    }
}

/// A text that nothing can be fitted on.
package enum CalibrationError: Failure, Equatable {
    case shortText(file: String, tokens: Int, least: Int, positions: Int)

    package var kind: FailureKind { .input }

    package var description: String {
        switch self {
        case .shortText(let file, let tokens, let least, let positions):
            "\(file): has \(tokens) tokens in windows of at most \(positions) positions; a fit, its choice and its "
                + "judgement take at least \(least) tokens and windows of 17 positions"
        }
    }
}
