/// Puts things of known sizes together under a limit: tokens into passes, tensors into files.
package enum Packing {
    /// Neighbours that fit together: each group takes what comes next until the limit would be passed; a thing that is
    /// larger by itself is a group of its own.
    package static func groups(_ sizes: some Sequence<Int>, limit: Int) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var (start, end, total) = (0, 0, 0)
        for size in sizes {
            if end > start, total + size > limit {
                groups.append(start..<end)
                (start, total) = (end, 0)
            }
            total += size
            end += 1
        }
        if end > start { groups.append(start..<end) }
        return groups
    }

    /// The same, but a thing larger than the limit goes ahead alone and leaves the group that is open as it is, as
    /// huggingface_hub divides checkpoints.
    package static func groupsAroundLarge(_ sizes: [Int], limit: Int) -> [[Int]] {
        var groups: [[Int]] = []
        var open: [Int] = []
        var total = 0
        for (index, size) in sizes.enumerated() {
            if size > limit {
                groups.append([index])
                continue
            }
            if total + size > limit {
                groups.append(open)
                (open, total) = ([], 0)
            }
            open.append(index)
            total += size
        }
        return open.isEmpty ? groups : groups + [open]
    }

    /// Pieces of things that are cut where they are longer than the limit, all but the last of each as long as that.
    package static func pieces(_ sizes: [Int], limit: Int) -> [(index: Int, range: Range<Int>)] {
        sizes.enumerated().flatMap { index, size in
            stride(from: 0, to: size, by: limit).map { (index, $0..<min(size, $0 + limit)) }
        }
    }
}
