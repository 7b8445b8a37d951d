import Formats

/// Heads whose values are constants, which put a vector into the stream at every position: the weights of a softmax sum
/// to 1, whatever the scores.
///
/// Each appended key/value head has a few dimensions with a bias, 127, −127, 1 and −1 times a power of two: numbers that
/// every runtime's rounding of activations keeps, to 8 bits with a scale a block, to f16 or bf16. The output projection's
/// columns at those dimensions hold the vector divided by them. What their type rounds away of the first column is put
/// into another one, in a block or a part of a block of its own, and what that rounds away into the next: the type's own
/// encoder decides, and what it makes of the columns is what is summed up.
struct ValueHeads: Sendable {
    /// How many heads are appended, and how they are shaped.
    struct Shape: Sendable, Hashable {
        /// Key/value heads.
        let count: Int
        /// Query heads on each.
        let repeats: Int
        /// The width of one.
        let size: Int

        var queryWidth: Int { count * repeats * size }
        var valueWidth: Int { count * size }

        /// The element of the values that a column of the output projection multiplies.
        func value(ofColumn column: Int) -> Int {
            column / (repeats * size) * size + column % size
        }
    }

    let shape: Shape
    /// The bias of the appended heads' values.
    private(set) var biases: [Float]
    /// ‖what the columns add − the vector‖ / ‖vector‖.
    private(set) var error = 0.0
    /// Row by row the columns that are not zero, and their values.
    private var columns: [(column: Int, value: Float)] = []
    /// Where a row's begin.
    private var starts = [0]

    /// The largest values are so many times the bias: far above where f16's scales lose precision.
    private static let gain: Float = 16
    /// The powers of two of the smallest biases, which caches of f16 values hold.
    private static let exponents = -20...8

    /// - Parameter vector: finite.
    /// - Returns: nil where the type cannot be written.
    init?(adding vector: [Float], shape: Shape, type: ElementType) {
        guard RowEncoder.isSupported(type), shape.queryWidth > 0 else { return nil }
        self.shape = shape
        let unit = Self.unit(for: vector.map(abs).max() ?? 0)
        biases = Self.factors(shape).map { $0 * unit }
        let squares = vector.reduce(0.0) { $0 + Double($1) * Double($1) }
        let typical = (squares / Double(max(vector.count, 1))).squareRoot()
        var search = ColumnSearch(
            activations: (0..<shape.queryWidth).map { biases[shape.value(ofColumn: $0)] },
            type: type, floor: typical * 0x1p-27)
        var rest = 0.0
        for value in vector {
            let error = search.fit(Double(value))
            rest += error * error
            for column in search.row.indices where search.row[column] != 0 {
                columns.append((column, search.row[column]))
            }
            starts.append(columns.count)
        }
        error = squares > 0 ? (rest / squares).squareRoot() : 0
        // Columns of a plain type that are zero add nothing, so their biases need not be.
        guard type.elementsPerBlock == 1 else { return }
        let used = Set(columns.map { shape.value(ofColumn: $0.column) })
        for index in biases.indices where !used.contains(index) { biases[index] = 0 }
    }

    /// The largest part of a block that has a scale of its own.
    private static let partSize = 32

    /// The biases in units of the power of two: as many in a head as it has parts of blocks, at most four, so that none
    /// share one. Where there is room for two only, every other head has the small ones.
    private static func factors(_ shape: Shape) -> [Float] {
        let all: [Float] = [127, -127, 1, -1]
        let count = min(all.count, max(2, shape.size / partSize))
        let spacing = max(1, shape.size / count)
        var factors = [Float](repeating: 0, count: shape.valueWidth)
        for head in 0..<shape.count {
            let first = count == 2 && head % 2 == 1 ? 2 : 0
            for index in 0..<count where index * spacing < shape.size {
                factors[head * shape.size + index * spacing] = all[first + index]
            }
        }
        return factors
    }

    /// The power of two that biases are multiples of.
    private static func unit(for largest: Float) -> Float {
        guard largest > 0, largest.isFinite else { return 0x1p-7 }
        let exponent = min(
            max(Int((largest / gain / 127).exponent), exponents.lowerBound), exponents.upperBound)
        return Float(sign: .plus, exponent: exponent, significand: 1)
    }

    /// The columns as rows of the output projection.
    func rowSource(rows: Int) -> RowSource {
        let (columns, starts, width) = (columns, starts, shape.queryWidth)
        return .computed(
            ComputedRows(shape: [rows, width]) { range, target in
                target.update(repeating: 0)
                for row in range where row + 1 < starts.count {
                    for (column, value) in columns[starts[row]..<starts[row + 1]] {
                        target[(row - range.lowerBound) * width + column] = value
                    }
                }
            })
    }
}

