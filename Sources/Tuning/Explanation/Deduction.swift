import Formats

/// From what single tensors look like to what was done to the model.
struct Deduction {
    private(set) var findings: [Finding] = []

    private let comparison: CheckpointComparison
    private let changes: [TensorChange]
    /// The names of tensors that were tuned with others, whatever their own change looks like.
    private var absorbed: Set<String> = []
    /// The names of tensors whose change is what a route of `bake` makes.
    private var baked: Set<String> = []
    /// The changes that no bake explains.
    private var unbaked: [TensorChange] { changes.filter { !baked.contains($0.tensor.name) } }

    /// Matrices with less in common than this are not versions of each other; two unrelated ones have a cosine near 0,
    /// a fine-tune one above 0.9.
    private static let unrelatedCosine = 0.5
    /// Which share of the matrices must be unrelated, or without partner, to call the models different.
    private static let differentShare = 0.5
    /// Which share of the tensors of the touched kinds and blocks must have changed to call it a fine-tune.
    private static let tunedShare = 0.8
    /// Fewer matrices are no fine-tune.
    private static let fewestTuned = 3

    /// - Throws: `CheckpointError` where the numbers of a model that a vector is recovered from are unusable.
    init(_ comparison: CheckpointComparison, _ changes: [TensorChange]) throws {
        self.comparison = comparison
        self.changes = changes
        guard !comparison.isSame else {
            findings = [.sameModel(sameModel)]
            return
        }
        if let different = differentModel {
            findings = [.differentModel(different)]
            return
        }
        baked = Set(try bakes(isTrained: false).flatMap(\.places).flatMap(\.tensors))
        deduceTampering()
        absorbed = Set(tunedBesideOthers.map(\.tensor.name))
        deduceForms()
        deduceTraining()
        try deduceBakes()
        deduceStructure()
        deduceRounding()
        deduceLastPlaces()
        deduceSettings()
    }

    // MARK: - Whole models

    private var sameModel: SameModel {
        let retyped = comparison.tensors.filter { $0.isRetyped && $0.isMatrix }
        let groups = Dictionary(grouping: retyped) { [$0.a?.type, $0.b?.type] }
        return SameModel(
            hasEqualBytes: comparison.tensors.allSatisfy { $0.status == .identicalBytes },
            retyped: groups.values.compactMap { tensors in
                guard let from = tensors.first?.a?.type, let to = tensors.first?.b?.type else {
                    return nil
                }
                return (from, to, tensors.count)
            }.sorted { $0.count > $1.count })
    }

    /// Why the two are different models, or nil.
    private var differentModel: DifferentModel? {
        let matrices = comparison.tensors.filter(\.isMatrix)
        let unmatched = matrices.count { tensor in
            switch tensor.status {
            case .onlyInA, .onlyInB: true
            case .otherShape: tensor.pair == nil && !(tensor.growth?.keepsFirst ?? false)
            default: false
            }
        }
        let cosines = matrices.compactMap { tensor in
            tensor.pair?.isMatrix ?? false ? tensor.sums?.cosine : nil
        }
        let medianCosine = Quantile.middle(of: cosines)
        let isUnmatched =
            Double(unmatched) > Self.differentShare * Double(matrices.count) && unmatched > 0
        guard isUnmatched || (medianCosine ?? 1) < Self.unrelatedCosine else { return nil }
        return DifferentModel(
            numbers: comparison.settings.filter { $0.group == .hyperparameter },
            unmatched: (unmatched, matrices.count), medianCosine: medianCosine)
    }

    // MARK: - Forms of single tensors

    private mutating func deduceTampering() {
        let parts = unbaked.compactMap { change -> BeyondReencoding.Part? in
            guard case .beyondRounding(let check) = change.form else { return nil }
            return BeyondReencoding.Part(tensor: change.tensor, check: check)
        }
        guard !parts.isEmpty else { return }
        let order = parts.enumerated().sorted { left, right in
            let (x, y) = (left.element.check.outsideValues, right.element.check.outsideValues)
            return x != y ? x > y : left.offset < right.offset
        }
        findings.append(.beyondReencoding(BeyondReencoding(parts: order.map(\.element))))
    }

