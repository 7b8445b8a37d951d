import Testing
import Transformer

@Suite struct KernelFusedRowsTests {
    /// Two tokens, three parts of widths 4, 2 and 2, by hand.
    @Test func stackedPartsFollowEachOther() {
        let fused = (0..<16).map(Float.init)
        let parts = split(fused, [4, 2, 2], .stacked, tokens: 2)
        #expect(parts == [[0, 1, 2, 3, 8, 9, 10, 11], [4, 5, 12, 13], [6, 7, 14, 15]])
    }

    /// Two heads of two values each.
    @Test func headwisePartsAlternate() {
        let fused = (0..<12).map(Float.init)
        let parts = split(fused, [4, 4, 4], .headwise(heads: 2), tokens: 1)
        #expect(parts == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]])
    }

    static let cases: [(widths: [Int], layout: FusedLayout)] = [
        ([64, 16, 16], .stacked), ([7, 7], .stacked), ([1, 1, 1], .headwise(heads: 1)),
        ([93, 93, 93], .headwise(heads: 3)), ([31], .stacked), ([18, 18, 18], .headwise(heads: 9)),
    ]

    @Test(arguments: cases)
    func joiningIsTheInverseAndTheTransposedMap(widths: [Int], layout: FusedLayout) {
        for tokens in [0, 1, 9] {
            let count = tokens * widths.reduce(0, +)
            let fused = randomFloats(count, seed: 1)
            let parts = split(fused, widths, layout, tokens: tokens)
            let isEqual = join(parts, widths, layout, tokens: tokens) == fused
            #expect(isEqual)
            let changes = widths.map { randomFloats(tokens * $0, seed: 2) }
            let left = zip(parts, changes).reduce(0) { $0 + weightedSum($1.0, $1.1) }
            let right = weightedSum(fused, join(changes, widths, layout, tokens: tokens))
            #expect(abs(left - right) < 1e-9)
        }
    }

    private func split(
        _ fused: [Float], _ widths: [Int], _ layout: FusedLayout, tokens: Int
    ) -> [[Float]] {
        let parts = widths.map { FloatBuffer([Float](repeating: .nan, count: tokens * $0)) }
        splitRows(
            zip(parts, widths).map { ($0.floats, $1) }, fused: fused, layout: layout,
            tokens: tokens)
        return parts.map(\.values)
    }

    private func join(
        _ parts: [[Float]], _ widths: [Int], _ layout: FusedLayout, tokens: Int
    ) -> [Float] {
        var fused = [Float](repeating: .nan, count: tokens * widths.reduce(0, +))
        let buffers = parts.map { FloatBuffer($0) }
        withExtendedLifetime(buffers) {
            joinRows(
                &fused, parts: zip(buffers, widths).map { (UnsafePointer($0.floats), $1) },
                layout: layout, tokens: tokens)
        }
        return fused
    }
}
