import Formats
import Foundation
import Transformer

/// A matrix of random elements of any type, with the values they stand for.
struct TestMatrix {
    let matrix: WeightMatrix
    /// (rows, columns), as they are stored
    let values: [Float]

    init(
        type: ElementType, rows: Int, columns: Int, seed: UInt64 = 3, isTransposed: Bool = false,
        factor: Float = 1
    ) throws {
        let elements = rows * columns
        let bytes = Self.randomElements(elements, type: type, seed: seed)
        var values = [Float](repeating: 0, count: elements)
        try bytes.withUnsafeBytes { source in
            try values.withUnsafeMutableBufferPointer {
                try Dequantizer.widen(source, type: type, into: $0)
            }
        }
        self.values = values.map { $0 * factor }
        let description = TensorDescription(name: "matrix", type: type, shape: [rows, columns])
        matrix = try WeightMatrix(
            tensor: StoredTensor(description: description, bytes: Self.mapped(bytes)),
            isTransposed: isTransposed, factor: factor)
    }

    /// Encoded random elements of ordinary size.
    static func randomElements(_ count: Int, type: ElementType, seed: UInt64) -> [UInt8] {
        var bytes = [UInt8](
            repeating: 0, count: count / type.elementsPerBlock * type.bitsPerBlock / 8)
        var random = SplitMix(seed: seed)
        for index in bytes.indices { bytes[index] = UInt8(truncatingIfNeeded: random.next()) }
        tameScales(of: type, in: &bytes)
        return bytes
    }

    /// Random bits make wild floats: scales become 2⁻⁸ to 2⁻⁷, plain floats 1 to 2.
    private static func tameScales(of type: ElementType, in bytes: inout [UInt8]) {
        let scale: UInt8 = 0x1C
        let offsets =
            switch type {
            case .q4_0, .q5_0, .q8_0, .q1_0, .q2_0, .iq4NL, .iq4XS, .iq2XXS, .iq2XS, .iq2S, .iq3XXS,
                .iq3S, .iq1S:
                [1]
            case .q4_1, .q5_1, .q4K, .q5K, .q8_1: [1, 3]
            case .tq1_0: [53]
            case .tq2_0: [65]
            case .q2K: [81, 83]
            case .q3K: [109]
            case .q6K: [209]
            default: [Int]()
            }
        for block in stride(from: 0, to: bytes.count, by: type.bitsPerBlock / 8) {
            for offset in offsets { bytes[block + offset] = scale | bytes[block + offset] & 0x83 }
            switch type {
            case .f64: bytes[block + 6...block + 7] = [bytes[block + 6] | 0xF0, 0x3F]
            case .f32: bytes[block + 2...block + 3] = [bytes[block + 2] | 0x80, 0x3F]
            case .f16: bytes[block + 1] = 0x3C | bytes[block + 1] & 0x83
            case .bf16: bytes[block...block + 1] = [bytes[block] | 0x80, 0x3F]
            case .f8E4M3, .f8E5M2: bytes[block] &= 0xBB
            case .q8K: bytes[block + 2...block + 3] = [bytes[block + 2], 0x3C]
            case .mxfp4: bytes[block] = 0x7F
            // Only the highest four bits of the scale are in one byte.
            case .iq1M: bytes[block + 55] = 0x20 | bytes[block + 55] & 0x0F
            default: break
            }
        }
    }

    func multiply(_ input: [Float], tokens: Int, crew: WorkCrew) -> [Float] {
        var output = [Float](repeating: .nan, count: tokens * matrix.rows)
        matrix.multiply(input, tokens: tokens, into: &output, crew: crew)
        return output
    }

    /// The largest error of a product, relative to the sum of the magnitudes of its terms.
    func largestError(of output: [Float], _ input: [Float], tokens: Int) -> Double {
        let (rows, columns) = (matrix.rows, matrix.columns)
        var largest = 0.0
        for token in 0..<tokens {
            for row in 0..<rows {
                var (sum, magnitude) = (0.0, 0.0)
                for column in 0..<columns {
                    let term =
                        Double(values[row * columns + column])
                        * Double(input[token * columns + column])
                    sum += term
                    magnitude += abs(term)
                }
                let error = abs(Double(output[token * rows + row]) - sum) / max(magnitude, 1e-30)
                largest = error > largest || error.isNaN ? error : largest
            }
        }
        return largest
    }

    /// Bytes as the map of a file that is unlinked again.
    static func mapped(_ bytes: [UInt8]) throws -> MappedBytes {
        let path = FileManager.default.temporaryDirectory.appending(path: "\(UUID()).bin")
        try Data(bytes).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        return try MappedFile(path: path.path).bytes
    }
}

/// Uniform in −1 to 1.
func randomFloats(_ count: Int, seed: UInt64) -> [Float] {
    var random = SplitMix(seed: seed)
    return (0..<count).map { _ in Float.random(in: -1...1, using: &random) }
}

/// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
struct SplitMix: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
