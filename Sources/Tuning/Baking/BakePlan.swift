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

    /// Additions first: what removes a direction also removes it from what they add. Scalings last: they are made of what the
    /// others leave in the weights.
    package let steps: [Step]

    /// Gives all interventions to one route, or where none takes them all, those of each kind and site to the first that
    /// takes them.
    ///
    /// - Parameters:
    ///   - name: the only route to ask; nil for all.
    ///   - routes: those there are.
    /// - Throws: the first route's refusal where all refuse.
    package init(
        named name: String?, for interventions: [Intervention], in checkpoint: Checkpoint,
        format: FileFormat, of routes: [any BakeRoute] = BakeRoutes.all
    ) throws {
        do {
            let route = try BakeRoutes.route(
                named: name, for: interventions, in: checkpoint, format: format, of: routes)
            steps = [Step(route: route, interventions: interventions)]
        } catch {
            let whole = try Self.withoutRemoved(interventions, file: checkpoint.path)
            let groups = Self.groups(try Self.withoutScale(whole, file: checkpoint.path))
            guard name == nil, groups.count > 1 else { throw error }
            steps = try groups.map { group in
                Step(
                    route: try BakeRoutes.route(
                        named: nil, for: group, in: checkpoint, format: format, of: routes),
                    interventions: group)
            }
            if steps.contains(where: { $0.route is FitRoute }),
                steps.contains(where: { $0.route is ScalingRoute })
            {
                throw BakePlanError.fitOfScaled(file: checkpoint.path)
            }
        }
    }

    /// The interventions of each kind and site, in the order in which they were first named, then those that remove, and
    /// those that scale. What removes acts at all sites together, and so does what scales.
    package static func groups(_ interventions: [Intervention]) -> [[Intervention]] {
        var groups: [[Intervention]] = []
        for intervention in interventions {
            let index = groups.firstIndex { group in
                group.contains {
                    $0.operation.removes && intervention.operation.removes
                        || $0.operation == intervention.operation
                            && ($0.operation != .add || $0.site == intervention.site)
                }
            }
            if let index {
                groups[index].append(intervention)
            } else {
                groups.append([intervention])
            }
        }
        func rank(_ group: [Intervention]) -> Int {
            switch group.first?.operation {
            case .ablate, .ablateOutput: 1
            case .scaleOutput: 2
            default: 0
            }
        }
        return (0...2).flatMap { own in groups.filter { rank($0) == own } }
    }

    /// The additions divided by what the weights that hold them are multiplied by afterwards: online, a sub-layer is scaled
    /// before anything is added.
    ///
    /// - Throws: `BakePlanError.scaledToNothing` where that is 0.
    private static func withoutScale(
        _ interventions: [Intervention], file: String
    ) throws -> [Intervention] {
        var factors: [StreamSite: Float] = [:]
        for scaling in interventions where scaling.operation == .scaleOutput {
            let place = StreamSite(site: scaling.site, block: scaling.block)
            factors[place, default: 1] *= 1 + scaling.strength
        }
        return try interventions.map { intervention in
            let place = StreamSite(site: intervention.site, block: intervention.block)
            guard intervention.operation == .add, let factor = factors[place] else {
                return intervention
            }
            var result = intervention
            result.strength /= factor
            guard result.strength.isFinite else {
                throw BakePlanError.scaledToNothing(file: file, place: place)
            }
            return result
        }
    }

    /// The additions without what a removal that acts after them at their place takes away, so that in the weights, where
    /// the two are made by themselves, their order no longer matters.
    ///
    /// - Throws: `BakePlanError` where a removal at a later place of the stream would take away a part of what is added.
    private static func withoutRemoved(
        _ interventions: [Intervention], file: String
    ) throws -> [Intervention] {
        let removals = interventions.enumerated().filter { $0.element.operation == .ablate }
        guard !removals.isEmpty, interventions.contains(where: { $0.operation == .add }) else {
            return interventions
        }
        if let partial = removals.first(where: { $0.element.strength != 1 }) {
            throw BakePlanError.partialRemoval(file: file, strength: partial.element.strength)
        }
        func place(_ intervention: Intervention) -> (Int, Int) {
            switch intervention.site {
            case .embed: (-1, 0)
            case .residMid: (intervention.block, 0)
            case .residPost: (intervention.block, 1)
            }
        }
        return try interventions.enumerated().map { index, addition in
            guard addition.operation == .add, addition.vector.norm > 0 else { return addition }
            let own = removals.filter {
                $0.offset > index && place($0.element) == place(addition)
            }
            let later = removals.filter { place($0.element) > place(addition) }
            var result = addition
            for direction in RemovedSpan(of: own.map(\.element.vector)).directions {
                let share = result.vector.dot(direction)
                result.vector = zip(result.vector, direction).map {
                    Float(Double($0) - share * Double($1))
                }
            }
            let left = RemovedSpan(of: later.map(\.element.vector)).directions
                .reduce(0) { $0 + abs(result.vector.dot($1)) }
            guard left <= 1e-5 * addition.vector.norm else {
                throw BakePlanError.removedLater(
                    file: file, site: addition.site, block: addition.block,
                    share: left / addition.vector.norm)
            }
            return result
        }
    }

    /// The edits of all steps.
    ///
    /// - Throws: as `BakeRoute.edits`; `BakePlanError` where two routes make different models of one.
    package func edits(
        into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit] {
        var edits: [(route: String, edits: [CheckpointEdit])] = []
        for step in steps {
            let own: [CheckpointEdit]
            if let scaling = step.route as? ScalingRoute {
                // Biases that an earlier step makes are scaled too.
                let roles = edits.flatMap(\.edits).compactMap { edit -> WeightRole? in
                    if case .set(let role, _, type: _) = edit { role } else { nil }
                }
                own = try scaling.edits(
                    baking: step.interventions, into: checkpoint, format: format, after: Set(roles))
            } else {
                own = try step.route.edits(
                    baking: step.interventions, into: checkpoint, format: format)
            }
            edits.append((step.route.name, own))
        }
        return try Self.joined(edits, in: checkpoint)
    }

    /// Edits of several routes as those of one output: where more than one makes it a model of other numbers, it gets the
    /// changes of all.
    private static func joined(
        _ steps: [(route: String, edits: [CheckpointEdit])], in checkpoint: Checkpoint
    ) throws -> [CheckpointEdit] {
        var models: [(architecture: Architecture, numbers: Hyperparameters)] = []
        var owners: [WeightRole: (route: String, rows: RowSource)] = [:]
        var others: [CheckpointEdit] = []
        for step in steps {
            for edit in step.edits {
                switch edit {
                case .model(let architecture, let numbers): models.append((architecture, numbers))
                case .set(let role, let rows, type: _):
                    if let owner = owners[role], owner.route != step.route {
                        if owner.rows.isSameTensor(as: rows) { continue }
                        guard rows.isScaling || owner.rows.isUpdate && rows.isUpdate else {
                            throw BakePlanError.sameWeight(
                                file: checkpoint.path, role: role,
                                routes: [owner.route, step.route])
                        }
                    }
                    owners[role] = (step.route, rows)
                    others.append(edit)
                default: others.append(edit)
                }
            }
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

extension RowSource {
    /// Whether the rows are what the weight has and an update of low rank, which others can be added to.
    fileprivate var isUpdate: Bool { if case .plus(.present, _) = self { true } else { false } }

    /// Whether the rows are what the weight has times a number.
    fileprivate var isScaling: Bool { if case .scaled(.present, _) = self { true } else { false } }

    /// Whether both are one tensor as it lies in its file.
    fileprivate func isSameTensor(as other: RowSource) -> Bool {
        guard case .stored(let tensor) = self, case .stored(let second) = other else {
            return false
        }
        return tensor.name == second.name
    }
}

/// Why routes cannot be combined.
package enum BakePlanError: Failure, Hashable {
    case twoModels(file: String)
    /// Two routes change one weight in ways that do not add up.
    case sameWeight(file: String, role: WeightRole, routes: [String])
    /// A removal beside additions that takes away a share of a direction only.
    case partialRemoval(file: String, strength: Float)
    /// A fit beside scalings: it is made for the model without them.
    case fitOfScaled(file: String)
    /// A vector is added where the sub-layer before it is scaled to nothing, or nearly so.
    case scaledToNothing(file: String, place: StreamSite)
    /// What is added has a part along a direction that is removed from the stream further on.
    case removedLater(file: String, site: Site, block: Int, share: Double)

    package var kind: FailureKind { .unsupported }

    package var description: String {
        switch self {
        case .twoModels(let file):
            "\(file): the routes of these interventions make different models of it; bake one after the other"
        case .sameWeight(let file, let role, let routes):
            "\(file): routes \(routes.joined(separator: " and ")) both change \(role); bake one after the other"
        case .partialRemoval(let file, let strength):
            "\(file): a direction is ablated at strength \(strength) beside vectors; only whole ablations can be baked "
                + "together with them"
        case .fitOfScaled(let file):
            "\(file): a vector cannot be fitted beside --scaling; bake the scaling first, and the vector into its output"
        case .scaledToNothing(let file, let place):
            "\(file): the weights that are to hold the vector at \(place) are scaled to nothing; bake the scaling first, "
                + "and the vector into its output"
        case .removedLater(let file, let site, let block, let share):
            "\(file): of the vector at \(site.rawValue) of block \(block) \(Int((share * 100).rounded())) % lie along a direction "
                + "that is ablated further on; name the vector before --ablate"
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