    private mutating func deduceForms() {
        deduceAblation()
        let parts = unbaked.compactMap { change -> LowRankChange.Part? in
            guard case .lowRank(let rank) = change.form, let spectrum = change.spectrum,
                !absorbed.contains(change.tensor.name)
            else { return nil }
            return LowRankChange.Part(
                tensor: change.tensor, rank: rank, share: spectrum.share(of: rank),
                isAboveRounding: spectrum.rankOf99Percent != rank)
        }
        if !parts.isEmpty { findings.append(.lowRank(LowRankChange(parts: parts))) }
        let scaled = unbaked.compactMap { change -> (name: String, factor: Double)? in
            guard case .scaled(let factor) = change.form else { return nil }
            return (change.tensor.name, factor)
        }
        if !scaled.isEmpty { findings.append(.scaled(scaled)) }
        let rows = unbaked.compactMap { change -> EditedRows? in
            guard case .rows(let count) = change.form, let spectrum = change.spectrum else {
                return nil
            }
            return EditedRows(
                tensor: change.tensor, changedRows: count, first: spectrum.firstChangedRows,
                rows: spectrum.shape.rows)
        }
        if !rows.isEmpty { findings.append(.editedRows(rows)) }
    }

    private mutating func deduceAblation() {
        let fits = unbaked.compactMap { change -> AblationSummary.Part? in
            guard case .ablation(let fit) = change.form else { return nil }
            return AblationSummary.Part(tensor: change.tensor, fit: fit)
        }
        if let ablation = AblationSummary.ablation(
            fits, architecture: comparison.a.architectureName ?? "")
        {
            findings.append(.ablation(ablation))
        }
    }

    // MARK: - Training

    /// Tensors between others that were trained: storing them anew in a quantised type hides all but the largest
    /// directions of a small change, or all of it, and in one kind of weight some blocks' changes have few directions.
    private var tunedBesideOthers: [TensorChange] {
        let full = unbaked.filter { change in
            guard case .fullRank = change.form else { return false }
            return (change.tensor.sums?.cosine ?? 1) >= Self.unrelatedCosine
        }
        guard full.count >= Self.fewestTuned else { return [] }
        let blocks = Set(full.compactMap(\.tensor.role?.block))
        let kinds = Set(full.map(\.tensor.kind))
        return unbaked.filter { change in
            guard let block = change.tensor.role?.block, blocks.contains(block) else {
                return false
            }
            let isStoredAnew =
                change.tensor.b?.type.isQuantized ?? false && !change.tensor.isRetyped
            switch change.form {
            case .lowRank: return isStoredAnew || kinds.contains(change.tensor.kind)
            case .rounding: return isStoredAnew
            default: return false
            }
        }
    }

    private mutating func deduceTraining() {
        let full = unbaked.filter { if case .fullRank = $0.form { true } else { false } }
        let unrelated = full.filter { ($0.tensor.sums?.cosine ?? 1) < Self.unrelatedCosine }
        if !unrelated.isEmpty { findings.append(.replaced(unrelated.map(\.tensor))) }
        let trained = full.filter { ($0.tensor.sums?.cosine ?? 1) >= Self.unrelatedCosine }
        let vectors = unbaked.filter { if case .vector = $0.form { true } else { false } }
        let (own, rounded) = Self.nearRounding(trained)
        let matrices =
            own.isEmpty ? [] : own + unbaked.filter { absorbed.contains($0.tensor.name) }
        if isTraining(matrices), matrices.count >= Self.fewestTuned {
            findings.append(.fineTuned(fineTuning(matrices + vectors)))
        } else {
            addScattered(matrices)
            if isTraining(vectors), vectors.count >= Self.fewestTuned {
                findings.append(.fineTuned(fineTuning(vectors)))
            } else if !vectors.isEmpty {
                addUnclear(.vectors, vectors)
            }
        }
        if let ratio = rounded.compactMap({ $0.noise?.ratio }).max() {
            addUnclear(.nearRounding(ratio: ratio), rounded)
        }
    }

    /// Splits off tensors of another type whose change is little more than rounding: a coarser quantiser and a small
    /// change look alike there.
    private static func nearRounding(
        _ changes: [TensorChange]
    ) -> (matrices: [TensorChange], rounded: [TensorChange]) {
        let limit = 3.0
        let isNear = { (change: TensorChange) in
            change.tensor.isRetyped && (change.noise?.ratio ?? .infinity) < limit
        }
        return (changes.filter { !isNear($0) }, changes.filter(isNear))
    }

    private mutating func addScattered(_ matrices: [TensorChange]) {
        guard !matrices.isEmpty else { return }
        let sizes = matrices.compactMap { $0.tensor.sums?.normalized }
        addUnclear(.scattered(medianChange: Quantile.middle(of: sizes) ?? 0), matrices)
    }

    private mutating func addUnclear(_ reason: Uncertainty.Reason, _ changes: [TensorChange]) {
        findings.append(
            .unclear(Uncertainty(reason: reason, tensors: changes.map(\.tensor))))
    }

