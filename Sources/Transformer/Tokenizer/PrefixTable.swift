import Formats

/// Finds all entries of a table that a text begins with: the entries sorted by their bytes, narrowed byte by byte.
///
/// A search takes O(length of the longest entry found × log of the entries); the table holds no more than the bytes
/// themselves, and no text can be made to collide.
struct PrefixTable {
    private var bytes: [UInt8] = []
    private var ends: [Int] = [0]
    private var identifiers: [Int] = []
    /// The entries that begin with each byte.
    private var ranges = [Range<Int>](repeating: 0..<0, count: 256)

    /// - Parameter entries: texts that are not empty; of equal ones the first is found.
    init(_ entries: [(text: ArraySlice<UInt8>, id: Int)]) {
        // Most comparisons are decided by the first eight bytes, as one number.
        let keys = entries.map { entry in
            (0..<8).reduce(UInt64(0)) { key, place in
                key << 8
                    | (place < entry.text.count
                        ? UInt64(entry.text[entry.text.startIndex + place]) : 0)
            }
        }
        let order = entries.indices.sorted { left, right in
            guard keys[left] == keys[right] else { return keys[left] < keys[right] }
            let (first, second) = (entries[left].text, entries[right].text)
            if first.lexicographicallyPrecedes(second) { return true }
            return first.elementsEqual(second) && left < right
        }
        for place in order {
            let text = entries[place].text
            guard let first = text.first else { continue }
            if ranges[Int(first)].isEmpty {
                ranges[Int(first)] = identifiers.count..<identifiers.count
            }
            bytes += text
            ends.append(bytes.count)
            identifiers.append(entries[place].id)
            ranges[Int(first)] = ranges[Int(first)].lowerBound..<identifiers.count
        }
    }

    var isEmpty: Bool { identifiers.isEmpty }

    /// Calls `body` with the length and the id of each entry that the text from `start` on begins with, shortest first.
    func forEachPrefix(of text: [UInt8], from start: Int, _ body: (Int, Int) -> Void) {
        guard start < text.count else { return }
        var range = ranges[Int(text[start])]
        var depth = 1
        while !range.isEmpty {
            if length(range.lowerBound) == depth {
                body(depth, identifiers[range.lowerBound])
                var next = range.lowerBound
                while next < range.upperBound, length(next) == depth { next += 1 }
                range = next..<range.upperBound
            }
            guard start + depth < text.count else { return }
            range = narrowed(range, to: text[start + depth], at: depth)
            depth += 1
        }
    }

    /// The longest entry that the text from `start` on begins with.
    func longestPrefix(of text: [UInt8], from start: Int) -> (length: Int, id: Int)? {
        var longest: (Int, Int)?
        forEachPrefix(of: text, from: start) { longest = ($0, $1) }
        return longest
    }

    private func length(_ place: Int) -> Int { ends[place + 1] - ends[place] }

    /// The entries of a range, all longer than `depth`, that have a byte at this depth.
    private func narrowed(_ range: Range<Int>, to byte: UInt8, at depth: Int) -> Range<Int> {
        func first(where fits: (UInt8) -> Bool) -> Int {
            var (low, high) = (range.lowerBound, range.upperBound)
            while low < high {
                let middle = (low + high) / 2
                if fits(bytes[ends[middle] + depth]) { high = middle } else { low = middle + 1 }
            }
            return low
        }
        let lower = first { $0 >= byte }
        return lower..<max(lower, first { $0 > byte })
    }
}
