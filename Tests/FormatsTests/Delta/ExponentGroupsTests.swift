import TestSupport
import Testing

@testable import Formats

@Suite struct ExponentGroupsTests {
    /// A stable sort by the exponent, as plainly as it can be said.
    private func sorted(_ words: [UInt16], by base: [UInt16], fractionBits: Int) -> [UInt16] {
        words.indices.sorted { left, right in
            let keys = [left, right].map { (base[$0] & 0x7FFF) >> UInt16(fractionBits) }
            return keys[0] == keys[1] ? left < right : keys[0] < keys[1]
        }.map { words[$0] }
    }

    @Test(arguments: [0, 1, 3, 4, 5, 1000, 70_003], [7, 10])
    func theOrderIsThatOfAStableSort(count: Int, fractionBits: Int) {
        var generator = SeededGenerator(seed: UInt64(count))
        let base = (0..<count).map { _ in UInt16.random(in: .min ... .max, using: &generator) }
        let words = (0..<count).map { UInt16(truncatingIfNeeded: $0) }
        var result = [UInt16](repeating: 0, count: count)
        var back = result
        base.withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress else { return }
            let groups = ExponentGroups<UInt16>(
                base: start, count: count, fractionBits: fractionBits)
            words.withUnsafeBufferPointer { words in
                result.withUnsafeMutableBufferPointer { result in
                    guard let from = words.baseAddress, let to = result.baseAddress else { return }
                    groups.sort(from, into: to)
                    back.withUnsafeMutableBufferPointer { back in
                        guard let target = back.baseAddress else { return }
                        groups.unsort(to, into: target)
                    }
                }
            }
            #expect(groups.groups.map(\.count).reduce(0, +) == count)
            #expect(groups.groups.first?.lowerBound ?? 0 == 0)
            #expect(
                zip(groups.groups, groups.groups.dropFirst()).allSatisfy {
                    $0.upperBound == $1.lowerBound
                })
            let smallest = groups.groups.map(\.count).min() ?? 0
            #expect(groups.groups.count < 2 || smallest >= ExponentGroups<UInt16>.smallestGroup)
        }
        #expect(result == sorted(words, by: base, fractionBits: fractionBits))
        #expect(back == words)
    }
}
