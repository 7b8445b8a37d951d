/// Undoes DEFLATE (RFC 1951), the compression of zip archives.
///
/// The size of the result is announced beforehand, and nothing is made beyond it. Codes are decoded a bit at a time:
/// what is read here are a few megabytes.
struct Inflation {
    /// What is wrong with compressed data; offsets are in its bytes.
    enum Problem: Error, Equatable {
        case truncated(size: Int)
        case reservedBlock(offset: Int)
        case storedLength(offset: Int, length: Int, complement: Int)
        case badCodeLengths(offset: Int)
        case badCode(offset: Int)
        case distanceBeforeStart(offset: Int, distance: Int, available: Int)
        case longer(announced: Int)
        case shorter(size: Int, announced: Int)
        case dataAfterEnd(end: Int, size: Int)
    }

    private let input: [UInt8]
    private let announced: Int
    private var output: [UInt8] = []
    /// The next byte of the input.
    private var offset = 0
    /// Bits of the byte before it that are not used yet, the next one lowest.
    private var bits: UInt32 = 0
    private var bitCount = 0

    /// The bytes that were compressed.
    ///
    /// - Parameter announced: how many they are; the caller has held it against `mostBytes`.
    /// - Throws: `Problem` for the first rule of the format that is broken, and where they are not as many.
    static func inflate(_ input: [UInt8], announced: Int) throws(Problem) -> [UInt8] {
        var inflation = Inflation(input: input, announced: announced)
        try inflation.run()
        return inflation.output
    }

    /// The most bytes that so many can stand for: a match of 258 bytes takes two bits at least.
    static func mostBytes(of compressed: Int) -> Int {
        let (bytes, overflow) = compressed.multipliedReportingOverflow(by: 258 * 4)
        return overflow ? Int.max : bytes
    }

    private init(input: [UInt8], announced: Int) {
        self.input = input
        self.announced = announced
        output.reserveCapacity(announced)
    }

    private mutating func run() throws(Problem) {
        var isLast = false
        while !isLast {
            isLast = try take(1) == 1
            switch try take(2) {
            case 0: try copyStored()
            case 1: try expand(Self.fixedLiterals, Self.fixedDistances)
            case 2:
                let (literals, distances) = try dynamicCodes()
                try expand(literals, distances)
            default: throw .reservedBlock(offset: offset)
            }
        }
        guard output.count == announced else {
            throw .shorter(size: output.count, announced: announced)
        }
        guard offset == input.count else { throw .dataAfterEnd(end: offset, size: input.count) }
    }

    // MARK: - Bits

    private mutating func take(_ count: Int) throws(Problem) -> Int {
        while bitCount < count {
            guard offset < input.count else { throw .truncated(size: input.count) }
            bits |= UInt32(input[offset]) << UInt32(bitCount)
            offset += 1
            bitCount += 8
        }
        let value = bits & ((1 << UInt32(count)) - 1)
        bits >>= UInt32(count)
        bitCount -= count
        return Int(value)
    }

    private mutating func append(_ byte: UInt8) throws(Problem) {
        guard output.count < announced else { throw .longer(announced: announced) }
        output.append(byte)
    }

    // MARK: - Blocks

    private mutating func copyStored() throws(Problem) {
        (bits, bitCount) = (0, 0)
        let start = offset
        let length = try take(16)
        let complement = try take(16)
        guard length == complement ^ 0xFFFF else {
            throw .storedLength(offset: start, length: length, complement: complement)
        }
        guard length <= input.count - offset else { throw .truncated(size: input.count) }
        guard length <= announced - output.count else { throw .longer(announced: announced) }
        output += input[offset..<offset + length]
        offset += length
    }

    private mutating func expand(_ literals: Code, _ distances: Code) throws(Problem) {
        while true {
            let symbol = try decode(literals)
            if symbol < 256 {
                try append(UInt8(symbol))
            } else if symbol == 256 {
                return
            } else {
                guard symbol - 257 < Self.lengths.count else { throw .badCode(offset: offset) }
                let length = Self.lengths[symbol - 257]
                let count = length.base + (try take(length.extra))
                try copy(count, distances)
            }
        }
    }

