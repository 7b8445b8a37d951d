import Testing

@testable import Tuning

@Suite struct TypeComparisonTests {
    private func row(_ byteCount: Int, _ divergence: Double) -> TypeComparison.Row {
        TypeComparison.Row(
            name: "", byteCount: byteCount, bitsPerWeight: 0, relativeError: 0,
            divergence: divergence, interval: nil, topAgreement: 1, perplexity: 1)
    }

    @Test func theFrontIsWhatNoOtherBeatsInBoth() {
        let rows = [row(9, 0.1), row(8, 0.2), row(8, 0.3), row(9, 0.2), row(7, 0.2), row(10, 0.1)]
        #expect(TypeComparison.front(of: rows) == [true, false, false, false, true, false])
        #expect(TypeComparison.front(of: [row(1, 1), row(1, 1)]) == [true, true])
        #expect(TypeComparison.front(of: []) == [])
    }
}
