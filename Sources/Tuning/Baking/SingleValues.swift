import Formats

/// The numbers that a type gives back unchanged, and their negatives, from rows that hold one number beside zeros.
///
/// A product of two of them can be chosen far closer to a number than the type rounds to: there are as many products as
/// pairs. Which numbers a quantised type keeps so is found out by its encoder, not known here.
struct SingleValues {
    private let type: ElementType
    /// By the power of two below them, ascending.
    private var octaves: [Int: [Float]] = [:]
    /// The lowest power of two above which the type keeps its whole precision.
    let lowestExponent: Int
    /// The highest power of two that is used: computing with larger numbers could leave f16.
    let highestExponent: Int

    /// How many numbers of an octave are tried.
    private static let candidates = 1024

    /// - Returns: nil where the type cannot be written.
    init?(_ type: ElementType) {
        guard RowEncoder.isSupported(type) else { return nil }
        self.type = type
        guard !Self.isWide(type) else {
            (lowestExponent, highestExponent) = (-100, 40)
            return
        }
        var lowest = 8
        while lowest > -24, let back = Self.roundTrip([1.37 * .power(lowest - 1)], as: type).first,
            let back, abs(back / (1.37 * .power(lowest - 1)) - 1) < 0x1p-10
        {
            lowest -= 1
        }
        (lowestExponent, highestExponent) = (lowest, 14)
    }

    /// Whether the type has the exponents of f32.
    private static func isWide(_ type: ElementType) -> Bool {
        type == .f32 || type == .f64 || type == .bf16
    }

    /// Whether the type keeps every number.
    private var isExact: Bool { type == .f32 || type == .f64 }

    /// The kept numbers from a power of two to below the next; of f32 only the power itself.
    mutating func octave(_ exponent: Int) -> [Float] {
        if isExact { return [.power(exponent)] }
        if let known = octaves[exponent] { return known }
        let numbers = (0..<Self.candidates).map {
            Float.power(exponent) * (1 + Float($0) / Float(Self.candidates))
        }
        let rounded = Set(Self.roundTrip(numbers, as: type).compactMap { $0 }).sorted()
            .filter { $0.isFinite && $0 > 0 && $0.exponent == exponent }
        let (same, negatives) = (
            Self.roundTrip(rounded, as: type), Self.roundTrip(rounded.map { -$0 }, as: type)
        )
        let kept = rounded.indices.filter {
            same[$0] == rounded[$0] && negatives[$0] == -rounded[$0]
        }.map { rounded[$0] }
        octaves[exponent] = kept
        return kept
    }

    /// The kept number nearest to a positive one; nil where none is near.
    mutating func nearest(to value: Float) -> Float? {
        guard value.isNormal, value > 0 else { return nil }
        if isExact { return value }
        let exponent = Int(value.exponent)
        let octave = octave(exponent)
        var (low, high) = (0, octave.count)
        while low < high {
            let middle = (low + high) / 2
            if octave[middle] < value { low = middle + 1 } else { high = middle }
        }
        let next = low < octave.count ? octave[low] : self.octave(exponent + 1).first
        let candidates = [low > 0 ? octave[low - 1] : nil, next].compactMap { $0 }
        return candidates.min { abs($0 - value) < abs($1 - value) }
    }

    /// Numbers as they come back, each from a block of its own that is else zeros; nil where zeros come back as something
    /// else or the type does not hold the number.
    ///
    /// - Parameter place: where in its block each stands.
    static func roundTrip(
        _ numbers: [Float], as type: ElementType, place: (Int) -> Int = { 17 * $0 }
    ) -> [Float?] {
        let width = type.elementsPerBlock
        var row = [Float](repeating: 0, count: numbers.count * width)
        for (index, number) in numbers.enumerated() {
            row[index * width + place(index) % width] = number
        }
        guard let stored = RowEncoder.roundTrip(row, as: type)?.values else {
            // One of them is too large.
            return numbers.count > 1
                ? numbers.enumerated().flatMap { index, number in
                    roundTrip([number], as: type) { _ in place(index) }
                } : numbers.map { _ in nil }
        }
        return numbers.indices.map { index in
            let block = stored[(index * width)..<((index + 1) * width)]
            let own = block.startIndex + place(index) % width
            let isClean = block.indices.allSatisfy { $0 == own || block[$0] == 0 }
            return isClean ? block[own] : nil
        }
    }
}

extension Float {
    /// 2 to a power.
    static func power(_ exponent: Int) -> Float {
        Float(sign: .plus, exponent: exponent, significand: 1)
    }
}
