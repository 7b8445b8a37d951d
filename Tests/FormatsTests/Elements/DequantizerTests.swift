import Foundation
import Testing

@testable import Formats

/// Widened values against those of ggml, gguf-py, numpy and torch: see `Fixtures/Quantization/make_quantization.py`.
@Suite struct QuantizationDequantizerTests {
    static let supported = ElementType.allCases.filter(Dequantizer.isSupported)

    @Test(arguments: supported) func widensToTheBitsOfTheReference(type: ElementType) throws {
        guard type != .f32 else { return }
        let encoded = try QuantizationFixture.bytes("\(type.name).bin")
        let expected = try QuantizationFixture.floats("\(type.name).f32")
        let widened = try widen(encoded, type, count: expected.count)
        for (index, (ours, theirs)) in zip(widened, expected).enumerated() {
            let agree = ours.bitPattern == theirs.bitPattern || (ours.isNaN && theirs.isNaN)
            #expect(agree, "element \(index): \(ours), expected \(theirs)")
        }
    }

    /// The integers that a block's description allows are those that blocks hold: `diff` rounds to them.
    @Test(arguments: supported.filter(\.isQuantized))
    func everyStoredValueIsOnItsGrid(type: ElementType) throws {
        let encoded = try QuantizationFixture.bytes("\(type.name).bin")
        let size = type.bitsPerBlock / 8
        var found: Set<Float> = []
        for start in stride(from: 0, to: encoded.count, by: size) {
            let block = Array(encoded[start..<start + size])
            let values = try widen(block, type, count: type.elementsPerBlock)
            guard values.allSatisfy(\.isFinite) else { continue }
            let grid = try #require(
                block.withUnsafeBytes { StoredGrid($0, type: type, values: values) },
                "\(type.name) has no grid")
            for (index, value) in values.enumerated() {
                let near = grid.nearest(to: value, at: index)
                let bound = max(grid.steps[index] / 1024, 2 * value.ulp)
                #expect(abs(near - value) <= bound, "element \(index)")
                found.insert(grid.steps[index])
            }
        }
        #expect(found.count > 1)
    }

    @Test func f32KeepsEveryBit() throws {
        let encoded = try QuantizationFixture.bytes("encode.f32")
        let widened = try widen(encoded, .f32, count: encoded.count / 4)
        let values = try QuantizationFixture.floats("encode.f32")
        #expect(widened.map(\.bitPattern) == values.map(\.bitPattern))
    }

    @Test(arguments: supported) func readsFromAnyAlignment(type: ElementType) throws {
        let encoded = try QuantizationFixture.bytes(
            type == .f32 ? "encode.f32" : "\(type.name).bin")
        let count = encoded.count * 8 / type.bitsPerBlock * type.elementsPerBlock
        let aligned = try widen(encoded, type, count: count)
        let shifted = try ([0] + encoded).withUnsafeBytes {
            try widen(UnsafeRawBufferPointer(rebasing: $0[1...]), type, count: count)
        }
        #expect(aligned.map(\.bitPattern) == shifted.map(\.bitPattern))
    }

    @Test(arguments: supported) func widensNothingFromNoBytes(type: ElementType) throws {
        #expect(try widen([], type, count: 0).isEmpty)
    }

    @Test func supportsThePlainTypesAndEveryBlockFormat() {
        let names = Self.supported.map(\.name)
        #expect(
            names == [
                "f64", "f32", "f16", "bf16", "i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8",
                "f8_e5m2", "f8_e4m3", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q8_1", "q2_k",
                "q3_k", "q4_k", "q5_k", "q6_k", "q8_k", "iq2_xxs", "iq2_xs", "iq3_xxs", "iq1_s",
                "iq4_nl", "iq3_s", "iq2_s", "iq4_xs", "iq1_m", "tq1_0", "tq2_0", "mxfp4", "nvfp4",
                "q1_0", "q2_0",
            ])
    }

    @Test func otherTypesAreRefusedByName() {
        for type in ElementType.allCases where !Dequantizer.isSupported(type) {
            #expect(throws: QuantizationError.unsupported(type: type)) {
                _ = try widen([UInt8](repeating: 0, count: 256), type, count: 256)
            }
        }
        #expect(
            "\(QuantizationError.unsupported(type: .f4))"
                == "arithmetic with elements of type f4 is not supported")
    }

    @Test(arguments: supported) func refusesBytesThatAreNotThoseOfTheElements(type: ElementType)
        throws
    {
        let elements = type.elementsPerBlock
        let bytes = type.bitsPerBlock / 8
        for (count, size) in [
            (elements, bytes - 1), (elements, bytes + 1), (2 * elements, bytes), (0, 1),
        ] {
            #expect(
                throws: QuantizationError.sizeMismatch(type: type, elements: count, bytes: size)
            ) {
                _ = try widen([UInt8](repeating: 0, count: size), type, count: count)
            }
        }
        if type.isQuantized {
            let error = QuantizationError.sizeMismatch(type: type, elements: 33, bytes: bytes)
            #expect(throws: error) {
                _ = try widen([UInt8](repeating: 0, count: bytes), type, count: 33)
            }
            #expect(
                "\(error)"
                    == "33 elements are no whole number of \(type.name) blocks of \(elements)")
        }
    }
}

enum QuantizationFixture {
    static func bytes(_ name: String) throws -> [UInt8] {
        let folder = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        return try [UInt8](Data(contentsOf: folder.appending(path: "Quantization/\(name)")))
    }

    static func floats(_ name: String) throws -> [Float] {
        try bytes(name).withUnsafeBytes { raw in
            (0..<raw.count / 4).map { raw.loadUnaligned(fromByteOffset: $0 * 4, as: Float.self) }
        }
    }
}

private func widen(_ bytes: [UInt8], _ type: ElementType, count: Int) throws -> [Float] {
    try bytes.withUnsafeBytes { try widen($0, type, count: count) }
}

private func widen(_ bytes: UnsafeRawBufferPointer, _ type: ElementType, count: Int) throws
    -> [Float]
{
    var output = [Float](repeating: 0, count: count)
    try output.withUnsafeMutableBufferPointer { try Dequantizer.widen(bytes, type: type, into: $0) }
    return output
}
