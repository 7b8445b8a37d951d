import Formats
import Foundation

extension TextNormalizer {
    /// The text after this step.
    ///
    /// - Parameter text: UTF-8
    func applied(to text: [UInt8]) -> [UInt8] {
        switch self {
        case .unicode(let form):
            // ASCII is normal in every form.
            guard text.contains(where: { $0 >= 0x80 }) else { return text }
            let string = String(decoding: text, as: UTF8.self)
            switch form {
            case .nfc: return Array(string.precomposedStringWithCanonicalMapping.utf8)
            case .nfd: return Array(string.decomposedStringWithCanonicalMapping.utf8)
            case .nfkc: return Array(string.precomposedStringWithCompatibilityMapping.utf8)
            case .nfkd: return Array(string.decomposedStringWithCompatibilityMapping.utf8)
            }
        case .lowercase:
            return scalars(text) { Array($0.properties.lowercaseMapping.utf8) }
        case .stripAccents:
            return scalars(text) { scalar in
                switch scalar.properties.generalCategory {
                case .nonspacingMark, .spacingMark, .enclosingMark: []
                default: Array(String(scalar).utf8)
                }
            }
        case .strip(let start, let end): return stripped(text, start: start, end: end)
        case .prepend(let prefix): return text.isEmpty ? text : Array(prefix.utf8) + text
        case .replace(let pattern, let content):
            return replaced(text, Array(pattern.utf8), with: Array(content.utf8))
        case .replaceSpaceRuns(let content):
            return spaceRuns(text) { $0 > 1 ? Array(content.utf8) : [0x20] }
        case .collapseSpaces:
            let inner = text.drop { $0 == 0x20 }
            let end = inner.lastIndex { $0 != 0x20 }.map { $0 + 1 } ?? inner.startIndex
            return spaceRuns(Array(inner[..<end])) { _ in [0x20] }
        case .characterMap(let map, .longest): return map.replacingLongest(in: text)
        case .characterMap(let map, .graphemes): return map.replacingGraphemes(in: text)
        }
    }

    private func scalars(_ text: [UInt8], _ map: (Unicode.Scalar) -> [UInt8]) -> [UInt8] {
        String(decoding: text, as: UTF8.self).unicodeScalars.flatMap(map)
    }

    private func stripped(_ text: [UInt8], start: Bool, end: Bool) -> [UInt8] {
        var scalars = String(decoding: text, as: UTF8.self).unicodeScalars[...]
        if start { scalars = scalars.drop { $0.properties.isWhitespace } }
        while end, let last = scalars.last, last.properties.isWhitespace { scalars.removeLast() }
        return Array(String(scalars).utf8)
    }

    private func replaced(_ text: [UInt8], _ pattern: [UInt8], with content: [UInt8]) -> [UInt8] {
        guard let first = pattern.first else { return text }
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var place = 0
        while place < text.count {
            if text[place] == first, text[place...].starts(with: pattern) {
                result += content
                place += pattern.count
            } else {
                result.append(text[place])
                place += 1
            }
        }
        return result
    }

    /// The text with every run of spaces replaced by what its length becomes.
    private func spaceRuns(_ text: [UInt8], _ map: (Int) -> [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count)
        var run = 0
        for byte in text {
            if byte == 0x20 {
                run += 1
                continue
            }
            if run > 0 { result += map(run) }
            run = 0
            result.append(byte)
        }
        if run > 0 { result += map(run) }
        return result
    }
}
