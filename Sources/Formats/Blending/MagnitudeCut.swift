/// Which values of a long list are its largest, by magnitude: the list is read piece by piece, up to three times, and never
/// held. Of equal ones the first are kept.
struct MagnitudeCut: Sendable, Equatable {
    /// The bits of the least magnitude that is kept; magnitudes are ordered as these are.
    private(set) var least: UInt32 = 0
    /// Where those of just this magnitude are kept no more.
    private(set) var end = Int.max

    func keeps(_ value: Float, at index: Int) -> Bool {
        let bits = value.magnitude.bitPattern
        return bits > least || bits == least && index < end
    }

    /// The largest `count` values of a list.
    ///
    /// - Parameters:
    ///   - count: at least one, and no more than there are
    ///   - read: calls its body with all values in their order, piece by piece
    /// - Throws: what `read` throws.
    static func largest<Problem: Error>(
        _ count: Int, read: ((ArraySlice<Float>) -> Void) throws(Problem) -> Void
    ) throws(Problem) -> MagnitudeCut {
        let upper = try bucket(count, upper: nil, read: read)
        let lower = try bucket(upper.rest, upper: upper.place, read: read)
        var cut = MagnitudeCut(least: upper.place << 16 | lower.place)
        if lower.rest < lower.size {
            cut.end = try self.end(of: cut.least, after: lower.rest, read: read)
        }
        return cut
    }

    private init(least: UInt32) { self.least = least }

    /// The bucket of 65536 in which the `count`-th largest number lies, how many of its numbers are still to be taken, and
    /// how many it has.
    ///
    /// - Parameter upper: the upper half of those magnitudes whose lower halves are the numbers; nil where the upper halves
    ///   of all are
    private static func bucket<Problem: Error>(
        _ count: Int, upper: UInt32?,
        read: ((ArraySlice<Float>) -> Void) throws(Problem) -> Void
    ) throws(Problem) -> (place: UInt32, rest: Int, size: Int) {
        var sizes = [Int](repeating: 0, count: 1 << 16)
        try read { piece in
            for value in piece {
                let bits = value.magnitude.bitPattern
                if let upper {
                    if bits >> 16 == upper { sizes[Int(bits & 0xffff)] += 1 }
                } else {
                    sizes[Int(bits >> 16)] += 1
                }
            }
        }
        var rest = count
        for place in sizes.indices.reversed() {
            if rest <= sizes[place] { return (UInt32(place), rest, sizes[place]) }
            rest -= sizes[place]
        }
        return (0, rest, rest)
    }

    /// The index after the `count`-th value of a magnitude.
    private static func end<Problem: Error>(
        of least: UInt32, after count: Int,
        read: ((ArraySlice<Float>) -> Void) throws(Problem) -> Void
    ) throws(Problem) -> Int {
        var (index, found, end) = (0, 0, 0)
        try read { piece in
            for value in piece {
                index += 1
                guard found < count, value.magnitude.bitPattern == least else { continue }
                found += 1
                end = index
            }
        }
        return end
    }
}
