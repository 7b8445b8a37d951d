/// Reads JSON (RFC 8259) strictly.
///
/// Refused, each with its byte offset: text that is not UTF-8, duplicate keys (compared byte by byte), trailing
/// commas, comments, leading zeros, NaN and infinities, lone surrogates, text after the end, deep nesting.
/// Integers are exact where they fit 64 bits; other numbers become the nearest `Double`.
package enum JSONReader {
    /// The most bytes a file may have; its values take several times as much memory.
    package static let sizeLimit = 1 << 29
    /// How deep arrays and objects may nest.
    package static let depthLimit = 64

    /// Parses a whole text.
    ///
    /// - Parameters:
    ///   - bytes: the text
    ///   - source: the file's name, for errors
    /// - Returns: the value, members and numbers as written
    /// - Throws: `JSONError` for the first rule the text breaks.
    package static func parse(_ bytes: [UInt8], source: String) throws(JSONError) -> JSONValue {
        try parse(bytes.span, source: source)
    }

    /// Parses a whole mapped text, such as a file or its header, without copying it.
    ///
    /// - Parameter readsPython: whether `NaN`, `Infinity` and `-Infinity` are numbers, which Python writes.
    /// - Throws: `JSONError` for the first rule the text breaks.
    package static func parse(
        _ bytes: MappedBytes, source: String? = nil, readsPython: Bool = false
    ) throws(JSONError) -> JSONValue {
        guard bytes.count <= sizeLimit else {
            throw JSONError(
                source: source ?? bytes.file.path, offset: 0,
                problem: .tooLarge(bytes: bytes.count, limit: sizeLimit))
        }
        return try bytes.withUnsafeBytes { (buffer) throws(JSONError) in
            if buffer.starts(with: Array("version https://git-lfs".utf8)) {
                throw JSONError(
                    source: source ?? bytes.file.path, offset: 0, problem: .gitPointer)
            }
            return try parse(
                buffer.bindMemory(to: UInt8.self).span, source: source ?? bytes.file.path,
                readsPython: readsPython)
        }
    }

    /// Parses a whole text.
    ///
    /// - Throws: `JSONError` for the first rule the text breaks.
    package static func parse(
        _ bytes: Span<UInt8>, source: String, readsPython: Bool = false
    ) throws(JSONError) -> JSONValue {
        var parser = JSONParser(readsPython: readsPython)
        do throws(JSONError.Problem) {
            return try parser.document(bytes)
        } catch {
            throw JSONError(source: source, offset: parser.position, problem: error)
        }
    }
}

/// One pass over a text; `position` is where a thrown problem lies.
private struct JSONParser {
    private(set) var position = 0
    private let readsPython: Bool

    init(readsPython: Bool) { self.readsPython = readsPython }

    mutating func document(_ text: Span<UInt8>) throws(JSONError.Problem) -> JSONValue {
        skipSpace(text)
        let value = try value(text, depth: 0)
        skipSpace(text)
        guard position == text.count else { throw .textAfterEnd }
        return value
    }

    // MARK: - Values

    private mutating func value(_ text: Span<UInt8>, depth: Int) throws(JSONError.Problem)
        -> JSONValue
    {
        switch try peek(text, expected: "a value") {
        case UInt8(ascii: "{"): return .object(try object(text, depth: depth))
        case UInt8(ascii: "["): return .array(try array(text, depth: depth))
        case UInt8(ascii: "\""): return .string(try string(text))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number(text)
        case UInt8(ascii: "t"):
            try word("true", text)
            return .bool(true)
        case UInt8(ascii: "f"):
            try word("false", text)
            return .bool(false)
        case UInt8(ascii: "n"):
            try word("null", text)
            return .null
        case UInt8(ascii: "N") where readsPython:
            try word("NaN", text)
            return .number(.nan)
        case UInt8(ascii: "I") where readsPython:
            try word("Infinity", text)
            return .number(.infinity)
        case let byte: throw .unexpectedByte(byte, expected: "a value")
        }
    }

    private mutating func object(_ text: Span<UInt8>, depth: Int) throws(JSONError.Problem)
        -> JSONObject
    {
        guard depth < JSONReader.depthLimit else { throw .tooDeep(limit: JSONReader.depthLimit) }
        position += 1
        skipSpace(text)
        var members: [JSONObject.Member] = []
        if try peek(text, expected: "a key or '}'") == UInt8(ascii: "}") {
            position += 1
            return JSONObject()
        }
        var seen = KeySet()
        while true {
            let start = position
            let first = try peek(text, expected: "a key")
            guard first == UInt8(ascii: "\"") else {
                throw .unexpectedByte(first, expected: "a key")
            }
            let key = try string(text)
            guard seen.insert(key, among: members) else {
                position = start
                throw .duplicateKey(key)
            }
            skipSpace(text)
            let colon = try peek(text, expected: "':'")
            guard colon == UInt8(ascii: ":") else { throw .unexpectedByte(colon, expected: "':'") }
            position += 1
            skipSpace(text)
            members.append(JSONObject.Member(key, try value(text, depth: depth + 1)))
            if try endOfItems(UInt8(ascii: "}"), text) { return JSONObject(members) }
        }
    }

