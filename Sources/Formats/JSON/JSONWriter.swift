/// Writes JSON: the same value always gives the same bytes.
///
/// Members stay in their order unless `sortsKeys`. Numbers are the shortest text that reads back as the same
/// `Double`, spelled as Python's `json` does (`0.1`, `1e-05`, `10000.0`). Only what must be escaped is escaped.
/// JSON has no form for numbers that are not finite: see `NotFinite`.
package struct JSONWriter: Sendable {
    /// Where lines are broken.
    package enum Layout: Sendable {
        /// No spaces at all.
        case compact
        /// One item per line, indented by two spaces for each level.
        case indented
    }

    /// What becomes of a number that is not finite.
    package enum NotFinite: Sendable {
        /// `null`, as in ECMAScript.
        case null
        /// The text `"nan"`, `"inf"` or `"-inf"`.
        case text
        /// `NaN`, `Infinity` or `-Infinity`, as Python writes it, which is no JSON.
        case python

        fileprivate func spelling(of value: Double) -> String {
            switch self {
            case .null: "null"
            case .text: "\"\(value)\""
            case .python: value.isNaN ? "NaN" : value < 0 ? "-Infinity" : "Infinity"
            }
        }
    }

    private let layout: Layout
    private let sortsKeys: Bool
    private let notFinite: NotFinite

    package init(
        _ layout: Layout = .compact, sortsKeys: Bool = false, notFinite: NotFinite = .null
    ) {
        self.layout = layout
        self.sortsKeys = sortsKeys
        self.notFinite = notFinite
    }

    /// The value as text, without a line feed at its end.
    package func bytes(_ value: JSONValue) -> [UInt8] {
        var output: [UInt8] = []
        write(value, depth: 0, to: &output)
        return output
    }

    /// The value as text, without a line feed at its end.
    package func text(_ value: JSONValue) -> String {
        String(decoding: bytes(value), as: UTF8.self)
    }

    private func write(_ value: JSONValue, depth: Int, to output: inout [UInt8]) {
        switch value {
        case .null: output.append(contentsOf: "null".utf8)
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .integer(let value): output.append(contentsOf: String(value).utf8)
        case .number(let value):
            let text = value.isFinite ? value.description : notFinite.spelling(of: value)
            output.append(contentsOf: text.utf8)
        case .string(let value): writeString(value, to: &output)
        case .array(let values):
            writeItems(values, between: "[]", depth: depth, to: &output) { value, output in
                write(value, depth: depth + 1, to: &output)
            }
        case .object(let object):
            let members = sortsKeys ? Self.sorted(object.members) : object.members
            writeItems(members, between: "{}", depth: depth, to: &output) { member, output in
                writeString(member.key, to: &output)
                output.append(contentsOf: (layout == .compact ? ":" : ": ").utf8)
                write(member.value, depth: depth + 1, to: &output)
            }
        }
    }

    private func writeItems<Item>(
        _ items: [Item], between brackets: StaticString, depth: Int, to output: inout [UInt8],
        _ body: (Item, inout [UInt8]) -> Void
    ) {
        let brackets = Array(brackets.description.utf8)
        output.append(brackets[0])
        for (index, item) in items.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            breakLine(depth: depth + 1, in: &output)
            body(item, &output)
        }
        if !items.isEmpty { breakLine(depth: depth, in: &output) }
        output.append(brackets[1])
    }

    private func breakLine(depth: Int, in output: inout [UInt8]) {
        guard layout == .indented else { return }
        output.append(UInt8(ascii: "\n"))
        output.append(contentsOf: repeatElement(UInt8(ascii: " "), count: 2 * depth))
    }

    private func writeString(_ string: String, to output: inout [UInt8]) {
        output.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                output.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x08: output.append(contentsOf: "\\b".utf8)
            case 0x09: output.append(contentsOf: "\\t".utf8)
            case 0x0a: output.append(contentsOf: "\\n".utf8)
            case 0x0c: output.append(contentsOf: "\\f".utf8)
            case 0x0d: output.append(contentsOf: "\\r".utf8)
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                output.append(contentsOf: "\\u00\(byte < 16 ? "0" : "")\(digits)".utf8)
            default: output.append(byte)
            }
        }
        output.append(UInt8(ascii: "\""))
    }

    /// Ordered by the bytes of their keys; members with the same key keep their order.
    private static func sorted(_ members: [JSONObject.Member]) -> [JSONObject.Member] {
        members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }
}
