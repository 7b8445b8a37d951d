import Formats
import Transformer
import Tuning

/// A finding in words: what was done, and the numbers that say so.
struct DifferenceWords {
    /// One word or two that scripts can rely on.
    let key: String
    let sentence: String
    let evidence: [String]

    init(_ finding: Finding) {
        switch finding {
        case .sameModel(let same): self = Self.same(same)
        case .beyondReencoding(let beyond): self = Self.beyond(beyond)
        case .reencoded(let reencoding): self = Self.reencoded(reencoding)
        case .lastPlace(let change): self = Self.lastPlace(change)
        case .baked(let recovery, let others): self = Self.baked(recovery, otherBiases: others)
        case .biases(let names):
            self.init(
                "bias change", "Biases of inner projections were changed.", [Self.other(names)])
        case .lowRank(let change): self = Self.lowRank(change)
        case .ablation(let ablation): self = Self.ablation(ablation)
        case .resizedEmbedding(let resized): self = Self.resized(resized)
        case .editedRows(let edits): self = Self.rows(edits)
        case .scaled(let scaled): self = Self.scaled(scaled)
        case .replaced(let tensors): self = Self.replaced(tensors)
        case .fineTuned(let tuning): self = Self.fineTuned(tuning)
        case .differentModel(let different): self = Self.different(different)
        case .addedOrRemoved(let onlyInA, let onlyInB): self = Self.oneSided(onlyInA, onlyInB)
        case .tokenizer:
            self.init(
                "tokenizer", "The tokenizer or the chat template was changed.",
                ["the tables name tokens, rules and templates that differ"])
        case .numbers(let numbers): self = Self.numbers(numbers)
        case .unclear(let uncertainty): self = Self.unclear(uncertainty)
        }
    }

    private init(_ key: String, _ sentence: String, _ evidence: [String]) {
        self.key = key
        self.sentence = sentence
        self.evidence = evidence
    }

    // MARK: - Whole models

    private static func same(_ same: SameModel) -> DifferenceWords {
        let retyped = same.retyped.map {
            "\($0.count) matrices went from \($0.from.name) to \($0.to.name) without loss"
        }
        return DifferenceWords(
            "same model",
            same.hasEqualBytes
                ? "The same model: every tensor has the same bytes."
                : "The same model in other types or another layout: every value is equal.", retyped)
    }

    private static func different(_ different: DifferentModel) -> DifferenceWords {
        var evidence = different.numbers.prefix(6).map {
            "\($0.name): \($0.a ?? "none") in A, \($0.b ?? "none") in B"
        }
        if different.unmatched.count > 0 {
            evidence.append(
                "\(different.unmatched.count) of \(different.unmatched.total) matrices have no partner of "
                    + "their shape")
        }
        if let cosine = different.medianCosine {
            evidence.append(
                "the median cosine between matrices is \(Quantity.fixed(cosine, 3)); versions of one model "
                    + "have more than 0.5, unrelated ones about 0")
        }
        return DifferenceWords(
            "different model", "Different models: B was not made from A.", evidence)
    }

    // MARK: - Types

    private static func reencoded(_ reencoding: Reencoding) -> DifferenceWords {
        var evidence = [
            "error \(Quantity.scientific(reencoding.observed, 2)) of the values' size; encoding the "
                + "values anew gives \(Quantity.scientific(reencoding.expected, 2)): "
                + "\(Quantity.fixed(reencoding.ratio, 2)) times that level"
        ]
        if reencoding.exactShare == 1 {
            evidence.append("every value is exactly what rtedit's encoder gives")
        } else if reencoding.exactShare > 0.5 {
            evidence.append(
                "at least \(Quantity.percentRoundedDown(reencoding.exactShare)) of every tensor's rows are "
                    + "exactly what rtedit's encoder gives")
        }
        for (tensor, places) in reencoding.otherwiseRounded.prefix(listedTensors) {
            evidence.append(
                "\(label(tensor)): \(places.count) \(places.count == 1 ? "row is" : "rows are") not what the "
                    + "encoder gives, but as good a rounding: \(list(places))")
        }
        if reencoding.otherwiseRounded.count > listedTensors {
            evidence.append(
                "the same in \(tensors(reencoding.otherwiseRounded.count - listedTensors)) more")
        }
        if reencoding.from == reencoding.to {
            evidence.append("the type is the same: another quantiser, or importance weights")
        }
        return DifferenceWords(
            "re-encoded",
            "Re-encoded: \(tensors(reencoding.tensorCount)) from \(text(reencoding.from)) to "
                + "\(text(reencoding.to)).", evidence)
    }

