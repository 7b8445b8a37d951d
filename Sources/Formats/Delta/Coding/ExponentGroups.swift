/// The residuals of floats, sorted by the exponent of the base's number.
///
/// A change of the same size is many units of a small number's last place, and none of a large one's: among numbers of one
/// exponent residuals have nearly the same distribution, so that each group takes fewer bits than all of them mixed. The
/// reader has the base, so the order costs nothing. Within a group the order is that of the tensor.
struct ExponentGroups<
    Word: FixedWidthInteger & UnsignedInteger & BitwiseCopyable & SendableMetatype
> {
    /// The groups of neighbouring exponents, as ranges of the sorted numbers; small ones are joined.
    let groups: [Range<Int>]
    private let base: UnsafePointer<UInt8>
    private let count: Int
    private let fractionBits: Word
    /// Where the numbers of each exponent begin, for each of the lanes.
    private let starts: [Int32]

    /// The input is walked through in this many places at once: with one, each counter would wait for itself.
    private static var lanes: Int { 4 }
    private static var keys: Int { 256 }
    /// What a group has at least, unless there is only one.
    static var smallestGroup: Int { 16384 }

    /// - Parameters:
    ///   - base: the base's numbers, which stay valid as long as the value is used.
    ///   - count: less than 2³¹.
    init(base: UnsafeRawPointer, count: Int, fractionBits: Int) {
        self.base = base.assumingMemoryBound(to: UInt8.self)
        self.count = count
        self.fractionBits = Word(truncatingIfNeeded: fractionBits)
        var counts = [Int32](repeating: 0, count: Self.lanes * Self.keys)
        let shift = self.fractionBits
        let length = count / Self.lanes
        counts.withUnsafeMutableBufferPointer { counts in
            for index in 0..<length {
                for lane in 0..<Self.lanes {
                    counts[Self.key(base, lane &* length &+ index, shift) &* 4 &+ lane] &+= 1
                }
            }
            for index in (length * Self.lanes)..<max(count, length * Self.lanes) {
                counts[Self.key(base, index, shift) &* 4 &+ 3] &+= 1
            }
        }
        var groups: [Range<Int>] = []
        var (begin, end) = (0, 0)
        for key in 0..<Self.keys {
            for place in (key * Self.lanes)..<((key + 1) * Self.lanes) {
                let own = Int(counts[place])
                counts[place] = Int32(truncatingIfNeeded: end)
                end += own
            }
            if end - begin >= Self.smallestGroup {
                groups.append(begin..<end)
                begin = end
            }
        }
        if begin < end { groups.append(begin..<end) }
        if let last = groups.last, groups.count > 1, last.count < Self.smallestGroup {
            groups.removeLast(2)
            groups.append((groups.last?.upperBound ?? 0)..<end)
        }
        self.groups = groups
        starts = counts
    }

    /// The exponent's lowest eight bits.
    @inline(__always)
    private static func key(_ base: UnsafeRawPointer, _ index: Int, _ shift: Word) -> Int {
        let word = base.loadUnaligned(
            fromByteOffset: index &* MemoryLayout<Word>.size, as: Word.self)
        return Int(truncatingIfNeeded: UInt8(truncatingIfNeeded: (word &<< 1) &>> (shift &+ 1)))
    }

    /// Sorts numbers.
    func sort(_ words: UnsafePointer<Word>, into sorted: UnsafeMutablePointer<Word>) {
        forEachPlace { index, place in sorted[place] = words[index] }
    }

    /// Puts sorted numbers back into the tensor's order.
    func unsort(_ sorted: UnsafePointer<Word>, into words: UnsafeMutablePointer<Word>) {
        forEachPlace { index, place in words[index] = sorted[place] }
    }

    /// Calls the body with each number's index and its place in the sorted order.
    @inline(__always)
    private func forEachPlace(_ body: (Int, Int) -> Void) {
        var next = starts
        let length = count / Self.lanes
        next.withUnsafeMutableBufferPointer { next in
            for index in 0..<length {
                for lane in 0..<Self.lanes {
                    let number = lane &* length &+ index
                    let counter = Self.key(base, number, fractionBits) &* 4 &+ lane
                    let place = next[counter]
                    next[counter] = place &+ 1
                    body(number, Int(place))
                }
            }
            for number in (length * Self.lanes)..<max(count, length * Self.lanes) {
                let counter = Self.key(base, number, fractionBits) &* 4 &+ 3
                body(number, Int(next[counter]))
                next[counter] &+= 1
            }
        }
    }
}
