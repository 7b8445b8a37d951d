/// Sets of blocks as users write them: `12`, `10-17`, `8,10-12`; 0-based.
package enum BlockSet {
    /// More blocks than any model has; keeps a typing error from filling memory.
    private static let limit = 100_000

    /// The blocks a text names, ascending and each once, or nil where it names none or is malformed.
    package static func parse(_ text: some StringProtocol) -> [Int]? {
        var blocks: Set<Int> = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false)
            guard let first = ends.first.flatMap({ number($0) }), ends.count <= 2,
                let last = ends.count == 2 ? number(ends[1]) : first, first <= last
            else { return nil }
            blocks.formUnion(first...last)
        }
        return blocks.sorted()
    }

    private static func number(_ digits: some StringProtocol) -> Int? {
        guard !digits.isEmpty, digits.allSatisfy({ $0.isASCII && $0.isNumber }),
            let value = Int(digits),
            value < limit
        else { return nil }
        return value
    }

    /// The shortest text that names these blocks.
    package static func text(_ blocks: [Int]) -> String {
        var parts: [String] = []
        var run: ClosedRange<Int>?
        func close(_ run: ClosedRange<Int>) -> String {
            run.count == 1 ? "\(run.lowerBound)" : "\(run.lowerBound)-\(run.upperBound)"
        }
        for block in blocks.sorted() {
            if let current = run, block == current.upperBound + 1 {
                run = current.lowerBound...block
            } else {
                if let current = run { parts.append(close(current)) }
                run = block...block
            }
        }
        if let run { parts.append(close(run)) }
        return parts.isEmpty ? "none" : parts.joined(separator: ",")
    }
}
