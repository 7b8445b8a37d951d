/// The activations of contrast pairs in one block, and the direction they give.
struct BlockAnalysis {
    let block: Int
    private let options: Extraction.Options
    /// (pairs, width)
    private let positive: SampleMatrix
    /// (pairs, width)
    private let negative: SampleMatrix
    /// positive − negative
    private let differences: SampleMatrix
    private let meanNorm: Double
    /// Differences up to this length may be rounding.
    private let floor: Double
    /// By pair.
    private let groups: [Int]

    /// What came of a block.
    enum Outcome: Sendable {
        case found(Extraction.BlockResult, direction: [Float])
        /// The sides do not differ.
        case noDirection
        /// They differ by no more than rounding makes them.
        case onlyRounding(length: Double, floor: Double, streamNorm: Double)
        /// They differ along nuisance directions alone.
        case nothingLeft
    }

    /// Less than this share of a direction is rounding.
    private static let smallestRest = 1e-5

    /// - Parameters:
    ///   - samples: the positive sides of all pairs, then the negative ones.
    ///   - groups: by pair, numbers from 0: pairs of one group are held out together.
    init(_ samples: SampleMatrix, groups: [Int], block: Int, options: Extraction.Options) {
        self.block = block
        self.options = options
        self.groups = groups
        let pairs = samples.rows / 2
        var positive = SampleMatrix(width: samples.width, rows: pairs)
        var negative = SampleMatrix(width: samples.width, rows: pairs)
        var differences = SampleMatrix(width: samples.width, rows: pairs)
        for pair in 0..<pairs {
            positive[pair] = samples[pair]
            negative[pair] = samples[pairs + pair]
            differences[pair] = zip(samples[pair], samples[pairs + pair]).map { $0 - $1 }[...]
        }
        (self.positive, self.negative, self.differences) = (positive, negative, differences)
        let norms = (0..<samples.rows).map { samples[$0].norm }
        meanNorm = norms.reduce(0, +) / Double(norms.count)
        floor = RoundingFloor.length(streamNorm: meanNorm)
    }

    /// The direction of all pairs, and how good it is on pairs held out.
    func outcome(folds: Int) -> Outcome {
        let all = Array(groups.indices)
        let largest = all.map { differences[$0].norm }.max() ?? 0
        guard largest > 0 else { return .noDirection }
        let spread = spread(of: all)
        guard spread > floor else { return onlyRounding(spread) }
        guard let found = direction(of: all) else { return .noDirection }
        guard found.kept > Self.smallestRest else { return .nothingLeft }
        guard found.length > floor else { return onlyRounding(found.length) }
        let agreement = differences.projections(on: found.unit).count { $0 > floor }
        let heldOut = heldOut(folds: folds)
        let result = Extraction.BlockResult(
            block: block, length: found.length, activationNorm: meanNorm,
            signAgreement: groups.count > 1 ? Double(agreement) / Double(groups.count) : nil,
            lengthLost: options.nuisance.acts(on: block) ? 1 - found.kept : nil,
            heldOut: heldOut.map {
                Separation(
                    positive: $0.map(\.positive), negative: $0.map(\.negative), floor: floor)
            }, heldOutPairs: heldOut ?? [])
        let scale = options.normalization == .unit ? 1 : found.length
        return .found(result, direction: found.unit.map { Float(Double($0) * scale) })
    }

    private func onlyRounding(_ length: Double) -> Outcome {
        .onlyRounding(length: length, floor: floor, streamNorm: meanNorm)
    }

    private struct Direction {
        let unit: [Float]
        /// The mean projection of the differences on it.
        let length: Double
        /// The share that was left when nuisance directions were projected out.
        let kept: Double
    }

    /// The length of the longest vector that the method looks at: a difference, or one about their mean, which is nothing
    /// but rounding where all pairs differ alike, or there is only one.
    private func spread(of chosen: [Int]) -> Double {
        let mean = options.method == .pcaCentered ? differences.mean(of: chosen) : nil
        return chosen.map { pair in
            guard let mean else { return differences[pair].norm }
            return zip(differences[pair], mean).map { $0 - $1 }.norm
        }.max() ?? 0
    }

    /// The direction of some pairs; nil where they give none.
    private func direction(of chosen: [Int]) -> Direction? {
        guard spread(of: chosen) > floor else { return nil }
        let raw = options.method.direction(
            positive: positive, negative: negative, differences: differences, chosen: chosen)
        guard let whole = raw.unit else { return nil }
        guard options.nuisance.acts(on: block) else { return oriented(whole, chosen, kept: 1) }
        let rest = options.nuisance.projectedOut(of: whole, block: block)
        let kept = rest.norm
        return oriented(rest.unit ?? whole, chosen, kept: kept)
    }

    /// The sign is that of the mean projection of the differences.
    private func oriented(_ unit: [Float], _ chosen: [Int], kept: Double) -> Direction {
        let projection = differences.mean(of: chosen).dot(unit)
        return Direction(
            unit: projection < 0 ? unit.map { -$0 } : unit, length: abs(projection), kept: kept)
    }

    /// Cross-validation: each pair is judged by a direction that was found without its group; nil for a single group, and
    /// where the others' direction is no more than rounding.
    private func heldOut(folds: Int) -> [Extraction.ProjectedPair]? {
        let folds = min(folds, (groups.max() ?? 0) + 1)
        guard folds >= 2, Set(groups).count > 1 else { return nil }
        var pairs = groups.map { _ in Extraction.ProjectedPair(positive: 0, negative: 0) }
        for fold in 0..<folds {
            guard let found = direction(of: groups.indices.filter { groups[$0] % folds != fold }),
                found.length > floor
            else { return nil }
            let unit = found.unit
            for pair in groups.indices where groups[pair] % folds == fold {
                pairs[pair] = Extraction.ProjectedPair(
                    positive: positive[pair].dot(unit), negative: negative[pair].dot(unit))
            }
        }
        return pairs
    }
}
