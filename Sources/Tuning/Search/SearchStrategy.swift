import Glibc

/// Which trials a search makes, in which order: a function of what the trials before gave.
///
/// 1. Single blocks, and runs of a quarter and of half of the blocks, on a part of the data: for each the strength at
///    which it reaches the limits, and what it moves there.
/// 2. The best of them that differ, on all data of the choice. From the best one on, runs are shifted, widened and
///    narrowed while that gains anything, then from the next best.
/// 3. The best runs' strengths: bisected up to the limits, and smaller ones for the front.
///
/// To first order the effect grows with the strength and the divergence with its square, so that the strength at the
/// limits is guessed as s · √(limit / used) and runs as if the pushes of their blocks added up.
struct SearchStrategy {
    private let vectors: [SearchVector]
    private let signs: [Bool]
    private let budget: Int
    private let measure: (SearchPoint, SearchPart) throws -> SearchTrial
    private(set) var trials: [SearchTrial] = []
    private var known: [SearchPart: [SearchPoint: SearchTrial]] = [:]
    /// The strength at which a candidate is expected to use up most of the limits.
    private var reaches: [SearchCandidate: Double] = [:]

    /// The share of the limits that is aimed at, and what is near enough.
    private static let aim = 0.85
    private static let enough = 0.7...1.0
    /// What is near enough for a comparison of neighbours.
    private static let comparable = 0.35...1.3
    private static let nearLimit = 0.95
    /// The largest step from one strength to the next.
    private static let largestStep = 8.0
    /// How many candidates go on from the first look.
    private static let finalists = 4
    /// How many candidates' strengths are refined.
    private static let refined = 3

    init(
        vectors: [SearchVector], signs: [Bool], budget: Int,
        measure: @escaping (SearchPoint, SearchPart) throws -> SearchTrial
    ) {
        self.vectors = vectors
        self.signs = signs
        self.budget = budget
        self.measure = measure
    }

    /// Makes all trials.
    mutating func run() throws {
        let coarse = candidates(within: budget / 2)
        try look(at: coarse, limit: budget / 2)
        try grow(finalists(of: coarse), limit: budget - budget / 5)
        try refine(limit: budget)
    }

    // MARK: - A first look

    /// Single blocks and long runs of every vector, each sign: as many as two trials each allow, evenly spaced.
    private func candidates(within trials: Int) -> [SearchCandidate] {
        var singles: [SearchCandidate] = []
        var runs: [SearchCandidate] = []
        for (vector, content) in vectors.enumerated() {
            let count = content.blocks.count
            for isNegative in signs {
                func candidate(_ places: ClosedRange<Int>) -> SearchCandidate {
                    SearchCandidate(vector: vector, places: places, isNegative: isNegative)
                }
                singles += (0..<count).map { candidate($0...$0) }
                for length in Set([(count + 3) / 4, (count + 1) / 2]).sorted() where length > 1 {
                    let starts = stride(from: 0, through: count - length, by: max(1, length / 2))
                    runs += Set(Array(starts) + [count - length]).sorted()
                        .map { candidate($0...$0 + length - 1) }
                }
            }
        }
        let room = max(1, trials / 2)
        let chosenRuns = Self.spread(runs, to: min(runs.count, room / 3))
        return Self.spread(singles, to: min(singles.count, max(1, room - chosenRuns.count)))
            + chosenRuns
    }

    /// So many of a list, evenly spaced.
    private static func spread(_ list: [SearchCandidate], to count: Int) -> [SearchCandidate] {
        guard count < list.count else { return list }
        return (0..<count).map { list[(2 * $0 + 1) * list.count / (2 * count)] }
    }

    private mutating func look(at candidates: [SearchCandidate], limit: Int) throws {
        var last = 1.0
        for (index, candidate) in candidates.enumerated() {
            let guess = candidate.places.count > 1 ? sumOfReaches(candidate) ?? last : last
            try approach(
                candidate, from: guess, on: .coarse, tries: index == 0 ? 4 : 2, limit: limit)
            if candidate.places.count == 1 { last = reaches[candidate] ?? last }
        }
    }

