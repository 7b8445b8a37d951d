package import Formats

/// One thing that was done to a model between two checkpoints, with the evidence in numbers. Several may have been done
/// one after the other.
package enum Finding: Sendable {
    /// The same values, numbers, tokenizer and template; perhaps in another format or a wider type.
    case sameModel(SameModel)
    /// Re-encoded tensors with rows or values that no storing in their type explains.
    case beyondReencoding(BeyondReencoding)
    /// Tensors stored in another type, their error at the level which that type gives.
    case reencoded(Reencoding)
    /// Numbers that differ by what adding and taking away again leaves.
    case lastPlace(LastPlaceChange)
    /// What a route of `bake` makes; with the names of changed biases that it does not make.
    case baked(BakeRecovery, otherBiases: [String])
    /// Biases of inner projections, which add nothing to the stream itself.
    case biases([String])
    case lowRank(LowRankChange)
    case ablation(Ablation)
    case resizedEmbedding(ResizedEmbedding)
    /// Only a few rows of matrices changed: single tokens, single neurons.
    case editedRows([EditedRows])
    /// Matrices multiplied by a number.
    case scaled([(name: String, factor: Double)])
    /// A few tensors that have nothing to do with those they stand for.
    case replaced([TensorDifference])
    case fineTuned(FineTuning)
    case differentModel(DifferentModel)
    /// Tensors that only one checkpoint has.
    case addedOrRemoved(onlyInA: [String], onlyInB: [String])
    /// The tokenizer or the chat template is another one.
    case tokenizer
    /// Numbers that shape the model were changed.
    case numbers([SettingDifference])
    case unclear(Uncertainty)
}

/// In what way two equal models are stored.
package struct SameModel: Sendable {
    /// Whether every tensor has the same bytes.
    package let hasEqualBytes: Bool
    /// Pairs of types (A, B) that hold the same values.
    package let retyped: [(from: ElementType, to: ElementType, count: Int)]
}

/// Tensors that went from one type to another, and nothing else was done to them beyond what other findings say.
package struct Reencoding: Sendable {
    /// A type and the narrower one whose values are all it holds, if any.
    package struct Storage: Sendable, Hashable {
        package let type: ElementType
        package let grid: ElementType
    }

    package let from: Storage
    package let to: Storage
    package let tensorCount: Int
    /// The root mean square of the change, in units of the values' own, over all these tensors; of an update found
    /// beside it, without that.
    package let observed: Double
    /// The same for what the types round off, measured by encoding the values anew.
    package let expected: Double
    /// How many times the expected error the observed is.
    package var ratio: Double { observed / max(expected, .leastNormalMagnitude) }
    /// The least share of a tensor's rows, or of a vector's values, that are exactly what encoding the other side's
    /// gives.
    package let exactShare: Double
    /// Tensors most of whose rows are exactly that, with the rows that are not and yet are as good a rounding.
    package let otherwiseRounded: [(tensor: TensorDifference, places: ReencodingCheck.Places)]
}

/// Values of re-encoded tensors that are something else than the other side's in another type.
package struct BeyondReencoding: Sendable {
    /// A tensor with such values.
    package struct Part: Sendable {
        package let tensor: TensorDifference
        package let check: ReencodingCheck
    }

    /// That with most values outside first.
    package let parts: [Part]

    /// How many values are outside of what their types round off.
    package var valueCount: Int { parts.reduce(0) { $0 + $1.check.outsideValues } }
    /// In how many rows, or in a vector values, they lie.
    package var rowCount: Int { parts.reduce(0) { $0 + $1.check.outside.count } }
}

/// Vectors that differ by a few units in the last place of their largest value, as those do to which something was
/// added and taken away again.
package struct LastPlaceChange: Sendable {
    /// A vector that changed so.
    package struct Part: Sendable {
        package let tensor: TensorDifference
        package let type: ElementType
        /// The largest change, in steps of the type at the tensor's largest value.
        package let units: Double
    }

    package let parts: [Part]

    package var largest: Double { parts.map(\.units).max() ?? 0 }
}

