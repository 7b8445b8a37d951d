import Transformer

/// What is removed from the stream at each place, and whether weights can remove the same.
///
/// Online, a place's change M meets all that was written before, h, and what was written since the place before it, w:
/// M (h + w). Weights change what is written alone: h + M w. The two are equal if M h = h for every h that can be there,
/// that is, if no direction removed at a place is left in the stream by any earlier one: Mₜᵀ q = 0 for every earlier t.
/// So directions of strength 1 everywhere can be held, fewer directions from block to block, and another strength where
/// no later place has the direction.
struct Removals {
    /// In the order of the places.
    let steps: [(place: StreamSite, steps: [InterventionPlan.Step])]
    /// Why weights cannot hold them.
    let refusal: AblationRoute.Refusal?

    /// What is left of a direction by rounding.
    private static let rounding: Float = 1e-5

    init(_ plan: InterventionPlan, blockCount: Int) {
        let all = StreamSite.all(blockCount: blockCount)
        steps = all.map { ($0, plan.steps(at: $0.site, block: $0.block)) }
        refusal = Self.refusal(of: steps)
    }

    /// The first direction that is left somewhere before it is removed; the same steps at several places are looked at
    /// once.
    private static func refusal(
        of all: [(place: StreamSite, steps: [InterventionPlan.Step])]
    ) -> AblationRoute.Refusal? {
        var kinds: [[Removal]] = []
        var earlier: [(kind: Int, place: StreamSite, steps: [InterventionPlan.Step])] = []
        var isDone: Set<[Int]> = []
        for (place, steps) in all {
            let removals = steps.compactMap(Removal.init)
            let known = kinds.firstIndex(of: removals)
            let kind = known ?? kinds.count
            for before in earlier where isDone.insert([kind, before.kind]).inserted {
                for direction in removals.flatMap(\.directions) {
                    let share = left(of: direction, by: before.steps)
                    guard share <= rounding else {
                        return .leftBefore(place, earlier: before.place, share: share)
                    }
                }
            }
            guard known == nil else { continue }
            kinds.append(removals)
            earlier.append((kind, place, steps))
        }
        return nil
    }

    private struct Removal: Equatable {
        let directions: [[Float]]
        let strength: Float

        init?(_ step: InterventionPlan.Step) {
            guard case .ablate(let span, let strength) = step else { return nil }
            (directions, self.strength) = (span.directions, strength)
        }
    }

    /// ‖Mᵀ q‖, the length of q that is left by steps; each is symmetric, so they act in the other order.
    private static func left(
        of direction: [Float], by steps: [InterventionPlan.Step]
    ) -> Float {
        var rest = direction
        rest.withUnsafeMutableBufferPointer { values in
            guard let start = values.baseAddress else { return }
            for step in steps.reversed() { step.apply(to: start, width: values.count) }
        }
        return Float(rest.norm)
    }
}
