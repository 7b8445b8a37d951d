import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Directions removed from weights where that is not equal to steering: behind norms, in part, with lengths kept.
@Suite struct WeightAblationRouteTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)
    private let tokens = [40, 3, 3, 12, 8, 21, 6, 14, 2, 30]

    init() throws {
        folder = try TemporaryFolder()
    }

    private func vector(_ width: Int, _ seed: Int) -> [Float] {
        (0..<width).map { Float(($0 * (7 + 4 * seed) + 3 * seed) % 11) / 4 - 1 }
    }

    private func everywhere(_ sizes: Hyperparameters, strength: Float = 1) -> [Intervention] {
        [0, 1].map { seed in
            Intervention(
                block: 0, operation: .ablate, vector: vector(sizes.hiddenSize, seed),
                strength: strength)
        }.everywhere(blockCount: sizes.blockCount)
    }

    private func bases(_ family: String) throws -> [Checkpoint] {
        let original = try Checkpoint.open(Families.folder(family))
        guard Families.convertible.contains(family) else { return [original] }
        return [original, try folder.write(original, as: family + ".gguf")]
    }

    private func bake(
        _ norm: KeptNorm, _ interventions: [Intervention], into base: Checkpoint
    ) throws -> Checkpoint {
        let edits = try WeightAblationRoute(norm).edits(
            baking: interventions, into: base, format: base.format)
        return try folder.write(
            base, edits, as: "\(norm)" + (base.format == .gguf ? ".gguf" : ""))
    }

    /// The largest share of any row of the stream, at any place, along a span.
    private func share(of span: RemovedSpan, in model: Checkpoint) throws -> Double {
        let decoder = try Decoder(checkpoint: model, crew: crew)
        let width = decoder.configuration.sizes.hiddenSize
        let trace = try Trace(of: tokens, in: decoder)
        return trace.entries.filter { $0.name != "logits" }.flatMap { entry in
            (0..<entry.rows).map { row in
                let values = Array(entry.values[row * width..<(row + 1) * width])
                let part = span.directions.map { values.dot($0) * values.dot($0) }
                return part.reduce(0, +).squareRoot() / values.norm
            }
        }.max() ?? 0
    }

    /// In every family, behind norms too, nothing of the directions is left in the stream of the written file.
    @Test(arguments: Families.all, [KeptNorm.none, .columns])
    func aSpanIsGoneFromTheStream(_ family: String, norm: KeptNorm) throws {
        for base in try bases(family) {
            let wanted = everywhere(try base.hyperparameters())
            let route = WeightAblationRoute(norm)
            if let refusal = route.refusal(of: wanted, in: base, format: base.format) {
                let architecture = try base.requireArchitecture()
                #expect(
                    base.format == .gguf && architecture.rule(for: .output)?.gguf == nil,
                    "\(refusal)")
                continue
            }
            let span = RemovedSpan(of: wanted.prefix(2).map(\.vector))
            #expect(try share(of: span, in: base) > 0.1)
            let edited = try bake(norm, wanted, into: base)
            #expect(try share(of: span, in: edited) < 1e-5)
            let left = try WeightRemoval(wanted, from: base, keeping: norm)
                .leftovers(in: edited, crew: crew)
            #expect(left.allSatisfy { $0.computed < 1e-5 && ($0.stored ?? 1) < 1e-5 })
        }
    }

    /// What the other route does exactly this one does the same.
    @Test func withoutANormItIsTheExactRoute() throws {
        let base = try Checkpoint.open(Families.folder("qwen3_moe"))
        let wanted = everywhere(try base.hyperparameters())
        let exact = try folder.write(
            base, AblationRoute().edits(baking: wanted, into: base, format: .safetensors),
            as: "exact")
        let edited = try bake(.none, wanted, into: base)
        for (one, other) in zip(exact.tensors, edited.tensors) {
            #expect(one.hasBytes(of: other), "\(one.name)")
        }
    }

    /// Half of it, all of it and its reflection, in one block.
    @Test(arguments: ["llama", "gemma3", "olmo2", "mixtral"], [Float(0.5), 1, 2])
    func aStrengthLeavesItsShare(_ family: String, strength: Float) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let width = try base.hyperparameters().hiddenSize
        let wanted = [Site.residMid, .residPost].map {
            Intervention(
                site: $0, block: 1, operation: .ablate, vector: vector(width, 0),
                strength: strength)
        }
        let edited = try bake(.none, wanted, into: base)
        let left = try WeightRemoval(wanted, from: base).leftovers(in: edited, crew: crew)
        let experts = try base.hyperparameters().experts?.count ?? 1
        #expect(left.count == 1 + experts)
        for found in left {
            #expect(abs(found.computed - Double(abs(1 - strength))) < 1e-5)
            #expect(abs((found.stored ?? 9) - Double(abs(1 - strength))) < 1e-5)
        }
        let changed = zip(base.tensors, edited.tensors).filter {
            !$0.hasBytes(of: $1)
        }
        #expect(changed.count == left.count)
    }

    /// The published recipes in doubles: of a matrix that is stored transposed, of one behind a norm, of one that is neither.
    @Test(arguments: ["gpt2", "gemma3", "granite"], KeptNorm.allCases)
    func aWeightIsWhatAPlainLoopMakesOfIt(_ family: String, norm: KeptNorm) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let width = try base.hyperparameters().hiddenSize
        let wanted = [Site.residMid, .residPost].map {
            Intervention(
                site: $0, block: 1, operation: .ablate, vector: vector(width, 0), strength: 0.75)
        }
        let edited = try bake(norm, wanted, into: base)
        let post: [BlockSlot: BlockSlot] = [
            .attentionOutput: .attentionPostNorm, .feedForwardDown: .feedForwardPostNorm,
        ]
        for (slot, postNorm) in post {
            let role = WeightRole.block(1, slot)
            let before = try #require(try CheckpointWeights(base).matrix(role))
            let after = try #require(try CheckpointWeights(edited).matrix(role))
            let factors =
                try base.tensor(.block(1, postNorm)) == nil
                ? nil : CheckpointWeights(base).vector(.block(1, postNorm))?.values
            let weighted = vector(width, 0).enumerated().map { index, value in
                Double(value) * Double(factors?[index] ?? 1)
            }
            let length = weighted.reduce(0) { $0 + $1 * $1 }.squareRoot()
            let expected = Self.naive(
                before.widened(crew: crew).values.map(Double.init), weighted.map { $0 / length },
                columns: before.columns, norm, strength: 0.75)
            let found = after.widened(crew: crew).values
            let error = zip(expected, found).map { abs($0 - Double($1)) }.max() ?? 1
            #expect(error < 2e-6, "\(slot): \(error)")
        }
    }

    /// W − λ u uᵀ W; as it is, with its columns' lengths, and from rows of length 1.
    private static func naive(
        _ matrix: [Double], _ u: [Double], columns: Int, _ norm: KeptNorm, strength: Double
    ) -> [Double] {
        let rows = u.count
        var rowLengths = [Double](repeating: 0, count: rows)
        var columnLengths = [Double](repeating: 0, count: columns)
        for row in 0..<rows {
            for column in 0..<columns {
                let square = matrix[row * columns + column] * matrix[row * columns + column]
                rowLengths[row] += square
                columnLengths[column] += square
            }
        }
        var new = matrix
        let isByRows = norm == .rows || norm == .rowUpdates
        for column in 0..<columns {
            var share = 0.0
            for row in 0..<rows {
                let value = matrix[row * columns + column]
                share += u[row] * (isByRows ? value / rowLengths[row].squareRoot() : value)
            }
            for row in 0..<rows {
                let length = isByRows ? rowLengths[row].squareRoot() : 1
                new[row * columns + column] -= strength * u[row] * share * length
            }
        }
        for column in 0..<columns where norm == .columns {
            let left = (0..<rows).reduce(0) { sum, row in
                sum + new[row * columns + column] * new[row * columns + column]
            }
            for row in 0..<rows {
                new[row * columns + column] *= (columnLengths[column] / left).squareRoot()
            }
        }
        for row in 0..<rows where norm == .rows {
            let left = (0..<columns).reduce(0) { sum, column in
                sum + new[row * columns + column] * new[row * columns + column]
            }
            for column in 0..<columns {
                new[row * columns + column] *= (rowLengths[row] / left).squareRoot()
            }
        }
        return new
    }

    /// An embedding's tokens keep their lengths, and rows of the stream do not bring the direction back whole.
    @Test func whatIsKeptAndWhatIsLeft() throws {
        let base = try Checkpoint.open(Families.folder("qwen2"))
        let wanted = everywhere(try base.hyperparameters())
        let edited = try bake(.columns, wanted, into: base)
        let role = WeightRole(.tokenEmbedding)
        let before = try #require(try CheckpointWeights(base).matrix(role))
        let after = try #require(try CheckpointWeights(edited).matrix(role))
        for token in 0..<before.rows {
            #expect(abs(after.row(token).norm / before.row(token).norm - 1) < 1e-5)
        }
        for norm in [KeptNorm.rows, .rowUpdates] {
            let left = try WeightRemoval(wanted, from: base, keeping: norm)
                .leftovers(in: nil, crew: crew)
            // Both leave embeddings to the plain removal.
            let (first, others) = (try #require(left.first), left.dropFirst())
            #expect(first.computed < 1e-5)
            #expect(others.allSatisfy { $0.computed > 1e-3 && $0.computed < 0.6 })
            #expect(left.allSatisfy { $0.stored == nil })
        }
    }

    @Test func noneIsTakenUnasked() throws {
        let base = try Checkpoint.open(Families.folder("gemma3"))
        let wanted = everywhere(try base.hyperparameters())
        #expect(throws: AblationRoute.Refusal.postNorm(architecture: "gemma3")) {
            try BakePlan(named: nil, for: wanted, in: base, format: .safetensors)
        }
        for norm in KeptNorm.allCases {
            let name = WeightAblationRoute(norm).name
            let plan = try BakePlan(named: name, for: wanted, in: base, format: .safetensors)
            #expect(plan.steps.map(\.route.name) == [name])
        }
        let addition = [Intervention(block: 0, vector: wanted[0].vector)]
        #expect(throws: AblationRoute.Refusal.notAnAblation(operation: .add)) {
            try BakePlan(
                named: "ablation-weights", for: addition, in: base, format: .safetensors)
        }
    }

    /// The type that a call asks for reaches what is computed anew and nothing else.
    @Test func aTypeReachesWhatIsComputed() throws {
        try WideModel.write(to: folder.path("wide"))
        let base = try folder.write(
            Checkpoint.open(folder.path("wide")), [.types(.plain(.f16))], as: "base.gguf")
        let wanted = everywhere(try base.hyperparameters())
        let edits = try AblationRoute().edits(baking: wanted, into: base, format: .gguf)
            .map { $0.computesMatrix ? $0.storing(as: .q8_0) : $0 }
        let edited = try folder.write(base, edits, as: "edited.gguf")
        for tensor in edited.tensors {
            let role = try #require(tensor.role)
            let before = base.tensor(role)
            let isWriter = AblationFit.writesByColumns(role) != nil
            #expect(tensor.type == (isWriter ? .q8_0 : before?.type ?? tensor.type), "\(role)")
        }
        let bias = CheckpointEdit.set(.block(0, .attentionOutput, .bias), .zeros([4]), type: nil)
        #expect(!bias.computesMatrix)
        #expect(
            !CheckpointEdit.set(.block(0, .attentionNorm), .zeros([4]), type: nil).computesMatrix)
        #expect(
            !CheckpointEdit.set(
                .block(0, .feedForwardDown), .beside(.present, .zeros([4, 4])), type: nil
            ).computesMatrix)
    }
}
