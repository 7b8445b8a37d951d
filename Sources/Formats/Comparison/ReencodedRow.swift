/// A row of a tensor beside what encoding the other side's row gives.
struct ReencodedRow {
    let number: Int
    /// What was encoded.
    let source: [Float]
    /// What the other file holds.
    let encoded: [Float]
    /// What the encoder gives.
    let expected: [Float]

    private let type: ElementType
    private let sourceType: ElementType
    private let sourceBytes: MappedBytes?
    private let encodedBytes: MappedBytes?
    private let expectedBytes: [UInt8]

    /// - Parameters:
    ///   - type: of the encoding; where the source has the same, its values are taken as they are
    ///   - sourceBytes: the rows as they are stored, for the scales of quantised types
    init(
        number: Int, source: [Float], encoded: [Float], type: ElementType, sourceType: ElementType,
        sourceBytes: MappedBytes?, encodedBytes: MappedBytes?
    ) {
        self.number = number
        self.source = source
        self.encoded = encoded
        self.type = type
        self.sourceType = sourceType
        self.sourceBytes = sourceBytes
        self.encodedBytes = encodedBytes
        if let grid = PlainGrid(type) {
            (expected, expectedBytes) = (source.map(grid.rounded), [])
        } else if type == sourceType {
            (expected, expectedBytes) = (
                source, sourceBytes.map { $0.withUnsafeBytes(Array.init) } ?? []
            )
        } else if let (values, bytes) = RowEncoder.roundTrip(source, as: type) {
            (expected, expectedBytes) = (values, bytes)
        } else {
            (expected, expectedBytes) = (source.map { _ in .nan }, [])
        }
    }

    /// Whether every value is the encoder's.
    var isExact: Bool { isExact(in: encoded.indices) }

    func isExact(in range: Range<Int>) -> Bool {
        range.allSatisfy { index in
            encoded[index] == expected[index]
                || (encoded[index].isNaN && source[index].isNaN)
        }
    }

    /// How far the type's neighbouring values are apart, where the encoder chooses the scales.
    var steps: [Float] {
        grid(expectedBytes, type, expected)?.steps ?? [Float](repeating: 0, count: encoded.count)
    }

    private func grid(_ bytes: [UInt8], _ type: ElementType, _ values: [Float]) -> StoredGrid? {
        bytes.withUnsafeBytes { StoredGrid($0, type: type, values: values) }
    }

    private func grid(_ bytes: MappedBytes?, _ type: ElementType, _ values: [Float]) -> StoredGrid?
    {
        guard let bytes else { return grid([], type, values) }
        return bytes.withUnsafeBytes { StoredGrid($0, type: type, values: values) }
    }

    /// The values that are no rounding of the source's.
    func outside(_ tolerance: ReencodingRule.Tolerance) -> [Int] {
        let own = grid(type.isQuantized ? encodedBytes : nil, type, encoded)
        let steps = steps
        let sourceSteps =
            tolerance.countsSource
            ? grid(sourceBytes, sourceType, source)?.steps ?? steps.map { _ in 0 }
            : steps.map { _ in 0 }
        var found: [Int] = []
        let size = own?.groupSize ?? 1
        for first in stride(from: 0, to: encoded.count, by: size) {
            let group = first..<min(first + size, encoded.count)
            let isTooLarge = isTooLarge(group, steps, sourceSteps, tolerance)
            found += group.filter { index in
                guard encoded[index] != expected[index] else { return false }
                guard source[index].isFinite, encoded[index].isFinite, let own else {
                    return !(source[index].isNaN && encoded[index].isNaN)
                }
                let nearest = own.nearest(to: source[index], at: index)
                let step = own.steps[index]
                let allowed =
                    max(
                        abs(nearest - source[index]) + tolerance.slack * step,
                        tolerance.isCut ? step : 0)
                    + 0.5 * sourceSteps[index]
                return isTooLarge || !(abs(encoded[index] - source[index]) <= allowed)
            }
        }
        return found
    }

    /// Whether a group's error is larger than a rounding's.
    private func isTooLarge(
        _ group: Range<Int>, _ steps: [Float], _ sourceSteps: [Float],
        _ tolerance: ReencodingRule.Tolerance
    ) -> Bool {
        guard type.isQuantized else { return false }
        let block = type.elementsPerBlock
        let whole = (group.lowerBound / block * block)..<((group.lowerBound / block + 1) * block)
        func square(_ x: Float) -> Double { Double(x) * Double(x) }
        func error(_ values: [Float], _ range: Range<Int>) -> Double {
            range.reduce(0) { $0 + square(values[$1] - source[$1]) }
        }
        // A group that happens to be rounded well is measured by its block, and no scale is kept better than this.
        var limit = max(
            error(expected, group), error(expected, whole) * Double(group.count) / Double(block),
            group.reduce(0) { $0 + square(0.1 * steps[$1]) })
        if tolerance.countsSource {
            limit += group.reduce(0) { $0 + (square(sourceSteps[$1]) + square(steps[$1])) / 12 }
        }
        return !(error(encoded, group) <= tolerance.factor * tolerance.factor * limit)
    }
}
