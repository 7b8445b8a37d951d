package import Formats
import Foundation
package import Transformer

/// Vectors fitted into the last projections of sub-layers on a text, and how near they come to steering on text that the fit
/// has not seen.
///
/// Each projection is fitted on the activations of the base steered online: the stream that the edited model is to have. The
/// blocks are run once, from the lowest to the last that is steered. Beside the model, memory holds the stream of the
/// text and what one block's projections read and put out, one fit's equations, and each changed matrix in f32.
package struct Fitting: Sendable {
    /// Errors of what is added, as shares of the vector's length, over positions.
    package struct Residual: Sendable, Hashable {
        package let mean: Double
        package let percentile95: Double

        init(_ errors: [Double]) {
            let sorted = errors.map { $0.isFinite ? $0 : .infinity }.sorted()
            mean = Statistics.mean(sorted)
            percentile95 = Quantile.of(sorted: sorted, 0.95)
        }
    }

    /// One changed projection.
    package struct Place: Sendable, Hashable {
        package let site: Site
        package let block: Int
        package let tensor: String
        /// The type that the changed matrix is stored in.
        package let type: ElementType
        /// The error of the nearest output that the norm behind the projection allows, on unseen text; nil without one.
        package let floor: Residual?
        package let fitted: Residual
        package let unseen: Residual
        /// On unseen text, the matrix rounded to its type.
        package let stored: Residual
        /// λ, as a share of the inputs' mean square sum.
        package let ridge: Double
        /// The power of 1 / rms that positions were weighted by.
        package let weighting: Double
        /// ‖Δ‖ / ‖W‖
        package let change: Double
    }

    /// In the order of the stream.
    package let places: [Place]
    /// The model that comes of it beside the base steered online, on unseen text.
    package let comparison: FitComparison
    /// How many tokens served the fit, its choice and its judgement.
    package let tokenCounts: (fit: Int, choice: Int, unseen: Int)
    /// What was fitted.
    let interventions: [Intervention]
    let edits: [CheckpointEdit]
    /// The bytes that the matrices grow by where the output does not hold their type.
    let addedBytes: Int

    /// The largest mean error of a place on unseen text, as it is stored.
    package var error: Double { places.map(\.stored.mean).max() ?? 0 }

    /// Refuses a fit that is off by more.
    ///
    /// - Throws: `FittingError.tooInexact`, which names the worst place.
    package func check(largest allowed: Double) throws(FittingError) {
        guard let worst = places.max(by: { $0.stored.mean < $1.stored.mean }),
            !(worst.stored.mean <= allowed)
        else { return }
        throw .tooInexact(
            error: worst.stored.mean, allowed: allowed,
            place: StreamSite(site: worst.site, block: worst.block))
    }

    /// Those of the interventions that only a fit makes permanent: additions at sites that every exact route refuses.
    package static func needed(
        for interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) -> [Intervention] {
        let groups = BakePlan.groups(interventions).filter { group in
            let isRefused = BakeRoutes.all.allSatisfy {
                $0.refusal(of: group, in: checkpoint, format: format) != nil
            }
            let isFittable = group.allSatisfy {
                FitRoute.obstacle(to: $0.operation, at: $0.site, in: checkpoint) == nil
            }
            return isRefused && isFittable
        }
        return interventions.filter { one in groups.contains { $0.contains(one) } }
    }

    /// Fits vectors.
    ///
    /// - Parameters:
    ///   - interventions: those to be fitted.
    ///   - all: everything that steers the base, in its order.
    ///   - progress: called with steps done and in all.
    /// - Throws: `FitRoute.Refusal`; `TooLargeAddition`, `VectorError` where a vector does not fit; `FittingError`;
    ///   what opening and running the model throws.
    package init(
        _ interventions: [Intervention], among all: [Intervention], in checkpoint: Checkpoint,
        format: FileFormat, on calibration: Calibration, crew: WorkCrew,
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        for intervention in interventions {
            if let obstacle = FitRoute.obstacle(
                to: intervention.operation, at: intervention.site, in: checkpoint)
            {
                throw obstacle
            }
        }
        let decoder = try Decoder(checkpoint: checkpoint, crew: crew)
        let numbers = decoder.configuration.sizes
        var vectors: [StreamSite: [Float]] = [:]
        for site in Site.allCases {
            let own = interventions.filter { $0.site == site }
            let sums = try own.sumsByBlock(
                in: numbers, dividedBy: 1, file: checkpoint.path)
            for (block, sum) in sums where sum.norm > 0 {
                vectors[StreamSite(site: site, block: block)] = sum
            }
        }
        let ordered = StreamSite.all(blockCount: numbers.blockCount).filter { vectors[$0] != nil }
        guard !ordered.isEmpty else { throw FittingError.nothing }
        let blocks = Set(ordered.map(\.block)).sorted()
        var run = CalibrationRun(decoder: decoder, calibration: calibration, interventions: all)
        let total = ordered.count + 2
        var (places, edits, buffers): ([Place], [CheckpointEdit], [WeightRole: FloatBuffer]) = (
            [], [], [:]
        )
        var addedBytes = 0
        for block in blocks {
            let own = ordered.filter { $0.block == block }
            var samples = try run.samples(at: own)
            for place in own {
                guard let taken = samples.removeValue(forKey: place), let vector = vectors[place],
                    let changed = try ChangedProjection(
                        place, vector: vector, taken, decoder: decoder, checkpoint: checkpoint,
                        format: format, crew: crew)
                else { throw FittingError.noProjection(place: place) }
                places.append(changed.place)
                edits.append(changed.edit)
                buffers[changed.role] = changed.stored
                addedBytes += changed.addedBytes
                progress(places.count, total)
            }
        }
        (self.places, self.edits, self.addedBytes) = (places, edits, addedBytes)
        self.interventions = interventions
        tokenCounts = calibration.tokenCounts
        let weights = ChangedWeights(base: CheckpointWeights(checkpoint), changed: buffers)
        comparison = try FitComparison(
            base: decoder,
            edited: Decoder(decoder.configuration, weights: weights, crew: crew),
            interventions: all, others: all.filter { !interventions.contains($0) },
            windows: Array(calibration.windows[calibration.unseen]))
        progress(total, total)
    }
}

