import Formats

/// What of an experiment is done in the time there is.
package struct ExperimentPlan: Sendable, Hashable {
    /// What is left out to save time, each beside those before.
    package enum Extent: Int, Sendable, CaseIterable {
        case all
        case noDoses
        case noOthers
        case fiveSeeds
        case threeSeeds
        case oneSide
        case onlineOnly
    }

    /// One model that is made and measured.
    package struct Run: Sendable, Hashable {
        package let condition: Condition
        package let seed: Int
    }

    package let extent: Extent
    package let runs: [Run]
    package let hasDoses: Bool

    /// - Parameter leansPositive: what the untuned model leans to; where one side is tuned only, it is the other.
    init(_ extent: Extent, leansPositive: Bool, _ options: ExperimentOptions) {
        self.extent = extent
        func leavesOut(_ least: Extent) -> Bool { extent.rawValue >= least.rawValue }
        hasDoses = !leavesOut(.noDoses)
        let limit = leavesOut(.threeSeeds) ? 3 : leavesOut(.fiveSeeds) ? 5 : Int.max
        let conditions = Condition.all.filter { condition in
            guard condition.isTuned else { return true }
            if leavesOut(.onlineOnly) { return false }
            if leavesOut(.noOthers), !condition.method.decides { return false }
            return !leavesOut(.oneSide) || condition.isPositive != leansPositive
        }
        // Seed by seed, so that an end at any time leaves conditions that can be compared.
        runs = (0..<min(limit, options.decidingSeeds)).flatMap { seed in
            conditions.filter { seed < options.seeds(of: $0) }.map {
                Run(condition: $0, seed: seed)
            }
        }
    }

    /// What the experiment's page says is missing; nil where nothing is.
    package var omission: String? {
        switch extent {
        case .all: nil
        case .noDoses: "doses beside the matched strength"
        case .noOthers: "doses, tuning by the representation loss alone, and tuning away"
        case .fiveSeeds, .threeSeeds:
            "doses, tuning by the representation loss alone, tuning away, and seeds beyond the "
                + (extent == .fiveSeeds ? "fifth" : "third")
        case .oneSide:
            "doses, tuning by the representation loss alone, tuning away, seeds beyond the third, and tuning to the side "
                + "that the model leans to"
        case .onlineOnly: "all tuning, and with it every claim"
        }
    }
}

/// How long the parts of an experiment take, in tokens that are read by the blocks that differ.
struct ExperimentCost: Sendable, Hashable {
    /// Tokens of the training examples of a run, of both choices of the probes of each set, of the windows.
    var training = 0
    var validation = 0
    var heldOut = 0
    var unseenForm = 0
    var steered = 0
    var matching = 0
    var reported = 0
    var free = 0
    var rates = 1
    var blockChoices = 1

    /// A step forward and back takes about three passes, the search for a strength about three.
    private static let passesOfStep = 3
    private static let passesOfMatch = 3

    /// - Parameters:
    ///   - done: runs that take no time any more.
    ///   - hasChoices: whether the choices were made.
    func tokens(
        of plan: ExperimentPlan, without done: Set<ExperimentPlan.Run>, hasChoices: Bool = false
    ) -> Int {
        let methods = Set(plan.runs.map(\.condition).filter(\.isTuned).map(\.method))
        let match = Self.passesOfMatch * matching
        let tuning = Self.passesOfStep * training
        var sum = hasChoices ? 0 : blockChoices * 2 * (match + validation)
        if rates > 1, !hasChoices {
            sum += methods.filter(\.isMatched).count * rates * (tuning + match + validation)
        }
        let seeds = Dictionary(grouping: plan.runs, by: \.condition).mapValues(\.count)
        for run in plan.runs where !done.contains(run) {
            sum += heldOut + unseenForm + steered + (run.seed == 0 ? steered + free : 0)
            sum += reported / (seeds[run.condition] ?? 1)
            if run.condition.isTuned { sum += tuning + match }
            if plan.hasDoses, run.seed == 0 { sum += 2 * (steered + matching) }
        }
        return sum
    }
}