    /// The strength at which a run's blocks together push as much as each alone at its own.
    private func sumOfReaches(_ candidate: SearchCandidate) -> Double? {
        let own = candidate.places.compactMap { place in
            reaches[
                SearchCandidate(
                    vector: candidate.vector, places: place...place,
                    isNegative: candidate.isNegative)]
        }
        guard !own.isEmpty else { return nil }
        let mean = own.reduce(0) { $0 + 1 / $1 } / Double(own.count)
        return 1 / (mean * Double(candidate.places.count))
    }

    private func finalists(of candidates: [SearchCandidate]) -> [SearchCandidate] {
        var chosen: [SearchCandidate] = []
        for candidate in ranked(candidates, on: .coarse) where chosen.count < Self.finalists {
            if !chosen.contains(where: candidate.resembles) { chosen.append(candidate) }
        }
        return chosen
    }

    // MARK: - Runs

    private mutating func grow(_ finalists: [SearchCandidate], limit: Int) throws {
        for candidate in finalists {
            try approach(
                candidate, from: reaches[candidate] ?? 1, on: .choice, tries: 3, limit: limit)
        }
        for candidate in ranked(finalists, on: .choice) {
            guard let score = score(candidate, on: .choice) else { continue }
            try climb(from: candidate, score, limit: limit)
        }
    }

    /// Goes to the best neighbour while that is better, first in large steps.
    private mutating func climb(
        from start: SearchCandidate, _ score: Double, limit: Int
    ) throws {
        var (current, height) = (start, score)
        var step = max(1, start.places.count / 3)
        while step > 0, trials.count < limit {
            var best: (candidate: SearchCandidate, score: Double)?
            for neighbour in neighbours(of: current, step: step) {
                if self.score(neighbour, on: .choice) == nil {
                    let length = Double(current.places.count) / Double(neighbour.places.count)
                    try approach(
                        neighbour, from: (reaches[current] ?? 1) * length, on: .choice, tries: 2,
                        enough: Self.comparable, limit: limit)
                }
                guard let found = self.score(neighbour, on: .choice) else { continue }
                if found > best?.score ?? height { best = (neighbour, found) }
            }
            if let best {
                (current, height) = best
            } else {
                step /= 2
            }
        }
    }

    /// Runs whose ends lie a step further out or in, and those that are shifted by one.
    private func neighbours(of candidate: SearchCandidate, step: Int) -> [SearchCandidate] {
        let (first, last) = (candidate.places.lowerBound, candidate.places.upperBound)
        let end = vectors[candidate.vector].blocks.count - 1
        let ends = [
            (first - step, last), (first, last + step), (first - step, last + step),
            (first + step, last), (first, last - step), (first - step, last - step),
            (first + step, last + step),
        ]
        var found: [SearchCandidate] = []
        for (lower, upper) in ends {
            let (lower, upper) = (max(0, lower), min(end, upper))
            guard lower <= upper else { continue }
            let neighbour = SearchCandidate(
                vector: candidate.vector, places: lower...upper, isNegative: candidate.isNegative)
            if neighbour != candidate, !found.contains(neighbour) { found.append(neighbour) }
        }
        return found
    }

    // MARK: - Strengths

    private mutating func refine(limit: Int) throws {
        var candidates: [SearchCandidate] = []
        for trial in trials where trial.part == .choice {
            if !candidates.contains(trial.point.candidate) {
                candidates.append(trial.point.candidate)
            }
        }
        for candidate in ranked(candidates, on: .choice).prefix(Self.refined) {
            let start = reaches[candidate] ?? 1
            try approach(candidate, from: start, on: .choice, tries: 3, limit: limit)
            try bisect(candidate, limit: limit)
            guard let best = best(of: candidate) else { continue }
            for share in [0.9, 0.75, 0.5, 0.3, 0.15] {
                let strength = best.point.strength.magnitude * share
                _ = try attempt(SearchPoint(candidate, strength), .choice, limit: limit)
            }
        }
    }