    private mutating func copy(_ count: Int, _ distances: Code) throws(Problem) {
        let symbol = try decode(distances)
        guard symbol < Self.distances.count else { throw .badCode(offset: offset) }
        let range = Self.distances[symbol]
        let distance = range.base + (try take(range.extra))
        guard distance <= output.count else {
            throw .distanceBeforeStart(
                offset: offset, distance: distance, available: output.count)
        }
        for _ in 0..<count { try append(output[output.count - distance]) }
    }

    // MARK: - Codes

    /// A canonical Huffman code.
    private struct Code {
        /// How many symbols have a code of so many bits.
        var counts = [Int](repeating: 0, count: 16)
        /// The symbols in the order of their codes.
        var symbols: [Int] = []

        /// - Returns: nil where more codes are asked for than there are, or fewer and not just one.
        init?(lengths: some Collection<Int>) {
            for length in lengths { counts[length] += 1 }
            let used = lengths.count - counts[0]
            counts[0] = 0
            var free = 1
            for length in 1...15 {
                free = 2 * free - counts[length]
                if free < 0 { return nil }
            }
            guard free == 0 || used == 0 || (used == 1 && counts[1] == 1) else { return nil }
            for length in 1...15 {
                symbols += lengths.enumerated().lazy.filter { $0.element == length }.map(\.offset)
            }
        }
    }

    private mutating func decode(_ code: Code) throws(Problem) -> Int {
        // The code read so far, the first of its length, and the place of that one's symbol.
        var (value, first, place) = (0, 0, 0)
        for length in 1...15 {
            value |= try take(1)
            let count = code.counts[length]
            if value - first < count { return code.symbols[place + value - first] }
            place += count
            first = (first + count) << 1
            value <<= 1
        }
        throw .badCode(offset: offset)
    }

    private mutating func dynamicCodes() throws(Problem) -> (literals: Code, distances: Code) {
        let literalCount = try take(5) + 257
        let distanceCount = try take(5) + 1
        let count = try take(4) + 4
        guard literalCount <= 286, distanceCount <= Self.distances.count else {
            throw .badCodeLengths(offset: offset)
        }
        var codeLengths = [Int](repeating: 0, count: Self.codeLengthOrder.count)
        for symbol in Self.codeLengthOrder.prefix(count) { codeLengths[symbol] = try take(3) }
        guard let code = Code(lengths: codeLengths) else {
            throw .badCodeLengths(offset: offset)
        }
        var lengths: [Int] = []
        while lengths.count < literalCount + distanceCount {
            switch try decode(code) {
            case let length where length < 16: lengths.append(length)
            case 16:
                guard let last = lengths.last else { throw .badCodeLengths(offset: offset) }
                lengths += Array(repeating: last, count: try take(2) + 3)
            case 17: lengths += Array(repeating: 0, count: try take(3) + 3)
            default: lengths += Array(repeating: 0, count: try take(7) + 11)
            }
        }
        // A block that could not end is none.
        guard lengths.count == literalCount + distanceCount, lengths[256] > 0,
            let literals = Code(lengths: lengths[..<literalCount]),
            let distances = Code(lengths: lengths[literalCount...])
        else { throw .badCodeLengths(offset: offset) }
        return (literals, distances)
    }

    // MARK: - Tables

    private static let codeLengthOrder = [
        16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15,
    ]

    private static let fixedLiterals = fixed(
        (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
    private static let fixedDistances = fixed([Int](repeating: 5, count: 32))

    private static func fixed(_ lengths: [Int]) -> Code {
        guard let code = Code(lengths: lengths) else {
            preconditionFailure("the fixed codes are complete")
        }
        return code
    }

    /// Of the symbols from 257 on: the shortest match, and how many bits are added to it.
    private static let lengths: [(base: Int, extra: Int)] =
        ranges(
            first: 3, extra: (0..<28).map { $0 < 8 ? 0 : $0 / 4 - 1 }) + [(258, 0)]

    private static let distances = ranges(first: 1, extra: (0..<30).map { $0 < 4 ? 0 : $0 / 2 - 1 })

    private static func ranges(first: Int, extra: [Int]) -> [(base: Int, extra: Int)] {
        var base = first
        return extra.map { extra in
            defer { base += 1 << extra }
            return (base, extra)
        }
    }
}
