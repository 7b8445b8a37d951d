import Formats
package import Transformer

/// The objectives of a run before the vectors and the weights are known that make terms of them.
package struct ObjectiveRequest: Sendable {
    package let objectives: [(kind: ObjectiveTerm.Kind, weight: Float)]
    /// At which tokens representation terms read the stream.
    package let position: Position
    /// Where they read it; nil for the vectors' own sites.
    package let site: Site?
    /// The cosine that `toward` does not pull beyond.
    package let limit: Float
    /// What representation terms reach; nil for everything.
    package let representationWeights: [TunedWeight]?
    /// What `contrast` compares: in which blocks, and how far the untuned stream is moved; nil where that is no objective.
    package let contrast: Contrast?

    /// What a contrast needs beside its prompts.
    package struct Contrast: Sendable, Hashable {
        let blocks: [Int]
        let strength: Float

        package init(blocks: [Int], strength: Float) {
            self.blocks = Set(blocks).sorted()
            self.strength = strength
        }
    }

    package init(
        _ objectives: [(kind: ObjectiveTerm.Kind, weight: Float)], position: Position, site: Site?,
        limit: Float, representationWeights: [TunedWeight]?, contrast: Contrast?
    ) {
        self.objectives = objectives
        self.position = position
        self.site = site
        self.limit = limit
        self.representationWeights = representationWeights
        self.contrast = contrast
    }

    /// The terms. Representation terms are made for every site that the vectors have.
    package func terms(
        _ vectors: [Intervention], tuned selection: WeightSelection
    ) -> [ObjectiveTerm] {
        let sites = Dictionary(grouping: vectors) { site ?? $0.site }.mapValues { vectors in
            Dictionary(grouping: vectors, by: \.block).mapValues(\.sumOfAdditions)
        }
        let reach = representationWeights.map { weights in
            Set(
                selection.roles.flatMap(selection.parts).filter { role in
                    weights.contains { $0.contains(role) }
                })
        }
        func representation(
            _ weight: Float, _ goal: ([Int: [Float]]) -> ObjectiveTerm.Goal
        ) -> [ObjectiveTerm] {
            Site.allCases.compactMap { site in
                sites[site].map { directions in
                    ObjectiveTerm(
                        goal(directions), weight: weight, site: site, position: position,
                        reach: reach)
                }
            }
        }
        return objectives.flatMap { kind, weight -> [ObjectiveTerm] in
            switch kind {
            case .toward: representation(weight) { .toward($0, limit: limit) }
            case .away: representation(weight) { .away($0) }
            case .shift: representation(weight) { .shift($0) }
            case .contrast:
                contrast.map {
                    [
                        ObjectiveTerm(
                            .contrast(blocks: $0.blocks, strength: $0.strength), weight: weight,
                            site: site ?? .residPost, position: .completion, reach: reach)
                    ]
                } ?? []
            case .token: [ObjectiveTerm(.token, weight: weight)]
            case .soft: [ObjectiveTerm(.soft, weight: weight)]
            case .keep: [ObjectiveTerm(.keep, weight: weight)]
            case .keepSteered: [ObjectiveTerm(.keepSteered, weight: weight)]
            }
        }
    }
}

extension [ObjectiveTerm] {
    /// The terms' names; with their sites where several are of one kind.
    package var names: [String] {
        map { term in
            let name = term.goal.kind.rawValue
            let isAlone = count { $0.goal.kind == term.goal.kind } == 1
            return isAlone ? name : "\(name) \(term.site.rawValue)"
        }
    }
}
