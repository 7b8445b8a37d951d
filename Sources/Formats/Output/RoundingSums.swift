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
        if values.hasNotFinite || stored.hasNotFinite {
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
            return
        }
        var squares = SIMD4<Double>()
        var errors = SIMD4<Double>()
        var index = 0
        while index + 4 <= values.count {
            let value = SIMD4<Double>(values.four(index))
            let error = SIMD4<Double>(stored.four(index)) - value
            squares += value * value
            errors += error * error
            index += 4
        }
        valueSquares += squares.sum()
        errorSquares += errors.sum()
        while index < values.count {
            let value = Double(values[index])
            let error = Double(stored[index]) - value
            valueSquares += value * value
            errorSquares += error * error
            index += 1
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
    @inline(__always) fileprivate func four(_ index: Int) -> SIMD4<Float> {
        SIMD4(self[index], self[index + 1], self[index + 2], self[index + 3])
    }

    /// Whether any value is infinite or NaN; without a branch, so that the loop runs on vectors.
    var hasNotFinite: Bool {
        var found: UInt32 = 0
        for index in 0..<count {
            found |= self[index].bitPattern & 0x7FFF_FFFF >= 0x7F80_0000 ? 1 : 0
        }
        return found != 0
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