    /// Goes up to the limits between a strength within them and one beyond.
    private mutating func bisect(_ candidate: SearchCandidate, limit: Int) throws {
        for _ in 0..<4 {
            let own = trials.filter { $0.part == .choice && $0.point.candidate == candidate }
            guard
                let lower = own.filter(\.isWithin)
                    .max(by: { $0.point.strength.magnitude < $1.point.strength.magnitude }),
                lower.used < Self.nearLimit
            else { return }
            let from = lower.point.strength.magnitude
            let beyond = own.filter { !$0.isWithin }.map(\.point.strength.magnitude)
                .filter { $0 > from }.min()
            var next = from * Self.step(used: lower.used, aim: 0.98)
            if let beyond, next >= beyond { next = (from * beyond).squareRoot() }
            let point = SearchPoint(candidate, next)
            guard point.strength.magnitude > from,
                try attempt(point, .choice, limit: limit) != nil
            else { return }
        }
    }

    private func best(of candidate: SearchCandidate) -> SearchTrial? {
        trials.filter { $0.part == .choice && $0.point.candidate == candidate }.best
    }

    // MARK: - Trials

    /// A trial's result, from memory or measured; nil where no more are to be made.
    private mutating func attempt(
        _ point: SearchPoint, _ part: SearchPart, limit: Int
    ) throws -> SearchTrial? {
        if let trial = known[part]?[point] { return trial }
        guard trials.count < limit else { return nil }
        let trial = try measure(point, part)
        trials.append(trial)
        known[part, default: [:]][point] = trial
        return trial
    }

    /// Looks for the strength at which a candidate uses up most of the limits.
    private mutating func approach(
        _ candidate: SearchCandidate, from start: Double, on part: SearchPart, tries: Int,
        enough: ClosedRange<Double> = Self.enough, limit: Int
    ) throws {
        var (lower, upper) = (0.0, Double.infinity)
        var strength = start
        for _ in 0..<tries {
            guard
                let trial = try attempt(SearchPoint(candidate, strength), part, limit: limit)
            else { return }
            let own = trial.point.strength.magnitude
            if trial.isWithin { lower = max(lower, own) } else { upper = min(upper, own) }
            strength = own * Self.step(used: trial.used, aim: Self.aim)
            if strength >= upper { strength = lower > 0 ? (lower * upper).squareRoot() : upper / 2 }
            if strength <= lower {
                strength = upper.isFinite ? (lower * upper).squareRoot() : lower * 1.25
            }
            reaches[candidate] = strength
            let next = SearchPoint(candidate, strength).strength
            if enough.contains(trial.used) || next == trial.point.strength { return }
        }
    }

    /// What a strength is to be multiplied by, so that the limits are used up to the aim.
    private static func step(used: Double, aim: Double) -> Double {
        guard used > 0 else { return largestStep }
        return min(max((aim / used).squareRoot(), 1 / largestStep), largestStep)
    }

    /// What a candidate is expected to move at the limits, or moved within them; nil where it was not tried.
    private func score(_ candidate: SearchCandidate, on part: SearchPart) -> Double? {
        let own = trials.filter {
            $0.part == part && $0.point.candidate == candidate && $0.effect.isFinite
        }
        let near = own.min { Self.distance($0.used) < Self.distance($1.used) }
        guard let near else { return nil }
        let expected = near.effect * min(Self.step(used: near.used, aim: 1), 2)
        return max(expected, own.best?.effect ?? expected)
    }

    /// Those that were tried, the best first; of equal ones the first.
    private func ranked(
        _ candidates: [SearchCandidate], on part: SearchPart
    ) -> [SearchCandidate] {
        candidates.enumerated()
            .compactMap { index, candidate in
                score(candidate, on: part).map { (index, candidate, $0) }
            }
            .sorted { ($0.2, -$0.0) > ($1.2, -$1.0) }.map(\.1)
    }

    private static func distance(_ used: Double) -> Double {
        used > 0 ? abs(log(used / aim)) : .infinity
    }

    // MARK: - Blocks

    /// What each single block is expected to move at the limits, by the first look.
    func singleBlocks(vector: Int, isNegative: Bool) -> [Int: Double] {
        var scores: [Int: Double] = [:]
        for (place, block) in vectors[vector].blocks.enumerated() {
            let candidate = SearchCandidate(
                vector: vector, places: place...place, isNegative: isNegative)
            scores[block] = score(candidate, on: .coarse)
        }
        return scores
    }
}