    private mutating func array(_ text: Span<UInt8>, depth: Int) throws(JSONError.Problem)
        -> [JSONValue]
    {
        guard depth < JSONReader.depthLimit else { throw .tooDeep(limit: JSONReader.depthLimit) }
        position += 1
        skipSpace(text)
        if try peek(text, expected: "a value or ']'") == UInt8(ascii: "]") {
            position += 1
            return []
        }
        var values: [JSONValue] = []
        while true {
            values.append(try value(text, depth: depth + 1))
            if try endOfItems(UInt8(ascii: "]"), text) { return values }
        }
    }

    /// Passes a comma and returns false, or passes the closing bracket and returns true.
    private mutating func endOfItems(
        _ bracket: UInt8, _ text: Span<UInt8>
    ) throws(JSONError.Problem) -> Bool {
        skipSpace(text)
        let expected = "',' or '\(Unicode.Scalar(bracket))'"
        let byte = try peek(text, expected: expected)
        guard byte == bracket || byte == UInt8(ascii: ",") else {
            throw .unexpectedByte(byte, expected: expected)
        }
        position += 1
        if byte == bracket { return true }
        skipSpace(text)
        return false
    }

    private mutating func word(_ word: StaticString, _ text: Span<UInt8>) throws(JSONError.Problem)
    {
        for expected in word.description.utf8 {
            let byte = try peek(text, expected: "'\(word)'")
            guard byte == expected else { throw .unexpectedByte(byte, expected: "'\(word)'") }
            position += 1
        }
    }

    // MARK: - Strings

