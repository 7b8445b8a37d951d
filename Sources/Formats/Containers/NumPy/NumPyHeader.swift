/// What stands before the elements of an array: NumPy's `.npy` format, versions 1.0 to 3.0
/// (https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html).
struct NumPyHeader: Equatable {
    /// What the elements are.
    enum Element: Equatable {
        case number(ElementType)
        /// Strings of so many UTF-32 units, zeros behind their ends.
        case text(units: Int)

        var byteCount: Int {
            switch self {
            case .number(let type): type.bitsPerBlock / 8
            case .text(let units): 4 * units
            }
        }
    }

    let element: Element
    let isFortranOrder: Bool
    let shape: [Int]

    static let magic: [UInt8] = [0x93] + Array("NUMPY".utf8)
    /// Far more than a type and a shape take.
    private static let limit = 1 << 16
    /// The data begin at a multiple of this, as NumPy has it.
    private static let alignment = 64

    init(element: Element, shape: [Int]) {
        self.element = element
        self.shape = shape
        isFortranOrder = false
    }

    // MARK: - Reading

    /// Reads the header at the beginning of an array.
    ///
    /// - Returns: with the header its length, the data's offset.
    static func read(
        _ bytes: UnsafeRawBufferPointer, name: String
    ) throws(NumPyError.Problem) -> (header: NumPyHeader, length: Int) {
        guard bytes.starts(with: magic), bytes.count >= 10 else { throw .notAnArray(name: name) }
        let (major, minor) = (Int(bytes[6]), Int(bytes[7]))
        guard (1...3).contains(major), minor == 0 else {
            throw .version(name: name, major: major, minor: minor)
        }
        let start = major == 1 ? 10 : 12
        guard bytes.count >= start else { throw .notAnArray(name: name) }
        let length = bytes[8..<start].reversed().reduce(0) { $0 << 8 | Int($1) }
        guard length <= limit else {
            throw .headerTooLong(name: name, length: length, limit: limit)
        }
        guard length <= bytes.count - start else {
            throw .headerBeyondFile(name: name, length: length, remaining: bytes.count - start)
        }
        var literal = NumPyLiteral(Array(bytes[start..<start + length]), name: name)
        return (try NumPyHeader(&literal, name: name), start + length)
    }

    private init(_ literal: inout NumPyLiteral, name: String) throws(NumPyError.Problem) {
        var (descr, order, shape): (String?, Bool?, [Int]?)
        try literal.expect("{")
        while !literal.take("}") {
            let key = try literal.text()
            try literal.expect(":")
            switch key {
            case "descr" where descr == nil: descr = try literal.descr()
            case "fortran_order" where order == nil: order = try literal.truth()
            case "shape" where shape == nil: shape = try literal.shape()
            default: throw .header(name: name, expected: "key \(key.quoted) is unknown or twice")
            }
            if !literal.take(",") {
                try literal.expect("}")
                break
            }
        }
        try literal.expectEnd()
        guard let descr, let order, let shape else {
            throw .header(name: name, expected: "descr, fortran_order or shape is missing")
        }
        element = try Self.element(descr, name: name)
        isFortranOrder = order
        self.shape = shape
    }

    private static func element(
        _ descr: String, name: String
    ) throws(NumPyError.Problem) -> Element {
        func refusal(_ reason: String) -> NumPyError.Problem {
            .elementType(name: name, descr: descr, reason: reason)
        }
        let kind = descr.dropFirst().prefix(1)
        if kind == "O" { throw refusal("objects are pickles of Python, which rtedit does not run") }
        guard let order = descr.first, let size = Int(descr.dropFirst(2)), size >= 0,
            size < 1 << 24, "<>|=".contains(order)
        else { throw refusal("it is none that rtedit reads") }
        if order == ">", size > 1 || kind == "U" {
            throw refusal("big-endian; store it little-endian, as by .astype('<f4')")
        }
        switch kind {
        case "U": return .text(units: size)
        case "V": throw refusal("raw bytes, as bfloat16 is stored; store it as float32")
        default:
            guard let type = types[kind + String(size)] else {
                throw refusal("it is none that rtedit reads; store it as float32")
            }
            return .number(type)
        }
    }