/// A base's weights with some of its matrices changed, in memory.
private struct ChangedWeights: WeightSource {
    let base: CheckpointWeights
    let changed: [WeightRole: FloatBuffer]

    var path: String { base.path }
    func name(of role: WeightRole) -> String { base.name(of: role) }
    func vector(_ role: WeightRole) throws -> FloatBuffer? { try base.vector(role) }

    func matrix(_ role: WeightRole) throws -> WeightMatrix? {
        guard let matrix = try base.matrix(role), let buffer = changed[role] else {
            return try base.matrix(role)
        }
        return WeightMatrix(rows: matrix.rows, columns: matrix.columns, buffer: buffer)
    }
}

/// A fitted projection as a matrix of the output.
private struct ChangedProjection {
    let place: Fitting.Place
    let role: WeightRole
    let edit: CheckpointEdit
    /// The matrix as its type holds it.
    let stored: FloatBuffer
    let addedBytes: Int

    /// - Returns: nil where the block has no such projection.
    /// - Throws: `FitRoute.Refusal.typeNotWritten`, `FittingError.singular`, `.notStored`.
    init?(
        _ place: StreamSite, vector: [Float], _ samples: ProjectionFit.Samples,
        decoder: Decoder, checkpoint: Checkpoint, format: FileFormat, crew: WorkCrew
    ) throws {
        guard let slot = decoder.configuration.sizes.projection(before: place) else {
            return nil
        }
        let role = WeightRole.block(place.block, slot)
        let weights = decoder.weights.blocks[place.block]
        let norm =
            place.site == .residPost ? weights.feedForwardPostNorm : weights.attentionPostNorm
        guard let tensor = checkpoint.tensor(role),
            let matrix = try CheckpointWeights(checkpoint).matrix(role)
        else { return nil }
        let isHeld = format == .gguf || tensor.type.safetensorsName != nil
        let ownType = isHeld ? tensor.type : .f32
        let sizes = decoder.configuration.sizes
        let fit = try ProjectionFit(
            samples,
            norm: norm.map {
                NormedOutput(
                    weight: $0.weight.values.map(Double.init), epsilon: Double(sizes.normEpsilon))
            },
            scale: sizes.residualScale, vector: vector, place: place, crew: crew)
        let changed = matrix.widened(crew: crew)
        let change = fit.change
        let (changeSize, ownSize) = (change.values.norm, changed.values.norm)
        let unseen = fit.residual(of: change, over: samples.unseen, crew: crew)
        // The smallest type in which the change outlives the rounding; the finest where none does.
        var chosen: (type: ElementType, matrix: FloatBuffer, residual: Fitting.Residual)?
        for type in Self.types(from: ownType, columns: matrix.columns, in: format) {
            let (stored, difference) = try Self.rounded(
                changed, change, as: type, tensor: tensor.name)
            let residual = fit.residual(of: difference, over: samples.unseen, crew: crew)
            chosen = (type, stored, residual)
            if residual.mean <= Self.allowedGrowth * unseen.mean { break }
        }
        guard let chosen else {
            throw FitRoute.Refusal.typeNotWritten(tensor: tensor.name, type: ownType)
        }
        let (type, shape) = (chosen.type, [matrix.rows, matrix.columns])
        for row in 0..<matrix.rows {
            for column in 0..<matrix.columns {
                changed.floats[row * matrix.columns + column] +=
                    change.values[column * matrix.rows + row]
            }
        }
        self.role = role
        stored = chosen.matrix
        edit = .set(
            role, .computed(changed.rows(shape: shape, form: .canonical)), type: type)
        addedBytes = (type.byteCount(elements: changed.count) ?? 0) - tensor.byteCount
        self.place = Fitting.Place(
            site: place.site, block: place.block, tensor: tensor.name, type: type,
            floor: fit.floor,
            fitted: fit.residual(of: fit.change, over: samples.fit, crew: crew),
            unseen: unseen, stored: chosen.residual, ridge: fit.ridge, weighting: fit.weighting,
            change: changeSize / max(ownSize, .leastNormalMagnitude))
    }