    private static func lastPlace(_ change: LastPlaceChange) -> DifferenceWords {
        DifferenceWords(
            "last place",
            "Equal but for the last place: \(tensors(change.parts.count)) moved by "
                + "\(Quantity.fixed(change.largest, 1)) units in the last place of the largest value at most, "
                + "as after adding a vector and taking it away again.",
            change.parts.prefix(listedTensors).map { part in
                let sums = part.tensor.sums ?? DifferenceSums()
                return
                    "\(label(part.tensor)), in \(part.type.name): \(sums.changed) of \(sums.count) values, by "
                    + "up to \(sums.largest), \(Quantity.fixed(part.units, 1)) units"
            } + more(change.parts.count))
    }

    /// "and 3 tensors more" where a list is cut.
    private static func more(_ count: Int) -> [String] {
        count > listedTensors ? ["and \(tensors(count - listedTensors)) more"] : []
    }

    /// How many tensors a list names.
    private static let listedTensors = 8

    private static func beyond(_ beyond: BeyondReencoding) -> DifferenceWords {
        var evidence: [String] = []
        for part in beyond.parts.prefix(listedTensors) {
            let check = part.check
            let unit = check.isVector ? "values" : "rows"
            evidence.append(
                "\(label(part.tensor)), in \(check.type.name): \(counted(check.outsideValues, "value")) in "
                    + "\(check.outside.count) of \(check.count) \(unit): \(list(check.outside))")
            guard let worst = check.worst else { continue }
            evidence.append(
                "  furthest at row \(worst.row), column \(worst.column): \(worst.a) in A, \(worst.b) in B, "
                    + "where values are \(worst.step) apart")
        }
        if beyond.parts.count > listedTensors {
            evidence.append("and \(tensors(beyond.parts.count - listedTensors)) more")
        }
        return DifferenceWords(
            "changed beyond re-encoding",
            "Changed beyond re-encoding: \(counted(beyond.valueCount, "value")) in \(counted(beyond.rowCount, "row")) of "
                + "\(tensors(beyond.parts.count)) \(beyond.valueCount == 1 ? "is" : "are") outside of what their type rounds off.",
            evidence)
    }

    /// The name, and which expert of a stack.
    static func label(_ tensor: TensorDifference) -> String {
        tensor.name + (tensor.role?.expert.map { " (expert \($0))" } ?? "")
    }

    /// "3, 17, 40 and 12 more".
    private static func list(_ places: ReencodingCheck.Places) -> String {
        list(places.first, of: places.count)
    }

    private static func list(_ first: [Int], of count: Int) -> String {
        let shown = first.prefix(listedTensors)
        return shown.map(String.init).joined(separator: ", ")
            + (count > shown.count ? " and \(count - shown.count) more" : "")
    }

    private static func text(_ storage: Reencoding.Storage) -> String {
        storage.type == storage.grid
            ? storage.type.name : "\(storage.type.name) (holding \(storage.grid.name) values)"
    }

    // MARK: - Edits

    private static func baked(
        _ recovery: BakeRecovery, otherBiases: [String]
    ) -> DifferenceWords {
        var evidence = recovery.places.map { place in
            "\(place.weights)\(place.blocks.isEmpty ? "" : " of blocks \(BlockSet.text(place.blocks))"): "
                + "\(place.tensors.count - place.addedCount) changed, \(place.addedCount) new"
        }
        for vector in recovery.vectors {
            evidence.append(
                "they add a vector at \(vector.site.rawValue) of length "
                    + range(vector.directions.values.map(\.norm)))
        }
        if !otherBiases.isEmpty { evidence.append(other(otherBiases)) }
        let name = recovery.route.name
        return DifferenceWords(
            "\(name) bake",
            "\(name.prefix(1).uppercased() + name.dropFirst()) bake: a steering vector is added to the stream by "
                + "\(recovery.route.forms).", evidence)
    }

    private static func other(_ biases: [String]) -> String {
        "other biases: \(list(biases)); these are no addition to the stream"
    }

