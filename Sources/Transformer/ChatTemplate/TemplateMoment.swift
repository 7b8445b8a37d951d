import Glibc

/// The date and time that a chat template writes where it asks for the present ones.
package struct TemplateMoment: Sendable, Hashable, CustomStringConvertible {
    package let year: Int
    package let month: Int
    package let day: Int
    let hour: Int
    let minute: Int
    let second: Int

    /// The present moment where this computer stands.
    package static func now() -> TemplateMoment {
        var seconds = time(nil)
        var parts = tm()
        localtime_r(&seconds, &parts)
        return TemplateMoment(
            year: Int(parts.tm_year) + 1900, month: Int(parts.tm_mon) + 1, day: Int(parts.tm_mday),
            hour: Int(parts.tm_hour), minute: Int(parts.tm_min), second: Int(parts.tm_sec))
    }

    /// Midnight of a day written `2026-11-27`; nil where the text is no such day.
    package init?(day text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 3, parts.map(\.count) == [4, 2, 2],
            parts.joined().utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            ),
            let year = Int(parts[0]), let month = Int(parts[1]), let day = Int(parts[2]),
            year >= 1, (1...12).contains(month),
            (1...Self.days(of: month, in: year)).contains(day)
        else { return nil }
        self.init(year: year, month: month, day: day, hour: 0, minute: 0, second: 0)
    }

    private init(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
    }

    /// The day, as `init(day:)` reads it.
    package var description: String {
        "\(Self.padded(year, 4))-\(Self.padded(month))-\(Self.padded(day))"
    }

    // MARK: - Calendar

    private static func isLeap(_ year: Int) -> Bool {
        year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
    }

    private static func days(of month: Int, in year: Int) -> Int {
        switch month {
        case 2: isLeap(year) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private var dayOfYear: Int {
        (1..<month).reduce(day) { $0 + Self.days(of: $1, in: year) }
    }

    /// 0 is a Sunday.
    private var weekday: Int {
        let before = year - 1
        return (before * 365 + before / 4 - before / 100 + before / 400 + dayOfYear) % 7
    }

    private static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
    private static let weekdays = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    private static func padded(_ number: Int, _ width: Int = 2) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }

    // MARK: - Format

    /// The moment as Python's `strftime` writes it, in English.
    func formatted(_ format: Scalars) throws(JinjaFault) -> Scalars {
        var text: Scalars = []
        var rest = format[...]
        while let scalar = rest.popFirst() {
            guard scalar == "%" else {
                text.append(scalar)
                continue
            }
            guard var directive = rest.popFirst() else { throw .unsupported("a date format '%'") }
            let isBare = directive == "-"
            if isBare {
                guard let next = rest.popFirst() else { throw .unsupported("a date format '%-'") }
                directive = next
            }
            guard let part = part(directive, isBare: isBare) else {
                throw .unsupported("a date format '%\(isBare ? "-" : "")\(directive)'")
            }
            text += Scalars(part)
        }
        return text
    }

    private func part(_ directive: Unicode.Scalar, isBare: Bool) -> String? {
        func number(_ value: Int, _ width: Int = 2) -> String {
            isBare ? String(value) : Self.padded(value, width)
        }
        switch directive {
        case "d": return number(day)
        case "m": return number(month)
        case "H": return number(hour)
        case "I": return number(hour % 12 == 0 ? 12 : hour % 12)
        case "M": return number(minute)
        case "S": return number(second)
        case "y": return number(year % 100)
        case "j": return number(dayOfYear, 3)
        default: return isBare ? nil : words(directive)
        }
    }

    private func words(_ directive: Unicode.Scalar) -> String? {
        switch directive {
        case "Y": String(year)
        case "B": Self.months[month - 1]
        case "b", "h": String(Self.months[month - 1].prefix(3))
        case "A": Self.weekdays[weekday]
        case "a": String(Self.weekdays[weekday].prefix(3))
        case "e": day < 10 ? " \(day)" : String(day)
        case "p": hour < 12 ? "AM" : "PM"
        case "w": String(weekday)
        case "u": String(weekday == 0 ? 7 : weekday)
        case "F": description
        case "T": "\(Self.padded(hour)):\(Self.padded(minute)):\(Self.padded(second))"
        case "R": "\(Self.padded(hour)):\(Self.padded(minute))"
        case "D": "\(Self.padded(month))/\(Self.padded(day))/\(Self.padded(year % 100))"
        case "Z", "z": ""
        case "n": "\n"
        case "t": "\t"
        case "%": "%"
        default: nil
        }
    }
}