    /// Whether nearly all tensors of the touched kinds in the touched blocks changed.
    private func isTraining(_ changes: [TensorChange]) -> Bool {
        guard !changes.isEmpty else { return false }
        let kinds = Set(changes.map(\.tensor.kind))
        let blocks = Set(changes.map(\.tensor.role?.block))
        let reachable = comparison.tensors.count { tensor in
            tensor.a != nil && tensor.b != nil && kinds.contains(tensor.kind)
                && blocks.contains(tensor.role?.block)
        }
        return Double(changes.count) >= Self.tunedShare * Double(reachable)
    }

    private func fineTuning(_ changes: [TensorChange]) -> FineTuning {
        let tensors = changes.map(\.tensor)
        let sizes = tensors.compactMap { $0.sums?.normalized }
        let matrices = comparison.tensors.filter { $0.isMatrix && $0.pair != nil }
        let blocks = Set(tensors.compactMap(\.role?.block))
        let changed = tensors.count(where: \.isMatrix)
        let prominences = changes.compactMap { $0.spectrum?.prominence }
        let ratios = changes.compactMap { $0.noise?.ratio }.filter(\.isFinite)
        let bounds = (sizes.min() ?? 0)...(sizes.max() ?? 0)
        let inBlocks = matrices.count { $0.role?.block.map(blocks.contains) ?? false }
        let types = Set(tensors.filter(\.isMatrix).compactMap(\.b?.type).filter(\.isQuantized))
        return FineTuning(
            tensors: tensors, matrixCount: matrices.count,
            isFull: Double(changed) >= Self.tunedShare * Double(matrices.count) && changed > 0
                && blocks.count == Set(comparison.tensors.compactMap(\.role?.block)).count,
            coversBlocks: inBlocks > 0
                && tensors.count { $0.isMatrix && $0.role?.block != nil } == inBlocks,
            quantizedTypes: types.sorted { $0.name < $1.name },
            blocks: blocks.sorted(), kinds: Set(tensors.map(\.kind)).sorted(),
            medianChange: Quantile.middle(of: sizes) ?? 0, changes: bounds,
            prominence: Quantile.middle(of: prominences),
            roundingRatio: Quantile.middle(of: ratios))
    }

    // MARK: - Bakes

    /// What the routes of `bake` would have made.
    ///
    /// - Parameter isTrained: whether biases that both models have were trained with everything else.
    private func bakes(isTrained: Bool) throws -> [BakeRecovery] {
        let changed = changes.filter { change in
            switch change.form {
            case .rounding, .lastPlace: false
            // Of a bias that is stored in another type nothing is known.
            case .beyondRounding: change.tensor.isMatrix
            case .bias: !isTrained || change.tensor.isAddedBias
            default: true
            }
        }.map(\.tensor)
        let measured = Set(changed.map(\.name))
        let grown = comparison.tensors.filter {
            $0.status == .otherShape && !measured.contains($0.name)
        }
        return try BakeRoutes.all.compactMap {
            try $0.recovery(from: changed + grown, base: comparison.a)
        }
    }

    private mutating func deduceBakes() throws {
        let isTrained = findings.contains { if case .fineTuned = $0 { true } else { false } }
        let bakes = try bakes(isTrained: isTrained)
        let explained = Set(bakes.flatMap(\.places).flatMap(\.tensors))
        let others = changes.filter { change in
            guard case .bias = change.form, !isTrained || change.tensor.isAddedBias else {
                return false
            }
            return !explained.contains(change.tensor.name)
        }.map(\.tensor.name)
        findings += bakes.enumerated().map { index, bake in
            .baked(bake, otherBiases: index == 0 ? others : [])
        }
        if bakes.isEmpty, !others.isEmpty { findings.append(.biases(others)) }
    }

    // MARK: - Shapes, types, settings

    private mutating func deduceStructure() {
        let embeddings = comparison.tensors.filter { tensor in
            guard tensor.status == .otherShape, tensor.pair != nil else { return false }
            return tensor.role?.slot == .tokenEmbedding || tensor.role?.slot == .output
                || tensor.role == nil
        }
        if let first = embeddings.first?.pair {
            let changed = embeddings.compactMap(\.sums).reduce(0) { $0 + $1.changed }
            let count = embeddings.compactMap(\.sums).reduce(0) { $0 + $1.count }
            findings.append(
                .resizedEmbedding(
                    ResizedEmbedding(
                        tensors: embeddings, rowsInA: first.a.shape.first ?? 0,
                        rowsInB: first.b.shape.first ?? 0,
                        changedShare: Double(changed) / Double(max(count, 1)))))
        }
        let resized = Set(embeddings.map(\.name))
        let shapes = comparison.tensors.filter {
            $0.status == .otherShape && !resized.contains($0.name) && !baked.contains($0.name)
        }
        if !shapes.isEmpty {
            findings.append(
                .unclear(Uncertainty(reason: .shapes, tensors: shapes)))
        }
        func missing(_ status: TensorDifference.Status) -> [String] {
            comparison.tensors.filter {
                $0.status == status && $0.isDifference && !$0.isAddedBias
            }.map(\.name)
        }
        let (onlyInA, onlyInB) = (missing(.onlyInA), missing(.onlyInB))
        if !onlyInA.isEmpty || !onlyInB.isEmpty {
            findings.append(.addedOrRemoved(onlyInA: onlyInA, onlyInB: onlyInB))
        }
        let unreadable = comparison.tensors.filter { $0.status == .unreadable }
        if !unreadable.isEmpty {
            let types = Set(unreadable.flatMap { [$0.a?.type, $0.b?.type] }.compactMap { $0 })
                .filter { !Dequantizer.isSupported($0) }.sorted { $0.name < $1.name }
            findings.append(
                .unclear(
                    Uncertainty(reason: .unreadable(types), tensors: unreadable)))
        }
    }

