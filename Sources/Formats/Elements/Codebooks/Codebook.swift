import Bytes

/// A list of short vectors, each element one of a few levels: a block stores a vector's place in place of its elements.
///
/// The list is in ascending order of the vectors read as numbers, the first element being the lowest digit, so that the
/// set of them says it all.
struct Codebook: Sendable {
    /// How many levels an element has.
    let levels: Int
    /// The elements of a vector.
    let dimension: Int
    /// The vectors as numbers: digits of base `levels`, lowest first.
    let numbers: [UInt16]

    /// - Parameter set: six bits in each character (base64's alphabet, lowest first), bit n saying whether number n is in
    ///   the set; white space does not count
    init(levels: Int, dimension: Int, set: StaticString) {
        self.levels = levels
        self.dimension = dimension
        var numbers: [UInt16] = []
        set.withUTF8Buffer { characters in
            for (place, bits) in characters.lazy.compactMap(Self.sixBits).enumerated() {
                for bit in 0..<6 where bits >> bit & 1 != 0 {
                    numbers.append(UInt16(place * 6 + bit))
                }
            }
        }
        self.numbers = numbers
    }

    /// How many vectors there could be.
    var pointCount: Int { (0..<dimension).reduce(1) { count, _ in count * levels } }

    private static func sixBits(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }

    /// The levels of a vector's elements, from 0 on.
    func digits(of number: UInt16) -> [Int] {
        var rest = Int(number)
        return (0..<dimension).map { _ in
            defer { rest /= levels }
            return rest % levels
        }
    }

    /// The vectors as words of a byte for each element, in memory that is never freed.
    ///
    /// - Parameter values: what each level stands for, in two's complement
    func table<Word: FixedWidthInteger & BitwiseCopyable>(
        _ values: [Int], of: Word.Type
    ) -> Shared<UnsafePointer<Word>> {
        .permanent(
            numbers.map { number in
                digits(of: number).reversed().reduce(0) { word, digit in
                    word << 8 | Word(UInt8(truncatingIfNeeded: values[digit]))
                }
            })
    }
}
