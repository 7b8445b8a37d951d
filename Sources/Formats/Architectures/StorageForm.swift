/// How data lays a weight out, seen from the canonical weight: what brings it into that, and, between two layouts of
/// one weight, what brings the first into the second.
///
/// The canonical weight has a row for each output and its heads in Hugging Face's order, and is what the model computes
/// with. Forms are inverted and chained like the changes they are: `a.change(to: b)` is `a` and then `b.inverse`.
package struct StorageForm: Sendable, Hashable {
    /// The order in which rows are taken.
    package var rows: RowOrder
    /// Whether the data is the transpose: its rows are inputs.
    package var isTransposed: Bool
    /// Whether the shape has a 1 before its last length: torch's weights of convolutions that keep channels apart.
    package var hasUnitLength: Bool
    /// What each value is multiplied by: the scale that a GGUF file keeps of a tensor beside it.
    package var factor: Float
    /// What is added to each value then.
    package var shift: Float

    package init(
        rows: RowOrder = .same, isTransposed: Bool = false, hasUnitLength: Bool = false,
        factor: Float = 1, shift: Float = 0
    ) {
        self.rows = rows
        self.isTransposed = isTransposed
        self.hasUnitLength = hasUnitLength
        self.factor = factor
        self.shift = shift
    }

    /// The layout of the canonical weight itself; as a change, none.
    package static let canonical = StorageForm()

    /// Whether each value is the weight's own.
    package var keepsValues: Bool { factor == 1 && shift == 0 }

    /// The weight's value that a stored one means.
    package func value(of stored: Float) -> Float { stored * factor + shift }

    /// What is stored for a value of the weight.
    package func stored(_ value: Float) -> Float { (value - shift) / factor }

    /// The weight's values that stored ones mean, in their place.
    func apply(to values: UnsafeMutableBufferPointer<Float>) {
        if factor != 1 { for index in values.indices { values[index] *= factor } }
        if shift != 0 { for index in values.indices { values[index] += shift } }
    }

    /// The order of the rows alone. So a decoder holds the weight of its file.
    package var rowsOnly: StorageForm { StorageForm(rows: rows) }

    /// What makes a layout of the canonical weight.
    package var inverse: StorageForm { StorageForm.canonical.change(to: self) }

    /// What brings data in this layout into another one.
    ///
    /// - Precondition: both are layouts of one weight of one model.
    package func change(to other: StorageForm) -> StorageForm {
        StorageForm(
            rows: rows.followed(by: other.rows.inverse),
            isTransposed: isTransposed != other.isTransposed,
            hasUnitLength: hasUnitLength != other.hasUnitLength,
            factor: factor == other.factor ? 1 : factor / other.factor,
            shift: (shift - other.shift) / other.factor)
    }

    /// The shape of the canonical weight that data of this shape lays out, and the inverse.
    package func shape(of shape: [Int]) -> [Int] {
        guard hasUnitLength else { return isTransposed ? shape.reversed() : shape }
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
        case (.transposed, .safetensors, .weight): StorageForm(isTransposed: true)
        case (.channelwise, .safetensors, .weight): StorageForm(hasUnitLength: true)
        case (.plusOne, .safetensors, .weight): StorageForm(shift: 1)
        case (.rotaryRows, .gguf, _):
            StorageForm(rows: block.map { .splittingHeads(headSize: $0.headSize) } ?? .same)
        case (.headwiseRows, .gguf, _):
            StorageForm(
                rows: block.map {
                    .spreadingParts(heads: $0.headCount, headSize: $0.headSize)
                } ?? .same)
        default: .canonical
        }
    }
}