    /// Groups the tensors of other types by the types they went from and to.
    private mutating func deduceRounding() {
        let rounded = unbaked.filter { change in
            switch change.form {
            case .rounding: !absorbed.contains(change.tensor.name)
            case .beyondRounding: true
            case .lowRank, .ablation: change.tensor.isRetyped
            default: false
            }
        }
        let groups = Dictionary(grouping: rounded, by: \.storage)
        let reencodings = groups.compactMap { storage, changes in
            Reencoding(changes, from: storage.first, to: storage.last)
        }
        findings += reencodings.sorted { left, right in
            (right.tensorCount, left.from.type.name + left.to.type.name)
                < (left.tensorCount, right.from.type.name + right.to.type.name)
        }.map { .reencoded($0) }
    }

    private mutating func deduceLastPlaces() {
        let parts = changes.compactMap { change -> LastPlaceChange.Part? in
            guard case .lastPlace(let units) = change.form, let type = change.tensor.a?.type else {
                return nil
            }
            return LastPlaceChange.Part(tensor: change.tensor, type: type, units: units)
        }
        if !parts.isEmpty { findings.append(.lastPlace(LastPlaceChange(parts: parts))) }
    }

    private mutating func deduceSettings() {
        if comparison.tokenizer.isDifference { findings.append(.tokenizer) }
        let resized = findings.contains { if case .resizedEmbedding = $0 { true } else { false } }
        let numbers = comparison.settings.filter { setting in
            setting.isDifference && !(resized && setting.name == "vocabulary size")
        }
        if !numbers.isEmpty { findings.append(.numbers(numbers)) }
    }
}

extension TensorChange {
    /// How both sides are stored.
    fileprivate var storage: [Reencoding.Storage] {
        guard let a = tensor.a?.type, let b = tensor.b?.type else { return [] }
        return [
            Reencoding.Storage(type: a, grid: check?.grids.a ?? noise?.grids.a ?? a),
            Reencoding.Storage(type: b, grid: check?.grids.b ?? noise?.grids.b ?? b),
        ]
    }
}

extension Reencoding {
    /// - Parameter changes: of tensors that went from one type to one other.
    fileprivate init?(_ changes: [TensorChange], from: Storage?, to: Storage?) {
        guard let from, let to else { return nil }
        var observed = 0.0
        var expected = 0.0
        var values = 0.0
        for change in changes {
            guard let sums = change.tensor.sums, let noise = change.noise else { continue }
            let count = Double(sums.count)
            var rest = sums.rootMeanSquare
            switch change.form {
            case .lowRank(let rank): rest = change.spectrum?.rest(beside: rank) ?? rest
            case .ablation: rest = change.spectrum?.rest(beside: 1) ?? rest
            case .beyondRounding(let check):
                rest = (max(0, sums.squaresOfChange - check.outsideEnergy) / count).squareRoot()
            default: break
            }
            // The way of rounding whose level is nearest.
            let level = noise.levels.map(\.rootMeanSquare).min { abs($0 - rest) < abs($1 - rest) }
            observed += rest * rest * count
            expected += (level ?? 0) * (level ?? 0) * count
            values += sums.squaresOfA
        }
        self.from = from
        self.to = to
        tensorCount = changes.count
        self.observed = (observed / max(values, .leastNormalMagnitude)).squareRoot()
        self.expected = (expected / max(values, .leastNormalMagnitude)).squareRoot()
        exactShare =
            changes.compactMap { change in
                change.check.map { Double($0.exactCount) / Double(max($0.count, 1)) }
            }.min() ?? 0
        otherwiseRounded = changes.compactMap { change in
            guard let check = change.check, check.isReference, !check.rounded.isEmpty else {
                return nil
            }
            return (change.tensor, check.rounded)
        }
    }
}
