/// How stored values differ from those that were to be stored, summed over rows of a tensor.
///
/// The share of an update that survives is the component of the stored change along the update,
/// ⟨stored − former, update⟩ / ⟨update, update⟩. The former values are those that the model computed with, widened where
/// they are quantised: where they lie on the type's grid, an update below half a step is rounded away and counts as lost;
/// where they do not, rounding up and down keeps it on average, beside an error that is counted by itself.
package struct RoundingSums: Sendable, Hashable {
    /// Values that were looked at.
    package internal(set) var elementCount = 0
    /// Finite values that are not finite in the output.
    package internal(set) var overflowCount = 0
    /// The largest of them, as it was to be stored; infinite where an update made it so.
    package internal(set) var largestOverflow = 0.0
    /// Values of the source that are not finite themselves.
    package internal(set) var notFiniteCount = 0
    /// Values that an update was added to, be it zero.
    var updatedCount = 0
    var valueSquares = 0.0
    var errorSquares = 0.0
    var updateSquares = 0.0
    var keptProducts = 0.0

    /// The root mean square of the error over that of the values; 0 where nothing was rounded.
    package var relativeError: Double {
        valueSquares > 0 ? (errorSquares / valueSquares).squareRoot() : errorSquares > 0 ? 1 : 0
    }

    /// The root mean square of the error, in the values' unit.
    package var rootMeanSquare: Double {
        elementCount > 0 ? (errorSquares / Double(elementCount)).squareRoot() : 0
    }

    /// The share of an update that is in the stored values; nil where there is no update, or one of zeros alone.
    package var keptShare: Double? { updateSquares > 0 ? keptProducts / updateSquares : nil }

    mutating func add(_ other: RoundingSums) {
        elementCount += other.elementCount
        overflowCount += other.overflowCount
        largestOverflow = max(largestOverflow, other.largestOverflow)
        notFiniteCount += other.notFiniteCount
        updatedCount += other.updatedCount
        valueSquares += other.valueSquares
        errorSquares += other.errorSquares
        updateSquares += other.updateSquares
        keptProducts += other.keptProducts
    }
}

// MARK: - Rows

extension RoundingSums {
    /// Counts a value that became infinite or NaN on its way.
    mutating func addOverflow(of value: Double) {
        overflowCount += 1
        largestOverflow = max(largestOverflow, value.isNaN ? .infinity : abs(value))
    }

    /// Counts values that are not finite although their former ones are, and those that were not finite before.
    ///
    /// - Returns: whether all values are finite.
    mutating func addNotFinite(
        _ values: UnsafeBufferPointer<Float>, former: UnsafeBufferPointer<Float>
    ) -> Bool {
        guard values.hasNotFinite else { return true }
        for index in values.indices where !values[index].isFinite {
            if former[index].isFinite {
                addOverflow(of: .infinity)
            } else {
                notFiniteCount += 1
            }
        }
        return false
    }

    /// Adds a row: what was to be stored and what is.
    mutating func add(
        values: UnsafeBufferPointer<Float>, stored: UnsafeBufferPointer<Float>
    ) {
        precondition(values.count == stored.count)
        for first in stride(from: 0, to: values.count, by: Self.stretch) {
            let range = first..<min(first + Self.stretch, values.count)
            let (values, stored) = (
                UnsafeBufferPointer(rebasing: values[range]),
                UnsafeBufferPointer(rebasing: stored[range])
            )
            let (squares, errors) = Self.squares(values, stored)
            // Neither overflown, nor so small that digits are lost.
            if squares.isFinite, errors.isFinite, squares > 1e-12, errors == 0 || errors > 1e-24 {
                valueSquares += Double(squares)
                errorSquares += Double(errors)
            } else {
                addOneByOne(values: values, stored: stored)
            }
        }
    }

    /// How many values are summed in f32 before their sum is added to the whole.
    private static let stretch = 512

    /// The sums of the squares of values and of errors, in f32.
    private static func squares(
        _ values: UnsafeBufferPointer<Float>, _ stored: UnsafeBufferPointer<Float>
    ) -> (values: Float, errors: Float) {
        var squares = SIMD8<Float>()
        var errors = SIMD8<Float>()
        let whole = values.count & ~7
        for index in stride(from: 0, to: whole, by: 8) {
            let value = values.eight(index)
            let error = stored.eight(index) - value
            squares += value * value
            errors += error * error
        }
        var (square, error) = (squares.sum(), errors.sum())
        for index in whole..<values.count {
            let difference = stored[index] - values[index]
            square += values[index] * values[index]
            error += difference * difference
        }
        return (square, error)
    }

    private mutating func addOneByOne(
        values: UnsafeBufferPointer<Float>, stored: UnsafeBufferPointer<Float>
    ) {
        for index in values.indices where values[index].isFinite {
            guard stored[index].isFinite else {
                addOverflow(of: Double(values[index]))
                continue
            }
            let value = Double(values[index])
            let error = Double(stored[index]) - value
            valueSquares += value * value
            errorSquares += error * error
        }
    }

    /// Adds a row of an update: what it was to add, what was there before, and what is stored.
    mutating func add(
        update: UnsafeBufferPointer<Float>, former: UnsafeBufferPointer<Float>,
        stored: UnsafeBufferPointer<Float>
    ) {
        precondition(update.count == stored.count && former.count == stored.count)
        updatedCount += update.count
        for index in update.indices {
            let wanted = Double(update[index])
            let change = Double(stored[index]) - Double(former[index])
            guard wanted.isFinite, change.isFinite else { continue }
            updateSquares += wanted * wanted
            keptProducts += wanted * change
        }
    }
}

extension UnsafeBufferPointer<Float> {
    /// Eight values from an index on, all of which there are.
    @inline(__always) fileprivate func eight(_ index: Int) -> SIMD8<Float> {
        UnsafeRawPointer(self.baseAddress.unsafelyUnwrapped + index)
            .loadUnaligned(as: SIMD8<Float>.self)
    }
}

extension ElementType {
    /// Whether every f32 that a value of `source` is widened to is stored without rounding.
    package func holdsExactly(_ source: ElementType) -> Bool {
        switch self {
        case .f32, .f64: source != .f64 && !source.isInteger
        default: source == self && isPlainFloat
        }
    }

    private var isInteger: Bool {
        switch self {
        case .i64, .i32, .i16, .i8, .u64, .u32, .u16, .u8, .bool: true
        default: false
        }
    }
}