    private static func ablation(_ ablation: Ablation) -> DifferenceWords {
        let direction =
            ablation.isOneDirection
            ? "one direction was" : "a direction of its own in each block was"
        var evidence = [
            "every change is -λ v vᵀ W: at most \(Quantity.percent(ablation.residualShare)) of its energy "
                + "is anything else",
            "the directions agree with the written vector to |cosine| "
                + "\(Quantity.fixed(ablation.agreement, 4)) or better",
            "λ \(Quantity.fixed(ablation.strengths.lowerBound, 3)) to "
                + "\(Quantity.fixed(ablation.strengths.upperBound, 3)) (1 removes all of it)",
        ]
        if let first = ablation.vector.blocks.first {
            let parts = ablation.largestComponents(ofBlock: first, count: 4).map {
                "\($0.index): \(Quantity.fixed(Double($0.value), 3))"
            }
            evidence.append(
                "its largest components\(ablation.isOneDirection ? "" : " in block \(first)") are "
                    + parts.joined(separator: ", "))
        }
        let embedding = ablation.includesEmbedding ? " and from the embeddings" : ""
        return DifferenceWords(
            "ablation",
            "Ablation: \(direction) removed from what \(tensors(ablation.tensors.count)) write into the "
                + "stream in blocks \(BlockSet.text(ablation.blocks))\(embedding).", evidence)
    }

    private static func lowRank(_ change: LowRankChange) -> DifferenceWords {
        let (least, most) = (change.smallestRank, change.largestRank)
        var evidence = [
            "rank \(least == most ? "\(least)" : "\(least) to \(most)"), median \(change.medianRank), holds "
                + "\(Quantity.percent(change.share)) or more of each change's energy",
            "kinds: \(list(change.kinds)); blocks "
                + BlockSet.text(change.blocks),
        ]
        let rounded = change.aboveRoundingCount
        if rounded > 0 {
            evidence.append(
                "in \(tensors(rounded)) the rest is what storing the sum in its type rounds off; the rank "
                    + "counts what stands above that")
        }
        return DifferenceWords(
            "rank-k update",
            "Low-rank update, as a merged LoRA: \(tensors(change.parts.count)) changed by rank "
                + "\(change.largestRank) or less.", evidence)
    }

    private static func scaled(_ scaled: [(name: String, factor: Double)]) -> DifferenceWords {
        DifferenceWords(
            "scaled", "\(tensors(scaled.count)) multiplied by a number.",
            scaled.prefix(8).map { "\($0.name): \(Quantity.fixed($0.factor, 6))" })
    }

    private static func rows(_ edits: [EditedRows]) -> DifferenceWords {
        DifferenceWords(
            "edited rows",
            "Single rows were edited (tokens of an embedding, outputs of a projection).",
            edits.prefix(8).map {
                "\(label($0.tensor)): \($0.changedRows) of \($0.rows) rows changed: "
                    + list($0.first, of: $0.changedRows)
            }
                + more(edits.count))
    }

    private static func replaced(_ replaced: [TensorDifference]) -> DifferenceWords {
        DifferenceWords(
            "replaced",
            "\(tensors(replaced.count)) replaced: they have nothing to do with those they stand for.",
            replaced.prefix(8).map {
                "\($0.name): cosine \(Quantity.fixed($0.sums?.cosine ?? 0, 3))"
            })
    }

    private static func resized(_ resized: ResizedEmbedding) -> DifferenceWords {
        DifferenceWords(
            "embedding resize",
            "Embedding resized from \(resized.rowsInA) to \(resized.rowsInB) rows.",
            [
                "tensors: \(list(resized.tensors.map(\.name)))",
                "\(Quantity.percent(resized.changedShare)) of the values in common rows changed",
            ])
    }

    private static func oneSided(_ onlyInA: [String], _ onlyInB: [String]) -> DifferenceWords {
        let sides = [("A", onlyInA), ("B", onlyInB)].filter { !$0.1.isEmpty }
        return DifferenceWords(
            "added or removed", "Tensors were added or removed.",
            sides.map { "only in \($0.0), \($0.1.count): \(list($0.1))" })
    }

    // MARK: - Training

