/// The type of a metadata value as users name it: `u32`, `string`, `f32[]`.
package struct MetadataType: Sendable, Hashable {
    /// The types of single values.
    enum Element: String, Sendable, CaseIterable {
        case u8, i8, u16, i16, u32, i32, u64, i64, f32, f64, bool, string

        /// What a value of it is, for errors.
        fileprivate var words: String {
            switch self {
            case .bool: "true or false"
            case .string: "a text"
            case .f32, .f64: "a number (\(rawValue))"
            default: "a whole number (\(rawValue))"
            }
        }
    }

    let element: Element
    let isArray: Bool

    init(_ element: Element, isArray: Bool = false) {
        self.element = element
        self.isArray = isArray
    }

    /// The type of a name; nil for a name of none.
    package init?(_ name: some StringProtocol) {
        isArray = name.hasSuffix("[]")
        guard let element = Element(rawValue: String(isArray ? name.dropLast(2) : name[...]))
        else { return nil }
        self.element = element
    }

    package var name: String { element.rawValue + (isArray ? "[]" : "") }

    /// The names of all types.
    package static let names = Element.allCases.map(\.rawValue) + ["TYPE[]"]

    /// What a value of it is, for errors.
    var words: String {
        isArray ? "a JSON array such as [\"a\",\"b\"] of type \(element.rawValue)" : element.words
    }

    /// Reads a value.
    ///
    /// - Returns: nil where the text is none of this type.
    func value(_ text: String) -> GGUFValue? {
        isArray ? Self.texts(text).flatMap { array($0) } : single(text)
    }

    private func single(_ text: String) -> GGUFValue? {
        switch element {
        case .u8: UInt8(text).map { .u8($0) }
        case .i8: Int8(text).map { .i8($0) }
        case .u16: UInt16(text).map { .u16($0) }
        case .i16: Int16(text).map { .i16($0) }
        case .u32: UInt32(text).map { .u32($0) }
        case .i32: Int32(text).map { .i32($0) }
        case .u64: UInt64(text).map { .u64($0) }
        case .i64: Int64(text).map { .i64($0) }
        case .f32: Self.float(text).map { .f32($0) }
        case .f64: Self.double(text).map { .f64($0) }
        case .bool: Bool(text).map { .bool($0) }
        case .string: .string(ByteString(text))
        }
    }

    private func array(_ texts: [String]) -> GGUFValue? {
        func all<Value>(_ read: (String) -> Value?) -> [Value]? {
            let values = texts.compactMap(read)
            return values.count == texts.count ? values : nil
        }
        let array: GGUFArray? =
            switch element {
            case .u8: all { UInt8($0) }.map { .u8($0) }
            case .i8: all { Int8($0) }.map { .i8($0) }
            case .u16: all { UInt16($0) }.map { .u16($0) }
            case .i16: all { Int16($0) }.map { .i16($0) }
            case .u32: all { UInt32($0) }.map { .u32($0) }
            case .i32: all { Int32($0) }.map { .i32($0) }
            case .u64: all { UInt64($0) }.map { .u64($0) }
            case .i64: all { Int64($0) }.map { .i64($0) }
            case .f32: all(Self.float).map { .f32($0) }
            case .f64: all(Self.double).map { .f64($0) }
            case .bool: all { Bool($0) }.map { .bool($0) }
            case .string: .strings(ByteStringList(texts))
            }
        return array.map { .array($0) }
    }

    private static func float(_ text: String) -> Float? {
        Float(text).flatMap { $0.isFinite ? $0 : nil }
    }

    private static func double(_ text: String) -> Double? {
        Double(text).flatMap { $0.isFinite ? $0 : nil }
    }

    /// The elements of a JSON array as texts; nil where it is none, or has others in it.
    private static func texts(_ text: String) -> [String]? {
        guard let elements = (try? JSONReader.parse(Array(text.utf8), source: ""))?.array else {
            return nil
        }
        let texts = elements.compactMap { element -> String? in
            switch element {
            case .string(let text): text
            case .integer(let number): String(number)
            case .number(let number): "\(number)"
            case .bool(let flag): "\(flag)"
            case .null, .array, .object: nil
            }
        }
        return texts.count == elements.count ? texts : nil
    }
}

extension MetadataType {
    /// The type of a value of a file.
    package init(of value: GGUFValue) {
        switch value {
        case .u8: self.init(.u8)
        case .i8: self.init(.i8)
        case .u16: self.init(.u16)
        case .i16: self.init(.i16)
        case .u32: self.init(.u32)
        case .i32: self.init(.i32)
        case .u64: self.init(.u64)
        case .i64: self.init(.i64)
        case .f32: self.init(.f32)
        case .f64: self.init(.f64)
        case .bool: self.init(.bool)
        case .string: self.init(.string)
        case .array(let array): self.init(Self.element(of: array), isArray: true)
        }
    }

    private static func element(of array: GGUFArray) -> Element {
        switch array {
        case .u8: .u8
        case .i8: .i8
        case .u16: .u16
        case .i16: .i16
        case .u32: .u32
        case .i32: .i32
        case .u64: .u64
        case .i64: .i64
        case .f32: .f32
        case .f64: .f64
        case .bool: .bool
        case .strings: .string
        }
    }
}
