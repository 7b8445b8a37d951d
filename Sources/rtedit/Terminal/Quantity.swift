import Glibc

/// Numbers as people read them.
enum Quantity {
    /// A number with so many digits after the point: `fixed(0.12345, 3)` is "0.123".
    static func fixed(_ value: Double, _ digits: Int) -> String {
        let text = formatted("%.*f", Int32(clamping: digits), value)
        // What rounds to nothing has no sign.
        let isNothing = text.hasPrefix("-") && text.allSatisfy { "-0.".contains($0) }
        return isNothing ? String(text.dropFirst()) : text
    }

    /// A number with an exponent: `scientific(0.00012, 1)` is "1.2e-04".
    static func scientific(_ value: Double, _ digits: Int) -> String {
        formatted("%.*e", Int32(clamping: digits), value)
    }

    /// A share as a percentage: `percent(0.4217)` is "42.2 %".
    static func percent(_ share: Double) -> String { "\(fixed(share * 100, 1)) %" }

    /// The same for a lower bound: what is not all is never "100.0 %".
    static func percentRoundedDown(_ share: Double) -> String {
        "\(fixed((share * 1000).rounded(.down) / 10, 1)) %"
    }

    /// A number of bytes, in thousands: "812 B", "4.7 MB".
    static func bytes(_ count: Int) -> String { "\(scaled(Double(count)))B" }

    /// A number of things per second or in all, in thousands: "812 ", "4.7 M"; a unit follows.
    static func scaled(_ count: Double) -> String {
        let prefixes = ["", "k", "M", "G", "T", "P"]
        var value = count
        var step = 0
        while abs(value) >= 999.95, step < prefixes.count - 1 {
            value /= 1000
            step += 1
        }
        let digits = step == 0 && value == value.rounded() ? 0 : 1
        return "\(fixed(value, digits)) \(prefixes[step])"
    }

    /// Things and how many of them: "1 pair", "64 pairs".
    static func count(_ count: Int, _ thing: String) -> String {
        "\(count) \(thing)\(count == 1 ? "" : "s")"
    }

    /// A duration: "0.42 s", "12.3 s", "2:05 min", "1:02:05 h".
    static func duration(_ duration: Duration) -> String {
        let seconds =
            Double(duration.components.seconds) + Double(duration.components.attoseconds) * 1e-18
        if seconds < 9.995 { return "\(fixed(seconds, 2)) s" }
        if seconds < 59.95 { return "\(fixed(seconds, 1)) s" }
        let whole = Int(seconds.rounded())
        let rest = twoDigits(whole % 60)
        if whole < 3600 { return "\(whole / 60):\(rest) min" }
        return "\(whole / 3600):\(twoDigits(whole / 60 % 60)):\(rest) h"
    }

    /// Reads `4096`, `500MB`, `4GiB`; nil for anything else and for more than an `Int` holds.
    static func byteCount(from text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits),
            let unit = byteUnits[text.dropFirst(digits.count).uppercased()]
        else { return nil }
        let (bytes, overflows) = number.multipliedReportingOverflow(by: unit)
        return overflows ? nil : bytes
    }

    private static let byteUnits = [
        "": 1, "B": 1,
        "K": 1000, "KB": 1000, "KIB": 1 << 10,
        "M": 1_000_000, "MB": 1_000_000, "MIB": 1 << 20,
        "G": 1_000_000_000, "GB": 1_000_000_000, "GIB": 1 << 30,
        "T": 1_000_000_000_000, "TB": 1_000_000_000_000, "TIB": 1 << 40,
    ]

    private static func twoDigits(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }

    private static func formatted(_ format: String, _ arguments: any CVarArg...) -> String {
        // The longest double has 309 digits before the point.
        var buffer = [CChar](repeating: 0, count: 400)
        let length = withVaList(arguments) { vsnprintf(&buffer, buffer.count, format, $0) }
        let bytes = buffer.prefix(max(0, min(Int(length), buffer.count - 1)))
        return String(decoding: bytes.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