    private static func fineTuned(_ tuning: FineTuning) -> DifferenceWords {
        let blocks = tuning.blocks.isEmpty ? "" : " of blocks \(BlockSet.text(tuning.blocks))"
        var evidence = [
            "\(tuning.changedMatrixCount) of "
                + "\(tuning.matrixCount) matrices changed; kinds: \(list(tuning.kinds))",
            "median change \(Quantity.scientific(tuning.medianChange, 2)) of the values' size, "
                + "from \(Quantity.scientific(tuning.changes.lowerBound, 1)) to "
                + Quantity.scientific(tuning.changes.upperBound, 1),
        ]
        if let prominence = tuning.prominence {
            evidence.append(
                "the change has full rank; its largest singular value is \(Quantity.fixed(prominence, 2)) "
                    + "times that of noise of the same size")
        }
        if let ratio = tuning.roundingRatio, ratio < 3 {
            evidence.append(
                "the change is \(Quantity.fixed(ratio, 1)) times what the types round off, so the file may "
                    + "hold only part of it")
        }
        if tuning.looksLikeNoise {
            evidence.append(
                "no direction stands out: noise added to the weights would look the same")
        }
        let types = tuning.quantizedTypes.map(\.name).joined(separator: ", ")
        let stored = types.isEmpty ? "" : ", and were requantised to \(types)"
        let whole =
            tuning.coversBlocks && !blocks.isEmpty
            ? "Tuned in full\(blocks): all their weights" : "Fine-tune of a part: weights\(blocks)"
        return DifferenceWords(
            tuning.isFull ? "full fine-tune" : "fine-tune",
            (tuning.isFull ? "Full fine-tune: all weights" : whole)
                + " moved a little, in all directions\(stored).", evidence)
    }

    private static func numbers(_ numbers: [SettingDifference]) -> DifferenceWords {
        DifferenceWords(
            "numbers changed", "Numbers that shape the model were changed.",
            numbers.prefix(8).map {
                "\($0.name): \(DifferenceView.clipped($0.a)) in A, \(DifferenceView.clipped($0.b)) in B"
            })
    }

    private static func unclear(_ uncertainty: Uncertainty) -> DifferenceWords {
        let reason =
            switch uncertainty.reason {
            case .unreadable(let types):
                "values of \(types.map(\.name).joined(separator: ", ")) cannot be read, only their bytes"
            case .scattered(let change):
                "they changed by \(Quantity.scientific(change, 1)) of the values' size in many directions, "
                    + "too few or too scattered for training of whole blocks, too near to A to be replaced"
            case .nearRounding(let ratio):
                "they changed type, and by up to \(Quantity.fixed(ratio, 2)) times what that rounds off: "
                    + "a coarser quantiser or a small change beside it"
            case .vectors: "single norms or other vectors changed, not all of a kind"
            case .shapes: "their shapes differ, and not as those of a resized embedding do"
            }
        return DifferenceWords(
            "unclear", "Unclear what was done to \(tensors(uncertainty.tensors.count)).",
            [reason] + tensorLines(uncertainty))
    }

    /// The tensors, and how far vectors moved.
    private static func tensorLines(_ uncertainty: Uncertainty) -> [String] {
        guard case .vectors = uncertainty.reason else {
            return [list(uncertainty.tensors.map(label))]
        }
        let lines = uncertainty.tensors.prefix(listedTensors).map { tensor in
            let sums = tensor.sums ?? DifferenceSums()
            return
                "\(label(tensor)): \(sums.changed) of \(sums.count) values, by up to \(sums.largest)"
        }
        let more = uncertainty.tensors.count - lines.count
        return lines + (more > 0 ? ["and \(tensors(more)) more"] : [])
    }

    // MARK: - Pieces

    private static func tensors(_ count: Int) -> String { counted(count, "tensor") }

    private static func counted(_ count: Int, _ thing: String) -> String {
        "\(count) \(thing)\(count == 1 ? "" : "s")"
    }

    /// Names, not too many.
    private static func list(_ names: [String]) -> String {
        names.prefix(6).joined(separator: ", ") + (names.count > 6 ? ", …" : "")
    }

    private static func range(_ values: [Double]) -> String {
        let (least, most) = (values.min() ?? 0, values.max() ?? 0)
        let first = Quantity.fixed(least, 3)
        return least == most ? first : "\(first) to \(Quantity.fixed(most, 3))"
    }
}
