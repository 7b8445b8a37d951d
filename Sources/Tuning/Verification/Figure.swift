package import Formats

/// What a verification found, as a tree of named figures: what its report says, and how far another measurement of the same
/// files may be from it.
package indirect enum Figure: Sendable {
    /// One member of an object.
    package struct Member: Sendable {
        let key: String
        let figure: Figure

        init(_ key: String, _ figure: Figure) {
            self.key = key
            self.figure = figure
        }
    }

    /// Verdicts, counts, names and texts: the same wherever they are found.
    case exact(JSONValue)
    /// A number, nil where there is none, and how far it may move where sums are taken in another order.
    case measured(Double?, within: Double)
    case object([Member])
    case list([Figure])

    /// The figures as a report has them.
    package var json: JSONValue {
        switch self {
        case .exact(let value): value
        case .measured(let number, _): number.map { .number($0) } ?? .null
        case .object(let members):
            .object(JSONObject(members.map { JSONObject.Member($0.key, $0.figure.json) }))
        case .list(let figures): .array(figures.map(\.json))
        }
    }

    /// How many figures there are.
    package var count: Int {
        switch self {
        case .exact, .measured: 1
        case .object(let members): members.reduce(0) { $0 + $1.figure.count }
        case .list(let figures): figures.reduce(0) { $0 + $1.count }
        }
    }
}

/// A figure that is not what it was.
package struct FigureDifference: Sendable, Equatable {
    /// Where it stands: `blocks[3].relative_error`.
    package let path: String
    package let earlier: String
    package let now: String
    /// How far it may be off; nil where it must be equal.
    package let allowed: Double?
}

extension Figure {
    /// Compares with the figures of an earlier report.
    ///
    /// - Parameters:
    ///   - earlier: as it was read
    ///   - exactly: whether numbers must have the same bits too, since both were computed in the same way
    /// - Returns: the figures that differ, in the order of the report.
    package func differences(
        from earlier: JSONValue?, exactly: Bool, at path: String = ""
    ) -> [FigureDifference] {
        guard let earlier else {
            return [difference("nothing", Self.text(json), at: path)]
        }
        switch self {
        case .exact(let value):
            let (old, new) = (Self.text(earlier), Self.text(value))
            return old.utf8.elementsEqual(new.utf8) ? [] : [difference(old, new, at: path)]
        case .measured(let number, let within):
            let allowed = exactly ? 0 : within
            guard !Self.isNear(number, earlier, within: allowed) else { return [] }
            return [difference(Self.text(earlier), Self.text(json), at: path, allowed)]
        case .object(let members):
            guard let object = earlier.object else {
                return [difference(Self.text(earlier), "an object", at: path)]
            }
            let keys = Set(members.map { ExactString($0.key) })
            let others = object.members.filter { !keys.contains(ExactString($0.key)) }
            return members.flatMap { member in
                member.figure.differences(
                    from: object[member.key], exactly: exactly,
                    at: path.isEmpty ? member.key : "\(path).\(member.key)")
            }
                + others.map { other in
                    difference(
                        Self.text(other.value), "nothing",
                        at: path.isEmpty ? other.key : "\(path).\(other.key)")
                }
        case .list(let figures):
            guard let array = earlier.array, array.count == figures.count else {
                let old = earlier.array.map { "\($0.count) items" } ?? Self.text(earlier)
                return [difference(old, "\(figures.count) items", at: path)]
            }
            return zip(figures, array).enumerated().flatMap { index, pair in
                pair.0.differences(from: pair.1, exactly: exactly, at: "\(path)[\(index)]")
            }
        }
    }

    private func difference(
        _ earlier: String, _ now: String, at path: String, _ allowed: Double? = nil
    ) -> FigureDifference {
        FigureDifference(path: path, earlier: earlier, now: now, allowed: allowed)
    }

    private static func text(_ value: JSONValue) -> String {
        JSONWriter(notFinite: .text).text(value)
    }

    /// Whether a number is where it was; one that is not finite is a text in a file.
    private static func isNear(_ number: Double?, _ earlier: JSONValue, within: Double) -> Bool {
        guard let number else { return earlier == .null }
        guard number.isFinite, let old = earlier.number else {
            return text(.number(number)) == text(earlier)
        }
        return number == old || abs(number - old) <= within
    }
}
