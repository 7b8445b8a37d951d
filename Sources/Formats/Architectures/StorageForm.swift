import Glibc

/// How data lays a weight out, seen from the canonical weight: what brings it into that, and, between two layouts of
/// one weight, what brings the first into the second.
///
/// The canonical weight has a row for each output and its heads in Hugging Face's order, and is what the model computes
/// with. Forms are inverted and chained like the changes they are: `a.change(to: b)` is `a` and then `b.inverse`.
package struct StorageForm: Sendable, Hashable {
    /// The order in which rows are taken.
    package var rows: RowOrder
    /// The order in which the elements of each row are taken.
    package var columns: RowOrder
    /// Whether the data is the transpose: its rows are inputs.
    package var isTransposed: Bool
    /// Whether the shape has a 1 before its last length: torch's weights of convolutions that keep channels apart.
    package var hasUnitLength: Bool
    /// What each value goes through first.
    package var curve: Curve
    /// What each value is multiplied by: the scale that a GGUF file keeps of a tensor beside it.
    package var factor: Float
    /// What is added to each value then.
    package var shift: Float

    /// A function that values go through.
    package enum Curve: Sendable, Hashable {
        case none
        /// x becomes −eˣ, rounded from more digits.
        case negatedPower
        /// The inverse: x becomes ln(−x).
        case negatedLogarithm

        var inverse: Curve {
            switch self {
            case .none: .none
            case .negatedPower: .negatedLogarithm
            case .negatedLogarithm: .negatedPower
            }
        }

        /// The function, for people.
        var label: String {
            switch self {
            case .none: "the value"
            case .negatedPower: "-exp of the value"
            case .negatedLogarithm: "log of the negated value"
            }
        }

        func value(_ x: Float) -> Float {
            switch self {
            case .none: x
            case .negatedPower: Float(-exp(Double(x)))
            case .negatedLogarithm: Float(log(-Double(x)))
            }
        }

        /// This one and then another.
        ///
        /// - Precondition: one of the two is none, or they are each other's inverse: the curves of one weight.
        func followed(by next: Curve) -> Curve {
            if next == .none { return self }
            if self == .none { return next }
            precondition(next == inverse, "two curves that are not of one weight")
            return .none
        }
    }

    package init(
        rows: RowOrder = .same, columns: RowOrder = .same, isTransposed: Bool = false,
        hasUnitLength: Bool = false, curve: Curve = .none, factor: Float = 1, shift: Float = 0
    ) {
        self.rows = rows
        self.columns = columns
        self.curve = curve
        self.isTransposed = isTransposed
        self.hasUnitLength = hasUnitLength
        self.factor = factor
        self.shift = shift
    }

    /// The layout of the canonical weight itself; as a change, none.
    package static let canonical = StorageForm()

    /// Whether each value is the weight's own.
    package var keepsValues: Bool { curve == .none && factor == 1 && shift == 0 }

    /// The weight's value that a stored one means.
    package func value(of stored: Float) -> Float { curve.value(stored) * factor + shift }

    /// What is stored for a value of the weight.
    package func stored(_ value: Float) -> Float { curve.inverse.value((value - shift) / factor) }

    /// The weight's values that stored ones mean, in their place.
    func apply(to values: UnsafeMutableBufferPointer<Float>) {
        if curve != .none {
            for index in values.indices { values[index] = curve.value(values[index]) }
        }
        if factor != 1 { for index in values.indices { values[index] *= factor } }
        if shift != 0 { for index in values.indices { values[index] += shift } }
    }

    /// The order of rows and columns alone. So a decoder holds the weight of its file.
    package var orderOnly: StorageForm { StorageForm(rows: rows, columns: columns) }

    /// What makes a layout of the canonical weight.
    package var inverse: StorageForm { StorageForm.canonical.change(to: self) }

    /// What brings data in this layout into another one.
    ///
    /// - Precondition: both are layouts of one weight of one model.
    package func change(to other: StorageForm) -> StorageForm {
        StorageForm(
            rows: rows.followed(by: other.rows.inverse),
            columns: columns.followed(by: other.columns.inverse),
            isTransposed: isTransposed != other.isTransposed,
            hasUnitLength: hasUnitLength != other.hasUnitLength,
            curve: curve.followed(by: other.curve.inverse),
            factor: factor == other.factor ? 1 : factor / other.factor,
            shift: (shift - other.shift) / other.factor)
    }

    /// The shape of the canonical weight that data of this shape lays out, and the inverse; of several matrices one after
    /// the other each is the transpose.
    package func shape(of shape: [Int]) -> [Int] {
        guard hasUnitLength else {
            return isTransposed ? shape.dropLast(2) + shape.suffix(2).reversed() : shape
        }
        return switch shape.count {
        case 2: [shape[0], 1, shape[1]]
        case 3 where shape[1] == 1: [shape[0], shape[2]]
        default: shape
        }
    }

    /// The length of the rows of a result of this shape: the last dimension, but 1 where the elements of a vector have
    /// an order, so that they are rows.
    package func columns(of shape: [Int]) -> Int {
        shape.count == 1 && rows != .same ? 1 : shape.last ?? 1
    }
}

extension Architecture {
    /// How a file of a format lays a weight out: the only source of what differs between the formats.
    ///
    /// - Parameter model: the numbers that orders of rows follow from; where they are not known, rows count as canonical.
    package func form(
        of role: WeightRole, in format: FileFormat, _ model: Hyperparameters?
    ) -> StorageForm {
        rule(for: role.slot)?.form(of: role, in: format, model) ?? .canonical
    }
}

extension WeightRule {
    /// The same by the weight's own rule.
    func form(
        of role: WeightRole, in format: FileFormat, _ model: Hyperparameters?
    ) -> StorageForm {
        guard role.part.isOfValues else { return .canonical }
        let block = model?.sizes(ofBlock: role.block ?? 0)
        return switch (transform, format, role.part) {
        case (.transposed, .safetensors, .weight), (.transposedExperts, .safetensors, .weight):
            StorageForm(isTransposed: true)
        case (.channelwise, .safetensors, .weight): StorageForm(hasUnitLength: true)
        case (.plusOne, .safetensors, .weight): StorageForm(shift: 1)
        case (.logarithms, .safetensors, .weight): StorageForm(curve: .negatedPower)
        case (.rotaryRows, .gguf, _):
            StorageForm(rows: block.map { .splittingHeads(headSize: $0.headSize) } ?? .same)
        case (.headwiseRows, .gguf, _):
            StorageForm(
                rows: block.map {
                    .spreadingParts(heads: $0.headCount, headSize: $0.headSize)
                } ?? .same)
        case (.valueHeads(let part), _, .weight):
            form(ofValueHeads: part, in: format, model?.deltaNet)
        default: .canonical
        }
    }

    private func form(
        ofValueHeads part: ValueHeads, in format: FileFormat, _ sizes: DeltaNetSizes?
    ) -> StorageForm {
        var form = StorageForm.canonical
        guard format == .gguf else {
            if part == .logarithms { form.curve = .negatedPower }
            form.hasUnitLength = part == .lastChannels
            return form
        }
        guard let sizes else { return form }
        switch part {
        case .rows: form.rows = sizes.groupingHeads(headSize: sizes.valueSize)
        case .singleRows, .logarithms: form.rows = sizes.groupingHeads(headSize: 1)
        case .lastRows, .lastChannels:
            form.rows = sizes.groupingHeads(first: 2 * sizes.keyWidth, headSize: sizes.valueSize)
        case .columns: form.columns = sizes.groupingHeads(headSize: sizes.valueSize)
        }
        return form
    }
}
