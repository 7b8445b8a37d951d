/// Brings the rows that edits give a weight into the form in which an output lays it out.
struct RowResolver {
    /// The source's path and the tensor's name in the output, for errors.
    let file: String
    let name: String
    /// How the output lays the weight out.
    let form: StorageForm
    /// What the weight has; nil where it is new.
    let present: WeightTensor?

    /// What is known of a part's shape before the part is looked at.
    private enum Extent {
        case shape([Int])
        case rows(Int)
        case columns(Int)
    }

    /// Rows of a weight as the output has them, and their canonical shape.
    typealias Resolved = (content: TensorContent, shape: [Int])

    /// Resolves an expression.
    ///
    /// - Parameter shape: the canonical shape of values that stand alone.
    /// - Throws: `CheckpointError` where parts do not fit each other or the weight, or where its rows cannot be put
    ///   together in the output's order.
    func resolve(_ rows: RowSource, shape: [Int]) throws(CheckpointError) -> Resolved {
        let resolved = try resolve(rows, .shape(shape))
        return (resolved.content.replacing(former(of: resolved)), resolved.shape)
    }

    /// What new values of the same shape take the place of.
    private func former(of resolved: Resolved) -> WeightRows? {
        guard let present, let rows = resolved.content.rows, rows.weight == nil,
            present.canonicalShape == resolved.shape
        else { return nil }
        let own = WeightRows(present, present.form.change(to: form))
        return own.isReadable ? own : nil
    }

    private func resolve(_ rows: RowSource, _ extent: Extent) throws(CheckpointError) -> Resolved {
        switch rows {
        case .present:
            guard let present else { throw .missingTensor(file: file, name: name) }
            return try resolve(.stored(present), extent)
        case .stored(let tensor):
            return (
                .weight(tensor, try change(from: tensor.form)), tensor.canonicalShape
            )
        case .values(let values, let own):
            let shape = try shape(ofValues: values.count, extent)
            let rows = WeightRows(values, try change(from: own), shape: form.shape(of: shape))
            return (TensorContent(.rows(rows)), shape)
        case .computed(let rows):
            var shape = rows.form.shape(of: rows.shape)
            if case .shape = extent { shape = try self.shape(ofValues: rows.count, extent) }
            let made = WeightRows(
                rows, try change(from: rows.form), shape: form.shape(of: shape))
            return (TensorContent(.rows(made)), shape)
        case .plus(let rows, let update):
            return try add(update, to: try resolve(rows, extent))
        case .scaled(let rows, let factor):
            let inner = try resolve(rows, extent)
            return (inner.content.multiplied(by: factor, shift: form.shift), inner.shape)
        case .stack(let rows):
            throw .cannotExpress(
                fact: "tensor '\(name)': \(rows.count) matrices are stacked, but only those of "
                    + "experts can be")
        case .beside(let first, let second):
            return try beside(first, second, extent)
        case .above(let first, let second):
            return try above(first, second, extent)
        }
    }

    // MARK: - Parts

    private func add(
        _ update: LowRankUpdate, to rows: Resolved
    ) throws(CheckpointError) -> Resolved {
        guard update.fits(rows.shape) else {
            throw .contradiction(
                file: file,
                fact: "an update of rank \(update.rank) with \(update.a.count) values in A and "
                    + "\(update.b.count) in B does not fit tensor '\(name)' of shape \(rows.shape)")
        }
        if let own = rows.content.rows, !own.isReadable, let tensor = own.tensor {
            throw .cannotExpress(
                fact: "tensor '\(tensor.name)' is \(tensor.type.name), to which nothing can be "
                    + "added")
        }
        let change = try change(from: StorageForm(rows: update.rows, columns: update.columns))
        let ordered = update.ordered(as: form).with(scale: update.scale * change.factor)
        let added = form.isTransposed ? ordered.transposed : ordered
        return (
            rows.content.adding(added), rows.shape
        )
    }

    private func beside(
        _ first: RowSource, _ second: RowSource, _ extent: Extent
    ) throws(CheckpointError) -> Resolved {
        if case .shape(let shape) = extent, shape.count != 2 {
            throw contradiction("has shape \(shape), and only a matrix has columns")
        }
        guard form.columns == .same else {
            throw .cannotExpress(
                fact:
                    "tensor '\(name)': nothing can stand beside its columns, which the output orders "
                    + "by heads")
        }
        let known = rowCount(first) ?? rowCount(second) ?? rowCount(extent)
        guard let rows = known else { throw contradiction("has parts of unknown shape") }
        let left = try resolve(first, .rows(rows))
        let right = try resolve(second, .rows(rows))
        guard left.shape.count == 2, right.shape.count == 2, left.shape[0] == right.shape[0] else {
            throw contradiction("has \(left.shape) beside \(right.shape)")
        }
        let columns = left.shape[1]
        let origin: TensorContent.Origin =
            form.isTransposed
            ? .above(left.content, right.content, rows: columns)
            : .beside(left.content, right.content, columns: columns)
        return (TensorContent(origin), [left.shape[0], columns + right.shape[1]])
    }

