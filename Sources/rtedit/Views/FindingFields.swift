import Formats
import Transformer
import Tuning

/// The numbers of a finding as scripts read them: what its sentence and evidence are made from.
struct FindingFields {
    private(set) var members: [JSONObject.Member] = []

    init(_ finding: Finding) {
        var details: [JSONValue] = []
        switch finding {
        case .sameModel(let same): add(same)
        case .beyondReencoding(let beyond):
            details = beyond.parts.map(Self.json)
            add("values", beyond.valueCount)
            add("rows", beyond.rowCount)
            add(beyond.parts.map(\.tensor))
        case .reencoded(let reencoding): add(reencoding)
        case .lastPlace(let change):
            add("largest_units", change.largest)
            add(change.parts.map(\.tensor))
        case .baked(let recovery, let others): add(recovery, others)
        case .biases(let names): add("other_biases", names)
        case .lowRank(let change): add(change)
        case .ablation(let ablation): add(ablation)
        case .resizedEmbedding(let resized):
            add("rows_a", resized.rowsInA)
            add("rows_b", resized.rowsInB)
            add("changed_share", resized.changedShare)
            add(resized.tensors)
        case .editedRows(let edits):
            details = edits.map(Self.json)
            add("rows", edits.reduce(0) { $0 + $1.changedRows })
            add(edits.map(\.tensor))
        case .scaled(let scaled):
            add("factors", scaled.map { ($0.name, .number($0.factor)) }, as: "factor")
            add("tensor_count", scaled.count)
        case .replaced(let tensors):
            add("cosines", tensors.map { ($0.name, .number($0.sums?.cosine ?? 0)) }, as: "cosine")
            add("tensor_count", tensors.count)
        case .fineTuned(let tuning): add(tuning)
        case .differentModel(let different):
            add("numbers", different.numbers.map(\.name))
            add("unmatched", different.unmatched.count)
            add("matrices", different.unmatched.total)
            add("median_cosine", different.medianCosine)
        case .addedOrRemoved(let onlyInA, let onlyInB):
            add("only_in_a", onlyInA)
            add("only_in_b", onlyInB)
        case .tokenizer: break
        case .numbers(let numbers): add("numbers", numbers.map(\.name))
        case .unclear(let uncertainty): add(uncertainty)
        }
        members.insert(.init("tensors", .array(details)), at: 0)
    }

    // MARK: - Kinds with many numbers

    private mutating func add(_ same: SameModel) {
        add("equal_bytes", same.hasEqualBytes)
        members.append(
            .init(
                "retyped",
                .array(
                    same.retyped.map { from, to, count in
                        .object(
                            JSONObject([
                                .init("from", .string(from.name)), .init("to", .string(to.name)),
                                .init("matrices", .integer(count)),
                            ]))
                    })))
    }

    private mutating func add(_ reencoding: Reencoding) {
        add("tensor_count", reencoding.tensorCount)
        for (key, storage) in [("from", reencoding.from), ("to", reencoding.to)] {
            add(key, storage.type.name)
            add("\(key)_holding", storage.grid.name)
        }
        add("error", reencoding.observed)
        add("expected_error", reencoding.expected)
        add("exact_share", reencoding.exactShare)
        let rounded = reencoding.otherwiseRounded.map { tensor, places in
            (DifferenceWords.label(tensor), JSONValue.integer(places.count))
        }
        add("otherwise_rounded", rounded, as: "rows")
    }

    private mutating func add(_ recovery: BakeRecovery, _ others: [String]) {
        add("route", recovery.route.name)
        let places = recovery.places.map { place in
            JSONObject([
                .init("weights", .string(place.weights)), .init("blocks", Self.json(place.blocks)),
                .init("changed", .integer(place.tensors.count - place.addedCount)),
                .init("new", .integer(place.addedCount)),
            ])
        }
        members.append(.init("places", .array(places.map { .object($0) })))
        let vectors = recovery.vectors.map { vector in
            JSONObject([
                .init("site", .string(vector.site.rawValue)),
                .init("blocks", Self.json(vector.blocks)),
                .init(
                    "lengths",
                    .array(vector.blocks.map { .number(vector.directions[$0]?.norm ?? 0) })),
            ])
        }
        members.append(.init("vectors", .array(vectors.map { .object($0) })))
        add("other_biases", others)
    }