    private mutating func string(_ text: Span<UInt8>) throws(JSONError.Problem) -> String {
        position += 1
        let start = position
        var hasEscapes = false
        while true {
            let byte = try peek(text, expected: "'\"'")
            if byte == UInt8(ascii: "\"") { break }
            if byte < 0x20 { throw .controlCharacter(byte) }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                position += 1
                _ = try peek(text, expected: "an escape sequence")
            }
            position += 1
        }
        let end = position
        let decoded: String
        switch String.decode(text.extracting(start..<end)) {
        case .success(let string): decoded = string
        case .failure(let invalid):
            position = start + invalid.offset
            throw .invalidUTF8
        }
        guard hasEscapes else {
            position = end + 1
            return decoded
        }
        position = start
        let unescaped = try unescape(text, upTo: end)
        position = end + 1
        return unescaped
    }

    /// Resolves the escapes between `position` and `end`, which hold valid UTF-8.
    private mutating func unescape(_ text: Span<UInt8>, upTo end: Int) throws(JSONError.Problem)
        -> String
    {
        var result: [UInt8] = []
        result.reserveCapacity(end - position)
        while position < end {
            let byte = text[position]
            guard byte == UInt8(ascii: "\\") else {
                result.append(byte)
                position += 1
                continue
            }
            let escape = text[position + 1]
            switch escape {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): result.append(escape)
            case UInt8(ascii: "b"): result.append(0x08)
            case UInt8(ascii: "f"): result.append(0x0c)
            case UInt8(ascii: "n"): result.append(0x0a)
            case UInt8(ascii: "r"): result.append(0x0d)
            case UInt8(ascii: "t"): result.append(0x09)
            case UInt8(ascii: "u"):
                result.append(contentsOf: Array(String(try scalar(text, upTo: end)).utf8))
                continue
            default: throw .invalidEscape
            }
            position += 2
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The scalar of a `\uXXXX`, or of two that are a surrogate pair.
    private mutating func scalar(
        _ text: Span<UInt8>, upTo end: Int
    ) throws(JSONError.Problem) -> Unicode.Scalar {
        let first = try codeUnit(text, at: position, upTo: end)
        if let scalar = Unicode.Scalar(first) {
            position += 6
            return scalar
        }
        guard UTF16.isLeadSurrogate(first), position + 7 < end,
            text[position + 6] == UInt8(ascii: "\\"), text[position + 7] == UInt8(ascii: "u")
        else { throw .loneSurrogate(first) }
        let second = try codeUnit(text, at: position + 6, upTo: end)
        guard UTF16.isTrailSurrogate(second) else { throw .loneSurrogate(first) }
        position += 12
        return UTF16.decode(UTF16.EncodedScalar([first, second]))
    }

    private func codeUnit(
        _ text: Span<UInt8>, at start: Int, upTo end: Int
    ) throws(JSONError.Problem) -> UInt16 {
        guard start + 6 <= end else { throw .invalidEscape }
        var unit: UInt16 = 0
        for index in start + 2..<start + 6 {
            guard let digit = Character(Unicode.Scalar(text[index])).hexDigitValue else {
                throw .invalidEscape
            }
            unit = unit << 4 | UInt16(digit)
        }
        return unit
    }

    // MARK: - Numbers

    private mutating func number(_ text: Span<UInt8>) throws(JSONError.Problem) -> JSONValue {
        let start = position
        let isNegative = text[position] == UInt8(ascii: "-")
        if isNegative { position += 1 }
        if isNegative, readsPython, try peek(text, expected: "a digit") == UInt8(ascii: "I") {
            try word("Infinity", text)
            return .number(-.infinity)
        }
        let digits = position
        try passDigits(text)
        if text[digits] == UInt8(ascii: "0"), position > digits + 1 {
            position = digits
            throw .leadingZero
        }
        var isInteger = true
        if position < text.count, text[position] == UInt8(ascii: ".") {
            isInteger = false
            position += 1
            try passDigits(text)
        }
        if position < text.count, text[position] | 0x20 == UInt8(ascii: "e") {
            isInteger = false
            position += 1
            let sign = try peek(text, expected: "an exponent")
            if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
            try passDigits(text)
        }
        // Minus zero is a number that no integer is.
        let isMinusZero = isNegative && text[digits] == UInt8(ascii: "0")
        if isInteger, !isMinusZero,
            let integer = Self.integer(text.extracting(digits..<position), isNegative: isNegative)
        {
            return .integer(integer)
        }
        var spelling = ""
        for index in start..<position {
            spelling.unicodeScalars.append(Unicode.Scalar(text[index]))
        }
        guard let number = Double(spelling), number.isFinite else {
            position = start
            throw .numberTooLarge
        }
        return .number(number)
    }

    private mutating func passDigits(_ text: Span<UInt8>) throws(JSONError.Problem) {
        let first = try peek(text, expected: "a digit")
        guard Self.isDigit(first) else { throw .unexpectedByte(first, expected: "a digit") }
        while position < text.count, Self.isDigit(text[position]) { position += 1 }
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    /// The integer with these digits, or nil where it does not fit 64 bits.
    private static func integer(_ digits: Span<UInt8>, isNegative: Bool) -> Int? {
        var result = 0
        for index in digits.indices {
            let digit = Int(digits[index] - UInt8(ascii: "0"))
            let (product, overflow) = result.multipliedReportingOverflow(by: 10)
            let (sum, carry) =
                isNegative
                ? product.subtractingReportingOverflow(digit)
                : product.addingReportingOverflow(digit)
            if overflow || carry { return nil }
            result = sum
        }
        return result
    }

    // MARK: - Bytes

    private func peek(_ text: Span<UInt8>, expected: @autoclosure () -> String) throws(JSONError
        .Problem)
        -> UInt8
    {
        guard position < text.count else { throw .unexpectedEnd(expected: expected()) }
        return text[position]
    }

    private mutating func skipSpace(_ text: Span<UInt8>) {
        while position < text.count {
            switch text[position] {
            case 0x20, 0x0a, 0x0d, 0x09: position += 1
            default: return
            }
        }
    }
}

/// The keys of one object: compared one by one while they are few, in a hash table when they are many.
///
/// The table holds indexes of members and is probed linearly; with the hashes kept, growing it is cheap, which a
/// vocabulary of 200,000 keys needs.
private struct KeySet {
    private static let fewKeys = 8
    /// The hash of each member's key, once there are many.
    private var hashes: [Int] = []
    /// Member indexes plus one; 0 is a free place. The count is a power of two.
    private var places: [Int] = []

    /// Adds the key of the next member; false where one of the members before has it already.
    mutating func insert(_ key: String, among members: [JSONObject.Member]) -> Bool {
        if members.count < Self.fewKeys {
            return !members.contains { ExactString($0.key) == ExactString(key) }
        }
        if members.count * 2 >= places.count { grow(members) }
        let hash = ExactString(key).hashValue
        var place = hash & (places.count - 1)
        while places[place] != 0 {
            let index = places[place] - 1
            if hashes[index] == hash, ExactString(members[index].key) == ExactString(key) {
                return false
            }
            place = (place + 1) & (places.count - 1)
        }
        hashes.append(hash)
        places[place] = hashes.count
        return true
    }

    private mutating func grow(_ members: [JSONObject.Member]) {
        if hashes.isEmpty { hashes = members.map { ExactString($0.key).hashValue } }
        places = Array(repeating: 0, count: max(4 * Self.fewKeys, places.count * 4))
        for (index, hash) in hashes.enumerated() {
            var place = hash & (places.count - 1)
            while places[place] != 0 { place = (place + 1) & (places.count - 1) }
            places[place] = index + 1
        }
    }
}