    private func above(
        _ first: RowSource, _ second: RowSource, _ extent: Extent
    ) throws(CheckpointError) -> Resolved {
        let inner: Extent
        if case .shape(let shape) = extent, shape.count == 1 {
            inner = .columns(1)
        } else {
            let known = columnCount(first) ?? columnCount(second) ?? columnCount(extent)
            guard let columns = known else { throw contradiction("has parts of unknown shape") }
            inner = .columns(columns)
        }
        var upper = try resolve(first, inner)
        var lower = try resolve(second, inner)
        // A vector's elements are its rows.
        let isVector = if case .shape(let shape) = extent { shape.count == 1 } else { false }
        if isVector {
            upper.shape = Array(upper.shape.prefix(1))
            lower.shape = Array(lower.shape.prefix(1))
        }
        guard upper.shape.count == lower.shape.count, (1...2).contains(upper.shape.count),
            upper.shape.dropFirst() == lower.shape.dropFirst()
        else { throw contradiction("has \(upper.shape) above \(lower.shape)") }
        let rows = (upper.shape[0], lower.shape[0])
        guard form.rows.isOfSingleHeads, form.rows.isPermutation(ofRows: rows.0),
            form.rows.isPermutation(ofRows: rows.1)
        else {
            throw .cannotExpress(
                fact: "tensor '\(name)': \(rows.1) rows cannot stand after \(rows.0), because the "
                    + "output orders rows by heads of which these are no whole ones")
        }
        let origin: TensorContent.Origin =
            form.isTransposed && !isVector
            ? .beside(upper.content, lower.content, columns: rows.0)
            : .above(upper.content, lower.content, rows: rows.0)
        return (TensorContent(origin), [rows.0 + rows.1] + upper.shape.dropFirst())
    }

    // MARK: - Shapes

    /// The rows that an expression has, as far as it says.
    ///
    /// - Parameter columns: the length of its rows, where that is known; values have rows only then.
    private func rowCount(_ rows: RowSource, columns: Int? = nil) -> Int? {
        switch rows {
        case .present: return present?.canonicalShape.first
        case .stored(let tensor): return tensor.canonicalShape.first
        case .computed(let rows): return rows.form.shape(of: rows.shape).first
        case .stack: return nil
        case .values(let values, _): return columns.flatMap { $0 > 0 ? values.count / $0 : nil }
        case .plus(let inner, let update):
            return rowCount(inner, columns: columns) ?? update.outputs
        case .scaled(let inner, _): return rowCount(inner, columns: columns)
        case .beside(let first, let second): return rowCount(first) ?? rowCount(second)
        case .above(let first, let second):
            let columns = columns ?? columnCount(first) ?? columnCount(second)
            return rowCount(first, columns: columns).flatMap { upper in
                rowCount(second, columns: columns).map { upper + $0 }
            }
        }
    }

    /// The columns that an expression has, as far as it says.
    ///
    /// - Parameter rows: how many rows it has, where that is known; values have columns only then.
    private func columnCount(_ source: RowSource, rows: Int? = nil) -> Int? {
        switch source {
        case .present: return present?.canonicalShape.last
        case .stored(let tensor): return tensor.canonicalShape.last
        case .computed(let made): return made.form.shape(of: made.shape).last
        case .stack: return nil
        case .values(let values, _): return rows.flatMap { $0 > 0 ? values.count / $0 : nil }
        case .plus(let inner, let update): return columnCount(inner, rows: rows) ?? update.inputs
        case .scaled(let inner, _): return columnCount(inner, rows: rows)
        case .above(let first, let second): return columnCount(first) ?? columnCount(second)
        case .beside(let first, let second):
            let rows = rows ?? rowCount(first) ?? rowCount(second)
            return columnCount(first, rows: rows).flatMap { left in
                columnCount(second, rows: rows).map { left + $0 }
            }
        }
    }

    private func rowCount(_ extent: Extent) -> Int? {
        switch extent {
        case .shape(let shape): shape.first
        case .rows(let rows): rows
        case .columns: nil
        }
    }

    private func columnCount(_ extent: Extent) -> Int? {
        switch extent {
        case .shape(let shape): shape.last
        case .columns(let columns): columns
        case .rows: nil
        }
    }

    private func shape(ofValues count: Int, _ extent: Extent) throws(CheckpointError) -> [Int] {
        switch extent {
        case .shape(let shape):
            let wanted = TensorDescription(name: name, type: .f32, shape: form.shape(of: shape))
            guard wanted.elementCount == count else {
                throw .contradiction(
                    file: file,
                    fact: "\(count) values are set for tensor '\(name)' of shape \(wanted.shape)")
            }
            return shape
        case .rows(let rows):
            guard rows > 0, count % rows == 0 else {
                throw contradiction("has \(count) values beside \(rows) rows")
            }
            return [rows, count / rows]
        case .columns(let columns):
            guard columns > 0, count % columns == 0 else {
                throw contradiction("has \(count) values above or below rows of \(columns)")
            }
            return [count / columns, columns]
        }
    }

    private func contradiction(_ fact: String) -> CheckpointError {
        .contradiction(file: file, fact: "tensor '\(name)' \(fact)")
    }

    /// What brings data in a form into the output's.
    private func change(from own: StorageForm) throws(CheckpointError) -> StorageForm {
        let isOfOneOrder = [(own.rows, form.rows), (own.columns, form.columns)].allSatisfy {
            $0 == .same || $1 == .same || $0 == $1
        }
        guard isOfOneOrder else {
            throw .cannotExpress(
                fact: "tensor '\(name)': its rows have another order than those they are made of")
        }
        guard form.factor != 0 || own.factor == 0 else {
            throw .cannotExpress(
                fact:
                    "tensor '\(name)' is multiplied by a scale of 0 in \(file), which leaves nothing "
                    + "of new values")
        }
        return own.change(to: form)
    }
}

extension RowOrder {
    /// Whether each head's rows stay among themselves, so that heads can be appended.
    fileprivate var isOfSingleHeads: Bool {
        switch self {
        case .same, .interleavingHeads, .splittingHeads: true
        case .gatheringParts, .spreadingParts, .exchangingHeads: false
        }
    }
}
