/// What the tensors of an output lose by the types they are stored in, as it was measured while they were written.
package struct RoundingReport: Sendable {
    /// What one tensor loses.
    package struct Tensor: Sendable {
        package let name: String
        package let type: ElementType
        package let elementCount: Int
        package let sums: RoundingSums
    }

    /// In the order of the output; only those that were computed, and not copied.
    package private(set) var tensors: [Tensor] = []

    package init() {}

    mutating func add(_ sums: RoundingSums, of tensor: TensorDescription) {
        guard sums.elementCount > 0 else { return }
        tensors.append(
            Tensor(
                name: tensor.name, type: tensor.type, elementCount: tensor.elementCount ?? 0,
                sums: sums))
    }

    mutating func add(_ other: RoundingReport) { tensors += other.tensors }

    /// Tensors with finite values that became infinite or NaN.
    package var overflows: [Tensor] { tensors.filter { $0.sums.overflowCount > 0 } }

    /// Tensors whose values in the source are not all finite.
    package var notFinite: [Tensor] { tensors.filter { $0.sums.notFiniteCount > 0 } }

    /// Tensors whose values were rounded.
    package var rounded: [Tensor] { tensors.filter { $0.sums.relativeError > 0 } }

    /// Tensors that an update changed.
    package var updated: [Tensor] { tensors.filter { $0.sums.keptShare != nil } }

    /// Whether updates were added that are zeros alone.
    package var isUpdateZero: Bool {
        updated.isEmpty && tensors.contains { $0.sums.updatedCount > 0 }
    }

    /// The sums of some tensors.
    package static func total(of tensors: [Tensor]) -> RoundingSums {
        tensors.reduce(into: RoundingSums()) { $0.add($1.sums) }
    }

    /// Tensors whose values were rounded, those first that lost most for their size.
    package var byError: [Tensor] {
        rounded.enumerated().sorted { left, right in
            let errors = (left.element.sums.relativeError, right.element.sums.relativeError)
            return errors.0 == errors.1 ? left.offset < right.offset : errors.0 > errors.1
        }.map(\.element)
    }

    /// The share of all updates that is in the stored values; nil where there are none.
    package var keptShare: Double? { Self.total(of: updated).keptShare }

    /// The tensor that keeps the least of its update.
    package var leastKept: Tensor? {
        updated.min { ($0.sums.keptShare ?? 1) < ($1.sums.keptShare ?? 1) }
    }

    /// Tensors that keep less than half of their update.
    package var losing: [Tensor] { updated.filter { ($0.sums.keptShare ?? 1) < 0.5 } }

    /// Why the output is of no use; nil where no value became infinite.
    var refusal: CheckpointError? {
        overflows.first.map {
            .becomesInfinite(
                tensor: $0.name, type: $0.type, count: $0.sums.overflowCount,
                of: $0.elementCount, largest: $0.sums.largestOverflow)
        }
    }
}

extension OutputPlan {
    /// The smallest type that keeps what tensors lose of their updates: it is measured on some rows of each.
    ///
    /// - Parameter tensors: the names of tensors that lose much.
    /// - Returns: the type and the share it keeps, nine tenths at least; nil where no finer type can be had.
    package func typeKeepingUpdates(of tensors: [String]) -> (type: ElementType, share: Double)? {
        let names = Set(tensors)
        let losing = self.tensors.filter { names.contains($0.description.name) }
        let step = max(1, (losing.count + Self.probedTensors - 1) / Self.probedTensors)
        let probed = stride(from: 0, to: losing.count, by: step).map { losing[$0] }
        guard !probed.isEmpty else { return nil }
        for type in [ElementType.q6K, .q8_0, .f16, .bf16, .f32]
        where probed.allSatisfy({
            type.isFiner(than: $0.description.type) && canHold(type, columns: $0.columns)
        }) {
            var sums = RoundingSums()
            for tensor in probed {
                guard let part = tensor.probe(as: type, rows: Self.probedRows) else { continue }
                sums.add(part)
            }
            if sums.overflowCount == 0, let share = sums.keptShare, share >= Self.keeping {
                return (type, share)
            }
        }
        return nil
    }

    private static let probedTensors = 8
    private static let probedRows = 32
    private static let keeping = 0.9

    private func canHold(_ type: ElementType, columns: Int) -> Bool {
        let name: Any? =
            if case .gguf = container { type.ggmlIdentifier } else { type.safetensorsName }
        return name != nil && columns % type.elementsPerBlock == 0
    }
}

extension OutputPlan.Tensor {
    /// What storing some rows, spread over the tensor, in another type loses; nil where they cannot be.
    fileprivate func probe(as type: ElementType, rows wanted: Int) -> RoundingSums? {
        let probed = OutputPlan.Tensor(
            TensorDescription(name: description.name, type: type, shape: description.shape),
            content)
        let count = (description.elementCount ?? 0) / max(columns, 1)
        var sums = RoundingSums()
        for row in stride(from: 0, to: count, by: max(1, count / wanted)) {
            guard let part = try? probed.bytes(rows: row..<(row + 1)).sums else { return nil }
            sums.add(part)
        }
        releaseSource(rows: 0..<count)
        return sums
    }
}

extension ElementType {
    /// Whether values take more bits in this type, or as many and more of them for their digits.
    fileprivate func isFiner(than other: ElementType) -> Bool {
        let (own, its) = (
            bitsPerBlock * other.elementsPerBlock, other.bitsPerBlock * elementsPerBlock
        )
        return own > its || (self == .f16 && other == .bf16)
    }
}