/// Updates of low rank: merged adapters.
package struct LowRankChange: Sendable {
    /// A matrix that changed so.
    package struct Part: Sendable {
        package let tensor: TensorDifference
        package let rank: Int
        /// The share of the change's energy that the rank holds.
        package let share: Double
        /// Whether the rest is what storing the sum rounds off; the rank then counts what stands above that.
        package let isAboveRounding: Bool
    }

    package let parts: [Part]

    /// The smallest rank of a part.
    package var smallestRank: Int { parts.map(\.rank).min() ?? 0 }
    /// The largest rank of a part.
    package var largestRank: Int { parts.map(\.rank).max() ?? 0 }
    /// The least share of a change's energy that its rank holds.
    package var share: Double { parts.map(\.share).min() ?? 0 }
    /// In how many parts the rest is what storing the sum rounds off.
    package var aboveRoundingCount: Int { parts.count(where: \.isAboveRounding) }
    /// The kinds of weights, by name.
    package var kinds: [String] { Set(parts.map(\.tensor.kind)).sorted() }
    /// Ascending.
    package var blocks: [Int] { Set(parts.compactMap(\.tensor.role?.block)).sorted() }
    /// The rank in the middle of all parts.
    package var medianRank: Int { Quantile.middle(of: parts.map(\.rank)) ?? 0 }
}

/// A direction removed from what projections write into the residual stream.
package struct Ablation: Sendable {
    package let tensors: [TensorDifference]
    package let blocks: [Int]
    /// Whether the embeddings lost the direction too.
    package let includesEmbedding: Bool
    /// Whether all tensors lost one direction; else each block its own.
    package let isOneDirection: Bool
    /// The least |cosine| between a tensor's direction and that of its vector.
    package let agreement: Double
    /// The least and the largest λ.
    package let strengths: ClosedRange<Double>
    /// The largest share of a change's energy that is something else.
    package let residualShare: Double
    /// The unit directions, block by block.
    package let vector: SteeringVector

    /// The dimensions of the stream in which a block's direction is largest, with their values; largest first.
    package func largestComponents(ofBlock block: Int, count: Int) -> [(index: Int, value: Float)] {
        let vector = vector.directions[block] ?? []
        return vector.indices.sorted {
            let (x, y) = (abs(vector[$0]), abs(vector[$1]))
            return x != y ? x > y : $0 < $1
        }.prefix(count).map { ($0, vector[$0]) }
    }
}

/// An embedding or head with more or fewer rows.
package struct ResizedEmbedding: Sendable {
    package let tensors: [TensorDifference]
    package let rowsInA: Int
    package let rowsInB: Int
    /// The share of values in the common rows that changed.
    package let changedShare: Double
}

/// A matrix of which only some rows changed.
package struct EditedRows: Sendable {
    package let tensor: TensorDifference
    package let changedRows: Int
    /// The numbers of the first of them.
    package let first: [Int]
    package let rows: Int
}

/// Weights trained further: changes of many directions in whole blocks.
package struct FineTuning: Sendable {
    package let tensors: [TensorDifference]
    /// How many matrices both models have.
    package let matrixCount: Int
    /// Whether nearly all matrices of all blocks changed.
    package let isFull: Bool
    /// Whether all matrices of the blocks changed.
    package let coversBlocks: Bool
    /// The quantised types that changed matrices are stored in.
    package let quantizedTypes: [ElementType]
    package let blocks: [Int]
    package let kinds: [String]
    /// The middle of the tensors' normalised changes, and their range.
    package let medianChange: Double
    package let changes: ClosedRange<Double>
    /// The middle of s₁ / (σ (√m + √n)); about 1 where the change has no direction at all, as added noise has none. Nil
    /// where no matrix changed.
    package let prominence: Double?
    /// The middle of the change in units of the types' rounding; nil where that is not known.
    package let roundingRatio: Double?

    /// How many of the tensors are matrices.
    package var changedMatrixCount: Int {
        tensors.count { $0.role?.part != .bias && ($0.a?.shape.count ?? 0) > 1 }
    }

    /// Whether noise added to the weights would look the same.
    package var looksLikeNoise: Bool { (prominence ?? .infinity) < 1.05 }
}

/// Why two checkpoints are two models.
package struct DifferentModel: Sendable {
    /// The numbers that shape the models and differ.
    package let numbers: [SettingDifference]
    /// Matrices without a partner of the same shape, of all.
    package let unmatched: (count: Int, total: Int)
    /// The middle of the cosines between the matrices that can be compared; nil where there are none.
    package let medianCosine: Double?
}

/// Tensors whose change is none of the forms that are known.
package struct Uncertainty: Sendable {
    /// Why it is said.
    package enum Reason: Sendable {
        /// Types that cannot be widened.
        case unreadable([ElementType])
        /// A few matrices changed a little, in many directions; whole blocks or all of a kind would be a fine-tune.
        case scattered(medianChange: Double)
        /// The change is larger than the type's rounding, but not so much that it must be something else.
        case nearRounding(ratio: Double)
        /// Some norms or other vectors changed.
        case vectors
        /// Shapes differ, and not as those of a resized embedding do.
        case shapes
    }

    package let reason: Reason
    package let tensors: [TensorDifference]
}
