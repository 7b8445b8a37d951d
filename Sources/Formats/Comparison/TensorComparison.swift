import Glibc

/// Compares all tensors of two checkpoints, streaming: a few hundred kilobytes of each are widened at a time by every
/// thread, and pages are given back once they are read.
///
/// The work is cut into parts whose bounds depend on the tensors only, and their sums are added in order: the result is
/// the same for every number of threads.
package struct TensorComparison: Sendable {
    /// In the order of the first checkpoint, then what only the second has; experts one by one.
    package let tensors: [TensorDifference]
    /// Tensors that take no part in the model, or that the other format keeps elsewhere, with the reason.
    package let leftOut: [String]

    /// - Parameter advance: called from any thread with the number of values compared since.
    /// - Throws: `CheckpointError` where the formats differ and the models' numbers are unusable, or values cannot be
    ///   read.
    package init(
        _ a: Checkpoint, _ b: Checkpoint, crew: WorkCrew,
        advance: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws {
        let pairing = try TensorPairing(a, b)
        leftOut = pairing.leftOut
        let parts = pairing.matches.enumerated().flatMap { index, match in
            match.values.pair.map { ComparisonPart.parts(of: $0, number: index) } ?? []
        }
        let results = try crew.map(parts.count) { index in
            defer { advance(parts[index].elements.count) }
            return try parts[index].compare()
        }
        var outcomes: [Int: ComparisonPart.Outcome] = [:]
        for (part, result) in zip(parts, results) {
            outcomes[part.number, default: ComparisonPart.Outcome()].add(result)
        }
        var tensors = pairing.matches.enumerated().map { index, match in
            Self.difference(match.weight, match.values.pair, outcomes[index])
        }
        let resized = tensors.indices.filter { tensors[$0].status == .otherShape }
        let sums = resized.map { tensors[$0].sums }
        let growths = try crew.map(resized.count) { index in
            try Self.growth(pairing.matches[resized[index]].values, sums[index])
        }
        for (number, growth) in zip(resized, growths) { tensors[number].growth = growth }
        self.tensors = tensors
    }

    private static func growth(
        _ values: TensorPairing.Values, _ sums: DifferenceSums?
    ) throws(CheckpointError) -> TensorGrowth? {
        guard let a = values.a, let b = values.b else { return nil }
        return try TensorGrowth(a, b, isEqual: sums.map { $0.changed == 0 })
    }

    private static func difference(
        _ match: WeightMatching.Match, _ pair: TensorPair?, _ outcome: ComparisonPart.Outcome?
    ) -> TensorDifference {
        var difference = TensorDifference(
            role: match.role, a: match.a.map(TensorDifference.Stored.init),
            b: match.b.map(TensorDifference.Stored.init),
            status: status(match, pair, outcome), sums: outcome?.sums, pair: pair,
            tensors: (match.a, match.b), isTiedHead: match.isTiedHead)
        if let pair, let place = outcome?.sums?.largestPlace {
            difference.a?.placeOfLargest = pair.a.place(of: place, columns: pair.columns)
            difference.b?.placeOfLargest = pair.b.place(of: place, columns: pair.columns)
        }
        return difference
    }

    private static func status(
        _ match: WeightMatching.Match, _ pair: TensorPair?, _ outcome: ComparisonPart.Outcome?
    ) -> TensorDifference.Status {
        if match.b == nil { return .onlyInA }
        if match.a == nil { return .onlyInB }
        guard let pair, pair.hasOneShape || pair.ignoresPadding else {
            return .otherShape
        }
        // An empty tensor has no parts.
        guard let outcome else { return .identicalBytes }
        if outcome.hasEqualBytes { return .identicalBytes }
        guard let sums = outcome.sums else { return .unreadable }
        guard sums.changed == 0 else { return .changed }
        // Packed weights are compared as values; whether their parts are the same is seen afterwards.
        guard let a = match.a, let b = match.b, a.packed != nil, a.hasBytes(of: b) else {
            return .identicalValues
        }
        return .identicalBytes
    }
}

/// A stretch of a pair that one thread compares at a time.
struct ComparisonPart {
    struct Outcome {
        /// Nil where a type cannot be widened.
        var sums: DifferenceSums? = DifferenceSums()
        var hasEqualBytes = true

        mutating func add(_ next: Outcome) {
            if let more = next.sums { sums?.add(more) } else { sums = nil }
            hasEqualBytes = hasEqualBytes && next.hasEqualBytes
        }
    }

    /// The pair's place among the matches.
    let number: Int
    let pair: TensorPair
    let elements: Range<Int>

    /// Elements of a part: some hundred microseconds of work.
    private static let elementsPerPart = 1 << 18
    /// Elements widened at a time where rows need not be whole: both sides stay in the nearest caches.
    private static let elementsPerTile = 1 << 12
    /// A multiple of every type's block.
    private static let unit = 256

    /// Cuts a pair into parts of whole rows, or of whole blocks where rows need not be whole.
    static func parts(of pair: TensorPair, number: Int) -> [ComparisonPart] {
        guard pair.elementCount > 0 else { return [] }
        let wholeRows = pair.a.needsWholeRows || pair.b.needsWholeRows
        let unit = wholeRows ? pair.columns : Self.unit
        // A transpose is read in strides, which pay for long runs only.
        let isTransposed = pair.a.change.isTransposed || pair.b.change.isTransposed
        let length = max(1, elementsPerPart * (isTransposed ? 4 : 1) / unit) * unit
        return stride(from: 0, to: pair.elementCount, by: length).map { start in
            ComparisonPart(
                number: number, pair: pair,
                elements: start..<min(start + length, pair.elementCount))
        }
    }

    /// Compares the part.
    ///
    /// - Throws: `CheckpointError` where values cannot be read.
    func compare() throws(CheckpointError) -> Outcome {
        defer {
            pair.releasePages(
                rows: (elements.lowerBound / pair.columns)..<(elements.upperBound / pair.columns))
        }
        guard pair.a.isReadable, pair.b.isReadable else {
            return Outcome(sums: nil, hasEqualBytes: hasEqualBytes(elements))
        }
        let wholeRows = pair.a.needsWholeRows || pair.b.needsWholeRows
        let length = wholeRows ? elements.count : min(Self.elementsPerTile, elements.count)
        var a = [Float](repeating: 0, count: length)
        var b = a
        var outcome = Outcome()
        for start in stride(from: elements.lowerBound, to: elements.upperBound, by: length) {
            let tile = start..<min(start + length, elements.upperBound)
            try add(tile, to: &outcome, &a, &b)
        }
        return outcome
    }

    private func add(
        _ tile: Range<Int>, to outcome: inout Outcome, _ a: inout [Float], _ b: inout [Float]
    ) throws(CheckpointError) {
        try a.withUnsafeMutableBufferPointer { all throws(CheckpointError) in
            let left = UnsafeMutableBufferPointer(rebasing: all[..<tile.count])
            try pair.a.read(tile, columns: pair.columns, into: left)
            if hasEqualBytes(tile) {
                outcome.sums?.add(UnsafeBufferPointer(left), UnsafeBufferPointer(left), first: 0)
                return
            }
            outcome.hasEqualBytes = false
            try b.withUnsafeMutableBufferPointer { all throws(CheckpointError) in
                let right = UnsafeMutableBufferPointer(rebasing: all[..<tile.count])
                try pair.b.read(tile, columns: pair.columns, into: right)
                outcome.sums?.add(
                    UnsafeBufferPointer(left), UnsafeBufferPointer(right), first: tile.lowerBound)
            }
        }
    }

    /// Whether both sides hold the same type and the same bytes.
    private func hasEqualBytes(_ elements: Range<Int>) -> Bool {
        guard pair.a.tensor?.type == pair.b.tensor?.type,
            let a = pair.a.storedBytes(elements), let b = pair.b.storedBytes(elements)
        else { return false }
        return a.withUnsafeBytes { left in
            b.withUnsafeBytes { right in
                guard let first = left.baseAddress, let second = right.baseAddress else {
                    return left.count == right.count
                }
                return left.count == right.count && memcmp(first, second, left.count) == 0
            }
        }
    }
}
