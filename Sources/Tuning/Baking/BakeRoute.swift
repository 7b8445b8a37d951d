package import Formats
package import Transformer

/// A way to make interventions permanent in the weights.
///
/// A route is a file of this room and a line in `BakeRoutes.all`: `bake --method`, its help and its dry run, `inspect` and
/// `diff --explain` go through that list.
package protocol BakeRoute: Sendable {
    /// The word that `bake --method` takes.
    var name: String { get }
    /// What becomes of a vector, with its article: "a bias".
    var form: String { get }
    /// The same in the plural: "biases".
    var forms: String { get }
    /// What the route does, a sentence for help.
    var summary: String { get }
    /// What it makes permanent.
    var operation: Intervention.Operation { get }
    /// Where it acts in a model that takes it.
    var sites: [Site] { get }
    /// Whether `recovery` finds what was baked.
    var hasInverse: Bool { get }
    /// Whether it is not equal to steering, so that it is never chosen by itself.
    var isOnlyTakenByName: Bool { get }

    /// Why an operation at this site cannot be made permanent in a file of this format; nil where it can.
    ///
    /// It asks for no more of the checkpoint than its architecture, so that it answers for those that are not known too.
    func refusal(
        of operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint,
        format: FileFormat
    ) -> (any Failure)?

    /// Why the interventions cannot be made permanent together; nil where they can.
    func refusal(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) -> (any Failure)?

    /// What the output costs beside its source. It reads no weight.
    ///
    /// - Throws: `CheckpointError` where the model's numbers are unusable.
    func cost(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) throws -> BakeCost

    /// The edits that make the interventions permanent.
    ///
    /// - Throws: the refusal, or a `Failure` where values do not fit the model or a runtime; `CheckpointError` where rtedit
    ///   does not know the architecture.
    func edits(
        baking interventions: [Intervention], into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit]

    /// What whoever bakes ought to know of the result beside its cost, a sentence each; it may read weights.
    ///
    /// - Throws: as `edits`.
    func remarks(on interventions: [Intervention], in checkpoint: Checkpoint) throws -> [String]

    /// The inverse: the vectors that the route would have made these changes of; nil where it made none of them.
    ///
    /// - Parameters:
    ///   - changes: tensors that differ by more than rounding.
    ///   - base: the model they differ from.
    /// - Throws: `CheckpointError` where the base's numbers are unusable or values cannot be read.
    func recovery(from changes: [TensorDifference], base: Checkpoint) throws -> BakeRecovery?
}

/// What a baked model costs beside its source.
package struct BakeCost: Sendable, Hashable {
    /// How much larger the weights are, in bytes.
    package let bytes: Int
    /// Multiply-adds more for every token; an addition alone counts as one.
    package let operations: Int
    /// The largest error of what is added that the types of the output make, relative to it; nil where the weights
    /// decide.
    package let error: Double?
    /// The runtimes outside that load the result and compute with it.
    package let runtimes: [String]
}

/// What a route would have baked to give the changes that were found.
package struct BakeRecovery: Sendable {
    /// Weights of one kind that carry the edit.
    package struct Place: Sendable, Hashable {
        /// What they are called in words, in the plural.
        package let weights: String
        package let tensors: [String]
        package let blocks: [Int]
        /// How many of them A does not have.
        package let addedCount: Int
    }

    package let route: any BakeRoute
    package let places: [Place]
    /// What the edit adds to the stream, a vector for each site.
    package let vectors: [SteeringVector]
}

