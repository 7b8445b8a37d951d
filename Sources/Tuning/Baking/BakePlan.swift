package import Formats
package import Transformer

/// Which route makes which interventions permanent in one output.
package struct BakePlan: Sendable {
    /// One route and what it is given.
    package struct Step: Sendable {
        package let route: any BakeRoute
        /// In the order in which they act on the stream.
        package let interventions: [Intervention]
    }

    /// Additions first: what removes a direction also removes it from what they add.
    package let steps: [Step]

    /// Gives all interventions to one route, or where none takes them all, those of each kind and site to the first that
    /// takes them.
    ///
    /// - Parameter name: the only route to ask; nil for all.
    /// - Throws: the first route's refusal where all refuse.
    package init(
        named name: String?, for interventions: [Intervention], in checkpoint: Checkpoint,
        format: FileFormat
    ) throws {
        do {
            let route = try BakeRoutes.route(
                named: name, for: interventions, in: checkpoint, format: format)
            steps = [Step(route: route, interventions: interventions)]
        } catch {
            let groups = Self.groups(interventions)
            guard name == nil, groups.count > 1 else { throw error }
            steps = try groups.map { group in
                Step(
                    route: try BakeRoutes.route(
                        named: nil, for: group, in: checkpoint, format: format),
                    interventions: group)
            }
        }
    }

    /// The interventions of each kind and site, in the order in which they were first named, those that remove last. What
    /// removes acts at all sites together.
    private static func groups(_ interventions: [Intervention]) -> [[Intervention]] {
        var groups: [[Intervention]] = []
        for intervention in interventions {
            let index = groups.firstIndex { group in
                group.contains {
                    $0.operation == intervention.operation
                        && ($0.operation == .ablate || $0.site == intervention.site)
                }
            }
            if let index {
                groups[index].append(intervention)
            } else {
                groups.append([intervention])
            }
        }
        return groups.filter { $0.first?.operation != .ablate }
            + groups.filter { $0.first?.operation == .ablate }
    }

    /// The edits of all steps.
    ///
    /// - Throws: as `BakeRoute.edits`; `BakePlanError` where two routes make different models of one.
    package func edits(
        into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit] {
        try Self.joined(
            try steps.map {
                try $0.route.edits(baking: $0.interventions, into: checkpoint, format: format)
            }, in: checkpoint)
    }

    /// Edits of several routes as those of one output: where more than one makes it a model of other numbers, it gets the
    /// changes of all.
    private static func joined(
        _ edits: [[CheckpointEdit]], in checkpoint: Checkpoint
    ) throws -> [CheckpointEdit] {
        var models: [(architecture: Architecture, numbers: Hyperparameters)] = []
        let others = edits.flatMap { $0 }.filter { edit in
            guard case .model(let architecture, let numbers) = edit else { return true }
            models.append((architecture, numbers))
            return false
        }
        guard let first = models.first else { return others }
        let base = try checkpoint.storedHyperparameters()
        var numbers = first.numbers
        for model in models.dropFirst() {
            guard model.architecture.name == first.architecture.name,
                let sum = numbers.joined(with: model.numbers, from: base)
            else {
                throw BakePlanError.twoModels(file: checkpoint.path)
            }
            numbers = sum
        }
        return [.model(first.architecture, numbers)] + others
    }
}

/// Why routes cannot be combined.
package enum BakePlanError: Failure, Hashable {
    case twoModels(file: String)

    package var kind: FailureKind { .unsupported }

    package var description: String {
        switch self {
        case .twoModels(let file):
            "\(file): the routes of these interventions make different models of it; bake one after the other"
        }
    }
}

extension Hyperparameters {
    /// The sizes that routes change.
    private static var sizes: [WritableKeyPath<Hyperparameters, Int>] {
        [\.headCount, \.keyValueHeadCount, \.headSize, \.feedForwardSize]
    }

    /// Both changes of the same base together; nil where they change one number to different values.
    fileprivate func joined(with other: Self, from base: Self) -> Self? {
        var (sum, rest) = (self, other)
        for size in Self.sizes {
            if other[keyPath: size] != base[keyPath: size] {
                let isOurs = self[keyPath: size] != base[keyPath: size]
                guard !isOurs || self[keyPath: size] == other[keyPath: size] else { return nil }
                sum[keyPath: size] = other[keyPath: size]
            }
            rest[keyPath: size] = sum[keyPath: size]
        }
        return rest == sum || other == base ? sum : nil
    }
}