    /// How much larger the error may become by the type of the matrix before a finer one is taken.
    private static let allowedGrowth = 1.25

    /// The matrix's own type, and those that are finer, the smallest first.
    private static func types(
        from own: ElementType, columns: Int, in format: FileFormat
    ) -> [ElementType] {
        func bits(_ type: ElementType) -> Double {
            Double(type.bitsPerBlock) / Double(type.elementsPerBlock)
        }
        let finer: [ElementType] = [.q6K, .q8_0, .f16, .f32].filter {
            bits($0) > bits(own) && columns % $0.elementsPerBlock == 0
                && (format == .gguf || $0.safetensorsName != nil)
        }
        return (RowEncoder.isSupported(own) ? [own] : []) + finer
    }

    /// A changed matrix as a type holds it, and what that is more than the one before, transposed as changes are.
    ///
    /// - Throws: `FittingError.notStored`.
    private static func rounded(
        _ matrix: FloatBuffer, _ change: DenseMatrix, as type: ElementType, tensor: String
    ) throws(FittingError) -> (FloatBuffer, DenseMatrix) {
        let (columns, rows) = (change.rows, change.columns)
        let stored = FloatBuffer(count: rows * columns)
        var difference = DenseMatrix(rows: columns, columns: rows)
        for row in 0..<rows {
            let own = matrix.floats + row * columns
            let values = (0..<columns).map { own[$0] + change.values[$0 * rows + row] }
            guard values.allSatisfy(\.isFinite),
                let rounded = RowEncoder.roundTrip(values, as: type)?.values,
                rounded.allSatisfy(\.isFinite)
            else { throw .notStored(tensor: tensor, type: type, row: row) }
            for column in 0..<columns {
                difference.values[column * rows + row] = rounded[column] - own[column]
                stored.floats[row * columns + column] = rounded[column]
            }
        }
        return (stored, difference)
    }
}

/// A fit that cannot be made.
package enum FittingError: Failure, Hashable {
    case nothing
    case noProjection(place: StreamSite)
    case notFinite(place: StreamSite)
    case singular(place: StreamSite)
    case notStored(tensor: String, type: ElementType, row: Int)
    /// The fit is worse than what was allowed.
    case tooInexact(error: Double, allowed: Double, place: StreamSite)

    package var kind: FailureKind {
        switch self {
        case .nothing: .usage
        case .notFinite: .input
        default: .unsupported
        }
    }

    package var remedy: String? {
        switch self {
        case .noProjection:
            "a vector at another site can be fitted, and 'rtedit tune' learns it from data"
        case .singular: "give a longer or more varied text to --calibration"
        case .notStored: "--type bf16 or f32 holds it"
        case .tooInexact:
            "give more text to --calibration, take fewer blocks, or learn it from data ('rtedit tune')"
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .nothing: "every vector to be fitted is 0"
        case .noProjection(let place): "no projection writes to the stream at \(place) alone"
        case .notFinite(let place):
            "the activations at \(place) on the text of --calibration are not all finite"
        case .singular(let place):
            "the equations of the fit at \(place) have no solution that f64 can tell"
        case .notStored(let tensor, let type, let row):
            "tensor '\(tensor)': row \(row) of the fitted matrix cannot be stored as \(type.name)"
        case .tooInexact(let error, let allowed, let place):
            "the fit at \(place) is off by \(String(format: "%.3g", error)) of its vector on unseen text, and --max-error allows \(allowed)"
        }
    }
}