/// Finds the values of one row's columns, step by step.
private struct ColumnSearch {
    /// What each column is multiplied by.
    private let activations: [Float]
    private let type: ElementType
    /// Errors that are small enough for any value.
    private let floor: Double
    /// The columns that may get a value.
    private let slots: [Int]
    /// Those with an activation, by block.
    private let active: [Int: [Int]]
    /// The row so far.
    private(set) var row: [Float]
    /// The columns of `row` that have been given a value, or set a scale.
    private var used: Set<Int> = []
    /// What the blocks that are not zero add.
    private var sums: [Int: Double] = [:]

    /// Values that a row gets at most.
    private static let rounds = 4
    /// Sub-blocks' scales are kept as such a share of the largest at least.
    private static let smallestScale: Float = 0x1p-7

    init(activations: [Float], type: ElementType, floor: Double) {
        self.activations = activations
        self.type = type
        self.floor = floor
        slots = activations.indices.filter { activations[$0] != 0 }
        active = Dictionary(grouping: slots) { $0 / type.elementsPerBlock }
        row = [Float](repeating: 0, count: activations.count)
    }

    /// Makes the row whose columns, as they are read back, add a value.
    ///
    /// - Returns: what they add beside it.
    mutating func fit(_ value: Double) -> Double {
        for index in row.indices { row[index] = 0 }
        used = []
        sums = [:]
        guard value != 0 else { return 0 }
        let enough = max(floor, abs(value) * 0x1p-24)
        var rest = value
        for _ in 0..<Self.rounds where abs(rest) > enough {
            guard let best = best(for: rest, enough: enough), abs(best.rest) < abs(rest) else {
                break
            }
            let block = best.slot / type.elementsPerBlock
            row.replaceSubrange(range(of: block), with: best.values)
            used.insert(best.slot)
            if best.hasCompanion { used.insert(best.slot + 1) }
            sums[block] = best.sum
            rest = best.rest
        }
        return rest
    }

    private struct Attempt {
        let slot: Int
        let values: [Float]
        let hasCompanion: Bool
        let sum: Double
        let rest: Double
    }

    private func range(of block: Int) -> Range<Int> {
        (block * type.elementsPerBlock)..<((block + 1) * type.elementsPerBlock)
    }

    /// The attempt that leaves least, or the first that leaves no more than enough.
    private func best(for rest: Double, enough: Double) -> Attempt? {
        var best: Attempt?
        for slot in order(for: rest) {
            for hasCompanion in [false, true] {
                guard let attempt = attempt(slot, rest, hasCompanion: hasCompanion) else {
                    continue
                }
                if abs(attempt.rest) < abs(best?.rest ?? .infinity) { best = attempt }
                if abs(attempt.rest) <= enough { return best }
            }
            // The first value is positive and alone, so that the scale of minima stays free for the next one.
            if sums.isEmpty, best != nil { break }
        }
        return best
    }

    /// The columns to try, most promising first: those of a block that has its scale to itself, with the value positive;
    /// then those of a negative value, which K-quants store with another scale.
    private func order(for rest: Double) -> [Int] {
        func rank(_ slot: Int) -> Int {
            let isPositive = (rest > 0) == (activations[slot] > 0)
            let isTaken = sums[slot / type.elementsPerBlock] != nil
            return (isTaken ? 2 : 0) + (isPositive == isTaken ? 1 : 0)
        }
        return slots.filter { !used.contains($0) }
            .sorted { (rank($0), $0) < (rank($1), $1) }
    }

    /// What becomes of the rest where a column gets it.
    ///
    /// - Parameter hasCompanion: whether the column beside it, which nothing multiplies, makes the encoder keep a scale
    ///   for both, where it would take the value for zero.
    private func attempt(_ slot: Int, _ rest: Double, hasCompanion: Bool) -> Attempt? {
        let block = slot / type.elementsPerBlock
        var values = Array(row[range(of: block)])
        let place = slot % type.elementsPerBlock
        let value = Float(rest / Double(activations[slot]))
        if hasCompanion {
            let largest = Self.smallestScale * (values.map(abs).max() ?? 0)
            guard place + 1 < values.count, activations[slot + 1] == 0, values[place + 1] == 0,
                abs(value) < largest
            else { return nil }
            values[place + 1] = largest
        }
        values[place] = value
        guard let stored = RowEncoder.roundTrip(values, as: type)?.values else { return nil }
        let first = block * type.elementsPerBlock
        let sum = (active[block] ?? []).reduce(0.0) {
            $0 + Double(stored[$1 - first]) * Double(activations[$1])
        }
        // A plain type's stored values are stored without another rounding, which would be reported as a loss.
        return Attempt(
            slot: slot, values: type.elementsPerBlock == 1 ? stored : values,
            hasCompanion: hasCompanion, sum: sum,
            rest: rest + (sums[block] ?? 0) - sum)
    }
}
