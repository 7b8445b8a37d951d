import Foundation
import Formats
import TestSupport
import Testing

@testable import Tuning

/// Makes pairs of checkpoints from the small trained one, each in a way of its own.
struct ExplanationFixture {
    let folder: TemporaryFolder
    let base: Checkpoint
    let crew = WorkCrew(threads: 2)

    init() throws {
        folder = try TemporaryFolder()
        base = try Checkpoint.open(Samples.tinyModel)
    }

    func write(
        _ edits: [CheckpointEdit], of source: Checkpoint? = nil, as name: String = "edited.gguf"
    ) throws -> Checkpoint {
        let path = folder.path(name)
        let plan = try OutputPlan(
            source: source ?? base, edits: edits,
            format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        _ = try CheckpointWriter(crew: crew).write(plan, to: path, replacing: true)
        return try Checkpoint.open(path)
    }

    func compare(
        _ a: Checkpoint, _ b: Checkpoint, threads: Int = 2
    ) throws -> CheckpointComparison {
        try CheckpointComparison(a, b, crew: WorkCrew(threads: threads))
    }

    func explain(_ a: Checkpoint, _ b: Checkpoint, threads: Int = 2) throws -> Explanation {
        try Explanation(try compare(a, b), crew: WorkCrew(threads: threads))
    }

    /// The findings that lead from the base to a checkpoint.
    func findings(_ b: Checkpoint) throws -> [Finding] { try explain(base, b).findings }

    // MARK: - Weights

    /// The matrices inside the blocks.
    var projections: [WeightTensor] {
        base.tensors.filter { $0.role?.block != nil && $0.shape.count == 2 }
    }

    func random(_ count: Int, seed: Int, deviation: Float) -> [Float] {
        var generator = SeededGenerator(seed: UInt64(seed))
        // Twelve uniform numbers make a normal one.
        return (0..<count).map { _ in
            (0..<12).reduce(-6) { sum, _ in sum + Float.random(in: 0...1, using: &generator) }
                * deviation
        }
    }

    /// New values for a weight: a function of the old ones.
    func set(
        _ tensor: WeightTensor, type: ElementType? = nil, _ change: ([Float]) throws -> [Float]
    ) throws -> CheckpointEdit {
        .set(
            try #require(tensor.role), values: try change(try tensor.values()),
            form: tensor.form.orderOnly, type: type ?? tensor.type)
    }

    /// Noise of a size in units of the weights' own.
    func noise(
        _ tensor: WeightTensor, size: Float, seed: Int, type: ElementType? = nil
    ) throws -> CheckpointEdit {
        try set(tensor, type: type) { values in
            let mean = values.reduce(0) { $0 + $1 * $1 } / Float(values.count)
            return zip(
                values, random(values.count, seed: seed, deviation: size * mean.squareRoot())
            ).map { $0 + $1 }
        }
    }

    /// A random update of a rank, some per cent of the weight.
    func update(_ tensor: WeightTensor, rank: Int, seed: Int) throws -> LowRankUpdate {
        LowRankUpdate(
            role: try #require(tensor.role), rank: rank,
            a: random(rank * tensor.shape[1], seed: seed, deviation: 0.05),
            b: random(tensor.shape[0] * rank, seed: seed + 1000, deviation: 0.05),
            rows: tensor.form.rows, scale: 1)
    }

    /// Removes a unit direction from what a weight writes into the stream.
    func ablate(
        _ tensor: WeightTensor, _ direction: [Float], strength: Float = 1
    ) throws -> CheckpointEdit {
        try set(tensor) { values in
            let (rows, columns) = (tensor.shape[0], tensor.shape[1])
            var result = values
            if tensor.role?.block == nil {
                for row in 0..<rows {
                    let along = (0..<columns).reduce(Float(0)) {
                        $0 + values[row * columns + $1] * direction[$1]
                    }
                    for column in 0..<columns {
                        result[row * columns + column] -= strength * along * direction[column]
                    }
                }
            } else {
                for column in 0..<columns {
                    let along = (0..<rows).reduce(Float(0)) {
                        $0 + values[$1 * columns + column] * direction[$1]
                    }
                    for row in 0..<rows {
                        result[row * columns + column] -= strength * along * direction[row]
                    }
                }
            }
            return result
        }
    }

    /// A unit vector of the stream's width.
    func direction(seed: Int) -> [Float] {
        let vector = random(128, seed: seed, deviation: 1)
        let norm = vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
        return vector.map { $0 / norm }
    }
}

/// |cosine| of two vectors.
func absoluteCosine(_ a: [Float], _ b: [Float]) -> Double {
    let product = abs(dotInDoubles(a, b, count: a.count))
    let norms = dotInDoubles(a, a, count: a.count) * dotInDoubles(b, b, count: b.count)
    return product / max(norms, .leastNormalMagnitude).squareRoot()
}