    private static let types: [String: ElementType] = [
        "f2": .f16, "f4": .f32, "f8": .f64, "i1": .i8, "i2": .i16, "i4": .i32, "i8": .i64,
        "u1": .u8, "u2": .u16, "u4": .u32, "u8": .u64, "b1": .bool,
    ]

    // MARK: - Writing

    /// The header of version 1.0 as NumPy writes it, up to the data.
    var bytes: [UInt8] {
        let descr =
            switch element {
            case .number(let type): Self.types.first { $0.value == type }.map { "<" + $0.key } ?? ""
            case .text(let units): "<U\(units)"
            }
        let sizes = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
        var text = "{'descr': '\(descr)', 'fortran_order': False, 'shape': (\(sizes)), }"
        let length = Self.magic.count + 4 + text.utf8.count + 1
        let rest = length % Self.alignment
        text += String(repeating: " ", count: rest == 0 ? 0 : Self.alignment - rest) + "\n"
        var bytes = Self.magic + [1, 0]
        bytes.appendBytes(of: UInt16(clamping: text.utf8.count))
        return bytes + text.utf8
    }
}

/// Reads the literals of Python that headers are made of.
private struct NumPyLiteral {
    private let bytes: [UInt8]
    private let name: String
    private var offset = 0

    init(_ bytes: [UInt8], name: String) {
        self.bytes = bytes
        self.name = name
    }

    private mutating func next() -> UInt8? {
        while offset < bytes.count, bytes[offset] == 0x20 || bytes[offset] == 0x0A { offset += 1 }
        return offset < bytes.count ? bytes[offset] : nil
    }

    private func wanted(_ what: String) -> NumPyError.Problem {
        .header(name: name, expected: "\(what) is wanted at byte \(offset)")
    }

    mutating func take(_ word: StaticString) -> Bool {
        let word = Array("\(word)".utf8)
        guard next() != nil, bytes[offset...].starts(with: word) else { return false }
        offset += word.count
        return true
    }

    mutating func expect(_ word: StaticString) throws(NumPyError.Problem) {
        guard take(word) else { throw wanted("'\(word)'") }
    }

    mutating func expectEnd() throws(NumPyError.Problem) {
        guard next() == nil else { throw wanted("the end") }
    }

    mutating func text() throws(NumPyError.Problem) -> String {
        guard let quote = next(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\""),
            let end = bytes[(offset + 1)...].firstIndex(of: quote)
        else { throw wanted("a string") }
        defer { offset = end + 1 }
        guard let text = String(validating: bytes[(offset + 1)..<end], as: UTF8.self) else {
            throw wanted("a string in UTF-8")
        }
        return text
    }

    /// A type's name; that of records is a list.
    mutating func descr() throws(NumPyError.Problem) -> String {
        if next() == UInt8(ascii: "[") {
            throw .elementType(
                name: name, descr: "[…]", reason: "records; store each field as an array")
        }
        return try text()
    }

    mutating func truth() throws(NumPyError.Problem) -> Bool {
        if take("True") { return true }
        try expect("False")
        return false
    }

    mutating func shape() throws(NumPyError.Problem) -> [Int] {
        try expect("(")
        var sizes: [Int] = []
        while !take(")") {
            _ = next()
            let digits = bytes[offset...].prefix { (0x30...0x39).contains($0) }
            guard let size = Int(String(decoding: digits, as: UTF8.self)) else {
                throw wanted("a size")
            }
            offset += digits.count
            sizes.append(size)
            if !take(",") {
                try expect(")")
                break
            }
        }
        return sizes
    }
}