    private mutating func add(_ change: LowRankChange) {
        add("rank", change.largestRank)
        add("least_rank", change.smallestRank)
        add("median_rank", change.medianRank)
        add("share", change.share)
        add("above_rounding", change.aboveRoundingCount)
        add("kinds", change.kinds)
        add("blocks", change.blocks)
        add(change.parts.map(\.tensor))
    }

    private mutating func add(_ ablation: Ablation) {
        add("blocks", ablation.blocks)
        add("embedding", ablation.includesEmbedding)
        add("one_direction", ablation.isOneDirection)
        add("agreement", ablation.agreement)
        add("strength", ablation.strengths.lowerBound)
        add("largest_strength", ablation.strengths.upperBound)
        add("residual_share", ablation.residualShare)
        add(ablation.tensors)
    }

    private mutating func add(_ tuning: FineTuning) {
        add("full", tuning.isFull)
        add("whole_blocks", tuning.coversBlocks)
        add("changed_matrices", tuning.changedMatrixCount)
        add("matrices", tuning.matrixCount)
        add("kinds", tuning.kinds)
        add("blocks", tuning.blocks)
        add("median_change", tuning.medianChange)
        add("least_change", tuning.changes.lowerBound)
        add("largest_change", tuning.changes.upperBound)
        add("prominence", tuning.prominence)
        add("rounding_ratio", tuning.roundingRatio)
        add("like_noise", tuning.looksLikeNoise)
        add("requantised", tuning.quantizedTypes.map(\.name))
        add(tuning.tensors)
    }

    private mutating func add(_ uncertainty: Uncertainty) {
        switch uncertainty.reason {
        case .unreadable(let types):
            add("reason", "unreadable")
            add("types", types.map(\.name))
        case .scattered(let change):
            add("reason", "scattered")
            add("median_change", change)
        case .nearRounding(let ratio):
            add("reason", "near rounding")
            add("rounding_ratio", ratio)
        case .vectors: add("reason", "vectors")
        case .shapes: add("reason", "shapes")
        }
        add(uncertainty.tensors)
    }

    // MARK: - One member

    private mutating func add(_ tensors: [TensorDifference]) {
        add("tensor_count", tensors.count)
        add("names", tensors.map(DifferenceWords.label))
    }

    private mutating func add(_ key: String, _ count: Int) {
        members.append(.init(key, .integer(count)))
    }

    private mutating func add(_ key: String, _ number: Double?) {
        members.append(.init(key, number.map { .number($0) } ?? .null))
    }

    private mutating func add(_ key: String, _ isSo: Bool) {
        members.append(.init(key, .bool(isSo)))
    }

    private mutating func add(_ key: String, _ text: String) {
        members.append(.init(key, .string(text)))
    }

    private mutating func add(_ key: String, _ texts: [String]) {
        members.append(.init(key, .array(texts.map { .string($0) })))
    }

    private mutating func add(_ key: String, _ blocks: [Int]) {
        members.append(.init(key, Self.json(blocks)))
    }

    /// One number for each of some tensors.
    private mutating func add(
        _ key: String, _ tensors: [(name: String, value: JSONValue)], as number: String
    ) {
        let objects = tensors.map { tensor in
            JSONObject([.init("name", .string(tensor.name)), .init(number, tensor.value)])
        }
        members.append(.init(key, .array(objects.map { .object($0) })))
    }

    private static func json(_ numbers: [Int]) -> JSONValue {
        .array(numbers.map { .integer($0) })
    }

    private static func json(_ part: BeyondReencoding.Part) -> JSONValue {
        let check = part.check
        return .object(
            JSONObject([
                .init("name", .string(DifferenceWords.label(part.tensor))),
                .init("type", .string(check.type.name)),
                .init("values", .integer(check.outsideValues)),
                .init("row_count", .integer(check.outside.count)),
                .init("rows", json(check.outside.first)), .init("is_vector", .bool(check.isVector)),
            ]))
    }

    private static func json(_ edit: EditedRows) -> JSONValue {
        .object(
            JSONObject([
                .init("name", .string(DifferenceWords.label(edit.tensor))),
                .init("row_count", .integer(edit.changedRows)), .init("rows", json(edit.first)),
                .init("of", .integer(edit.rows)),
            ]))
    }
}