/// The routes there are, the one to prefer first.
package enum BakeRoutes {
    package static let all: [any BakeRoute] =
        [
            BiasRoute(), RelabelRoute(), ValueHeadRoute(), ValueBiasRoute(), EmbedRoute(),
            WidenRoute(), FitRoute(),
            AblationRoute(),
        ] + KeptNorm.allCases.map { WeightAblationRoute($0) } + [ScalingRoute()]

    /// The same with what was fitted.
    package static func all(with fitting: Fitting) -> [any BakeRoute] {
        all.map { $0 is FitRoute ? FitRoute(fitting) : $0 }
    }

    /// Those that make additions permanent.
    private static var additions: [any BakeRoute] { all.filter { $0.operation == .add } }

    /// The sites at which any route adds, in the order of the routes.
    package static var sites: [Site] {
        additions.flatMap(\.sites).reduce(into: []) { if !$0.contains($1) { $0.append($1) } }
    }

    /// The route of this name, or for nil the first that does not refuse the interventions.
    ///
    /// - Parameter all: the routes to choose from.
    /// - Throws: where all refuse, what the first says that makes such operations permanent.
    package static func route(
        named name: String?, for interventions: [Intervention], in checkpoint: Checkpoint,
        format: FileFormat, of all: [any BakeRoute] = Self.all
    ) throws -> any BakeRoute {
        let routes = all.filter { name == nil ? !$0.isOnlyTakenByName : $0.name == name }
        var first: (any Failure)?
        var isFirstMeant = false
        for route in routes {
            guard let refusal = route.refusal(of: interventions, in: checkpoint, format: format)
            else { return route }
            let isMeant = interventions.contains {
                $0.operation == route.operation || $0.operation.removes && route.operation.removes
            }
            if first == nil || isMeant && !isFirstMeant {
                (first, isFirstMeant) = (refusal, isMeant)
            }
        }
        throw first ?? NoRoute(name: name ?? "")
    }

    /// How an addition at each site can be baked: the first route that has nothing against it, or what the first has.
    /// An output is planned once for each route that is asked.
    package static func answers(
        in checkpoint: Checkpoint, format: FileFormat
    ) -> [(site: Site, answer: Result<any BakeRoute, any Error>)] {
        var takers: [Site: any BakeRoute] = [:]
        var obstacles: [Site: any Error] = [:]
        for route in additions {
            // What an earlier route takes costs nothing more to know.
            let open = route.sites.filter { takers[$0] == nil }
            guard !open.isEmpty else { continue }
            let own = route.obstacles(at: open, in: checkpoint, format: format)
            for site in open {
                if let obstacle = own[site] {
                    obstacles[site] = obstacles[site] ?? obstacle
                } else {
                    takers[site] = route
                }
            }
        }
        return sites.map { site in
            if let taker = takers[site] { return (site, .success(taker)) }
            return (site, .failure(obstacles[site] ?? NoRoute(name: site.rawValue)))
        }
    }

    /// A name or a site that no route has.
    private struct NoRoute: Failure {
        let name: String
        var kind: FailureKind { .usage }
        var description: String { "no route of bake is for '\(name)'" }
    }
}

extension FileFormat {
    /// The runtime outside that opens files of the format as their own.
    var runtime: String { self == .gguf ? "llama.cpp" : "transformers" }
}

// MARK: - What every route can say

extension BakeRoute {
    package var operation: Intervention.Operation { .add }
    package var hasInverse: Bool { true }
    package var isOnlyTakenByName: Bool { false }

    /// Nothing.
    package func remarks(
        on interventions: [Intervention], in checkpoint: Checkpoint
    ) throws -> [String] { [] }

    /// That of the first that cannot be made permanent by itself.
    package func refusal(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) -> (any Failure)? {
        refusalOfEach(interventions, in: checkpoint, format: format)
    }

    /// Why one of the interventions cannot be made permanent, whatever the others are.
    func refusalOfEach(
        _ interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) -> (any Failure)? {
        for intervention in interventions {
            if let refusal = refusal(
                of: intervention.operation, at: intervention.site, in: checkpoint, format: format)
            {
                return refusal
            }
        }
        return nil
    }

    /// Why vectors cannot be added at these sites in an output of this format, whatever the reason: an edit that no
    /// runtime would honour, numbers that are unusable, an output that cannot hold the model. It plans the output, and
    /// reads no weight.
    ///
    /// - Returns: the reason for each site that has one.
    package func obstacles(
        at sites: [Site], in checkpoint: Checkpoint, format: FileFormat
    ) -> [Site: any Error] {
        var obstacles: [Site: any Error] = [:]
        do throws(CheckpointError) {
            _ = try checkpoint.requireArchitecture()
        } catch {
            for site in sites {
                // A runtime's refusal is worth more to the user than that the family is not known.
                let refusal: (any Failure)? =
                    if case .unsupportedArchitecture = error {
                        refusal(of: .add, at: site, in: checkpoint, format: format)
                    } else { nil }
                obstacles[site] = refusal ?? error
            }
            return obstacles
        }
        for site in sites {
            obstacles[site] = refusal(of: .add, at: site, in: checkpoint, format: format)
        }
        let open = sites.filter { obstacles[$0] == nil }
        guard let problem = problem(of: open, in: checkpoint, format) else { return obstacles }
        for site in open {
            obstacles[site] =
                open.count == 1 ? problem : self.problem(of: [site], in: checkpoint, format)
        }
        return obstacles
    }

    /// Why an output with vectors at all these sites cannot be planned.
    private func problem(
        of sites: [Site], in checkpoint: Checkpoint, _ format: FileFormat
    ) -> (any Error)? {
        guard !sites.isEmpty else { return nil }
        do {
            let width = try checkpoint.storedHyperparameters().hiddenSize
            let zeros = sites.map {
                Intervention(site: $0, block: 0, vector: [Float](repeating: 0, count: width))
            }
            _ = try OutputPlan(
                source: checkpoint,
                edits: try edits(baking: zeros, into: checkpoint, format: format), format: format)
            return nil
        } catch {
            return error
        }
    }
}
