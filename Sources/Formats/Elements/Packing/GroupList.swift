package import Bytes

/// Which group each input of a matrix belongs to, where a list of the file says so. It stays in the file.
package struct GroupList: Sendable {
    private let bytes: MappedBytes
    private let groupCount: Int
    /// Whether the groups are stretches of one length, one after the other.
    package let isOrdered: Bool
    /// The first input whose group is beyond the last, and that group; nil where there is none.
    package let stray: (input: Int, group: Int)?

    /// Looks at all groups.
    ///
    /// - Parameters:
    ///   - bytes: a number in i32 for each input
    ///   - groupCount: how many groups there are, at least one
    ///   - groupSize: the length of the stretches, if they are such
    package init(_ bytes: MappedBytes, groupCount: Int, groupSize: Int) {
        self.bytes = bytes
        self.groupCount = groupCount
        var isOrdered = true
        var stray: (input: Int, group: Int)?
        bytes.withUnsafeBytes { bytes in
            for input in 0..<(bytes.count / 4) {
                let group = Int(
                    bytes.loadUnaligned(fromByteOffset: input * 4, as: Int32.self))
                if group != input / groupSize { isOrdered = false }
                if !(0..<groupCount).contains(group) {
                    stray = (input, group)
                    break
                }
            }
        }
        self.isOrdered = isOrdered
        self.stray = stray
        bytes.releaseSurroundings()
    }

    /// Calls the body with each of so many inputs and its group.
    @inline(__always)
    func forEach(_ inputs: Range<Int>, _ body: (_ input: Int, _ group: Int) -> Void) {
        bytes.withUnsafeBytes { bytes in
            for input in inputs {
                let group = Int(
                    bytes.loadUnaligned(fromByteOffset: input * 4, as: Int32.self))
                // A file that changes under our hands must not lead out of the grid.
                body(input, min(max(group, 0), groupCount - 1))
            }
        }
    }
}

extension MappedBytes {
    /// Gives the pages of these bytes back to the system, and those around them, which it maps along with a few bytes that
    /// are read.
    package func releaseSurroundings() {
        let reach = 1 << 17
        file.release((range.lowerBound - reach)..<(range.upperBound + reach))
    }
}
