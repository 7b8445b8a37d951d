import Formats

/// An object of a certificate, each key of which is asked for once: what is left at the end is unknown.
struct StrictObject {
    private let file: String
    /// Where the object stands: `base.files[0]`; empty for the whole file.
    private let place: String
    private var rest: JSONObject

    init(_ object: JSONObject, file: String, place: String = "") {
        self.file = file
        self.place = place
        rest = object
    }

    private func path(_ key: String) -> String { place.isEmpty ? key : "\(place).\(key)" }

    private mutating func take(_ key: String) throws(CertificateError) -> JSONValue {
        guard let value = rest[key] else { throw .missingKey(file: file, key: path(key)) }
        rest[key] = nil
        return value
    }

    private mutating func take<Value>(
        _ key: String, _ expected: String, _ read: (JSONValue) -> Value?
    ) throws(CertificateError) -> Value {
        guard let value = read(try take(key)) else {
            throw .wrongValue(file: file, key: path(key), expected: expected)
        }
        return value
    }

    /// The same, where null stands for none.
    private mutating func takeIfAny<Value>(
        _ key: String, _ expected: String, _ read: (JSONValue) -> Value?
    ) throws(CertificateError) -> Value? {
        let value = try take(key)
        guard value != .null else { return nil }
        guard let found = read(value) else {
            throw .wrongValue(file: file, key: path(key), expected: expected + " or null")
        }
        return found
    }

    /// A value of any kind, which is not looked at.
    mutating func pass(_ key: String) throws(CertificateError) { _ = try take(key) }

    mutating func text(_ key: String) throws(CertificateError) -> String {
        try take(key, "a text") { $0.string }
    }

    /// A text that a rule reads.
    mutating func text<Value>(
        _ key: String, _ expected: String, _ read: (String) -> Value?
    ) throws(CertificateError) -> Value {
        try take(key, expected) { $0.string.flatMap(read) }
    }

    mutating func textIfAny<Value>(
        _ key: String, _ expected: String, _ read: (String) -> Value?
    ) throws(CertificateError) -> Value? {
        try takeIfAny(key, expected) { $0.string.flatMap(read) }
    }

    mutating func flag(_ key: String) throws(CertificateError) -> Bool {
        try take(key, "true or false") { $0.bool }
    }

    mutating func integer(
        _ key: String, in range: ClosedRange<Int>
    ) throws(CertificateError) -> Int {
        try take(key, Self.words(range)) { $0.integer.flatMap { range.contains($0) ? $0 : nil } }
    }

    mutating func integerIfAny(
        _ key: String, in range: ClosedRange<Int>
    ) throws(CertificateError) -> Int? {
        try takeIfAny(key, Self.words(range)) {
            $0.integer.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    private static func words(_ range: ClosedRange<Int>) -> String {
        range.upperBound == .max
            ? "a number of at least \(range.lowerBound)"
            : "a number from \(range.lowerBound) to \(range.upperBound)"
    }

    mutating func numberIfAny(
        _ key: String, in range: ClosedRange<Double>
    ) throws(CertificateError) -> Double? {
        try takeIfAny(key, "a number from \(range.lowerBound) to \(range.upperBound)") {
            $0.number.flatMap { range.contains($0) ? $0 : nil }
        }
    }

    /// A finite number that f32 holds.
    mutating func float(_ key: String) throws(CertificateError) -> Float {
        try take(key, "a number of f32") { value in
            value.number.flatMap { number in
                let float = Float(number)
                return float.isFinite && Double(float) == number ? float : nil
            }
        }
    }

    /// 64 lower-case hexadecimal digits.
    mutating func digest(_ key: String) throws(CertificateError) -> String {
        try take(key, "a SHA-256 of 64 lower-case digits") { value in
            value.string.flatMap { text in
                let digits = "0123456789abcdef".utf8
                let isDigest = text.utf8.count == 64 && text.utf8.allSatisfy(digits.contains)
                return isDigest ? text : nil
            }
        }
    }

    /// An object as it is.
    mutating func members(_ key: String) throws(CertificateError) -> JSONObject {
        try take(key, "an object") { $0.object }
    }

    mutating func object(_ key: String) throws(CertificateError) -> StrictObject {
        StrictObject(try members(key), file: file, place: path(key))
    }

    mutating func objectIfAny(_ key: String) throws(CertificateError) -> StrictObject? {
        let object = try takeIfAny(key, "an object") { $0.object }
        return object.map { StrictObject($0, file: file, place: path(key)) }
    }

    mutating func objects(_ key: String) throws(CertificateError) -> [StrictObject] {
        let values = try take(key, "a list") { $0.array }
        var objects: [StrictObject] = []
        for (index, value) in values.enumerated() {
            guard let object = value.object else {
                throw .wrongValue(file: file, key: "\(path(key))[\(index)]", expected: "an object")
            }
            objects.append(
                StrictObject(object, file: file, place: "\(path(key))[\(index)]"))
        }
        return objects
    }

    /// To be called when all known keys were asked for.
    ///
    /// - Throws: `CertificateError.unknownKey` for the first other one.
    func end() throws(CertificateError) {
        if let other = rest.members.first { throw .unknownKey(file: file, key: path(other.key)) }
    }
}
