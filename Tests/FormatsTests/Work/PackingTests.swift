import Formats
import Testing

struct PackingTests {
    @Test(arguments: [
        ([Int](), [Range<Int>]()), ([1], [0..<1]), ([9], [0..<1]), ([2, 2, 2], [0..<2, 2..<3]),
        ([4, 1], [0..<1, 1..<2]), ([9, 9], [0..<1, 1..<2]), ([1, 9, 1], [0..<1, 1..<2, 2..<3]),
        ([0, 0, 4, 0], [0..<4]),
    ])
    func neighboursThatFitGoTogether(sizes: [Int], groups: [Range<Int>]) {
        #expect(Packing.groups(sizes, limit: 4) == groups)
    }

    @Test func aLargeThingLeavesTheOpenGroupOpen() {
        #expect(Packing.groupsAroundLarge([1, 9, 2, 3], limit: 4) == [[1], [0, 2], [3]])
        #expect(Packing.groupsAroundLarge([], limit: 4).isEmpty)
    }

    @Test func piecesFillTheLimitButTheLast() {
        let pieces = Packing.pieces([5, 0, 4], limit: 4)
        #expect(pieces.map(\.index) == [0, 0, 2])
        #expect(pieces.map(\.range) == [0..<4, 4..<5, 0..<4])
    }
}
