import Formats
import TestSupport
import Testing

@testable import Transformer

/// A model whose projections are packed computes what it computes with the same weights plain.
@Suite struct PackedDecoderTests {
    @Test(arguments: PackedModel.Method.allCases, [1, 3, 9])
    func logitsAreThoseOfThePlainModel(method: PackedModel.Method, count: Int) throws {
        let folder = try TemporaryFolder()
        let (packed, plain) = try PackedModel.write(to: folder, method)
        let crew = WorkCrew(threads: 2)
        let tokens = (0..<count).map { ($0 * 7 + 3) % 70 }
        func logits(_ model: Checkpoint) throws -> [Float] {
            let decoder = try Decoder(checkpoint: model, crew: crew)
            return try #require(Trace(of: tokens, in: decoder)["logits"]).values
        }
        let (own, expected) = (try logits(packed), try logits(plain))
        let largest = expected.map(abs).max() ?? 0
        #expect(own.count == expected.count && largest > 0)
        for (left, right) in zip(own, expected) {
            #expect(abs(left - right) <= 1e-5 * largest)
        }
    }
}
