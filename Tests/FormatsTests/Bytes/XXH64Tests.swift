import Testing

@testable import Bytes
@testable import Formats

/// The expected values are the published ones for short texts, and for the others those of a direct transcription of the
/// specification, whose lower halves zstd's own checksum confirms.
@Suite struct XXH64Tests {
    @Test(
        arguments: [
            ([UInt8](), 0xef46_db37_51d8_e999),
            (Array("a".utf8), 0xd24e_c4f1_a98c_6e5b),
            (Array("abc".utf8), 0x44bc_2cf5_ad77_0999),
            (Array(0..<32), 0xcbf5_9c51_16ff_32b4),
            (Array(0..<37), 0xd93f_a2df_ee5c_24c9),
            (Array(0..<100), 0x6ac1_e580_3216_6597),
        ] as [([UInt8], UInt64)])
    func equalsTheSpecification(bytes: [UInt8], expected: UInt64) {
        #expect(bytes.withUnsafeBytes { XXH64.hash($0) } == expected)
    }
}
