import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Directions removed from all that writes to the stream, against the same removed online.
@Suite struct AblationRouteTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)
    private let route = AblationRoute()

    init() throws {
        folder = try TemporaryFolder()
    }

    private func vector(_ width: Int, _ seed: Int) -> [Float] {
        (0..<width).map { Float(($0 * (7 + 4 * seed) + 3 * seed) % 11) / 4 - 1 }
    }

    /// Two directions, not at right angles, removed at every place.
    private func everywhere(_ sizes: Hyperparameters, strength: Float = 1) -> [Intervention] {
        [0, 1].map { seed in
            Intervention(
                block: 0, operation: .ablate, vector: vector(sizes.hiddenSize, seed),
                strength: strength)
        }.everywhere(blockCount: sizes.blockCount)
    }

    private func bake(
        _ interventions: [Intervention], into base: Checkpoint, as name: String
    ) throws -> Checkpoint {
        let format: FileFormat = name.hasSuffix(".gguf") ? .gguf : .safetensors
        return try folder.write(
            base, route.edits(baking: interventions, into: base, format: format), as: name)
    }

    private func bases(_ family: String) throws -> [Checkpoint] {
        let original = try Checkpoint.open(Families.folder(family))
        guard Families.convertible.contains(family) else { return [original] }
        return [original, try folder.write(original, as: family + ".gguf")]
    }

    @Test(arguments: Families.all)
    func aSpanGoneEverywhereIsExactOrRefused(_ family: String) throws {
        for base in try bases(family) {
            let wanted = everywhere(try base.hyperparameters())
            if let refusal = route.refusal(of: wanted, in: base, format: base.format) {
                let architecture = try base.requireArchitecture()
                #expect(
                    architecture.residualPath == .normed
                        || base.format == .gguf && architecture.rule(for: .output)?.gguf == nil,
                    "\(refusal)")
                #expect(throws: AblationRoute.Refusal.self) {
                    try route.edits(baking: wanted, into: base, format: base.format)
                }
                continue
            }
            let edited = try bake(
                wanted, into: base, as: "edited" + (base.format == .gguf ? ".gguf" : ""))
            let found = try verify(base, edited, wanted)
            #expect(
                found.verdict == .equal,
                "\(base.format): logits \(found.logits.relative), \(found.weights.unexplained)")
            #expect(found.logits.relative <= 1e-5)
            #expect(found.logitEffect > 1e-2)
            #expect(try !verify(base, base, wanted).passes)
        }
    }

    /// Strengths that weights can hold: at the embedding alone, and where no later place has the direction.
    @Test(arguments: [Float(0.5), 2])
    func otherStrengthsAreExactWhereNothingMeetsThemAgain(strength: Float) throws {
        let base = try Checkpoint.open(Families.folder("granite"))
        let sizes = try base.hyperparameters()
        var last = everywhere(sizes)
        for index in last.indices.suffix(2) { last[index].strength = strength }
        let embedding = everywhere(sizes, strength: strength).prefix(2)
        for (number, wanted) in [last, Array(embedding)].enumerated() {
            let edited = try bake(wanted, into: base, as: "edited\(number)")
            let found = try verify(base, edited, wanted)
            #expect(found.logits.relative <= 1e-5 && found.streamsPass, "\(number)")
        }
    }

    /// Fewer directions from place to place.
    @Test func aSpanMayShrink() throws {
        let base = try Checkpoint.open(Families.folder("qwen2"))
        let all = everywhere(try base.hyperparameters())
        let first = all.filter { $0.vector == all[0].vector }
        let wanted = first + all.filter { $0.vector == all[1].vector }.prefix(3)
        let edited = try bake(wanted, into: base, as: "edited")
        #expect(try verify(base, edited, wanted).verdict == .equal)
        #expect(try !verify(base, edited, first).passes)
    }

    @Test func whatIsLeftInTheStreamIsRefused() throws {
        let base = try Checkpoint.open(Families.folder("llama"))
        let sizes = try base.hyperparameters()
        let all = everywhere(sizes)
        let start = StreamSite(site: .embed, block: 0)
        func refusal(_ wanted: [Intervention]) -> AblationRoute.Refusal? {
            route.refusal(of: wanted, in: base, format: .gguf) as? AblationRoute.Refusal
        }
        // One block alone: what was written before is left.
        guard case .leftBefore(_, let earlier, let share)? = refusal(Array(all.suffix(1))) else {
            Issue.record("one block alone is not refused")
            return
        }
        #expect(earlier == start && abs(share - 1) < 1e-5)
        // Half of it, again and again.
        guard
            case .leftBefore(let place, let half, let left)? =
                refusal(everywhere(sizes, strength: 0.5))
        else {
            Issue.record("half a strength is not refused")
            return
        }
        #expect(place == StreamSite(site: .residMid, block: 0) && half == start)
        #expect(abs(left - 0.5) < 1e-5)
        // A span that grows.
        #expect(refusal(Array(all.dropFirst(1))) != nil)
        #expect(refusal(all) == nil)
    }

    @Test func additionsAndOtherModelsAreRefusedWithTheReason() throws {
        let llama = try Checkpoint.open(Families.folder("llama"))
        let width = try llama.hyperparameters().hiddenSize
        let addition = [Intervention(block: 0, vector: vector(width, 0))]
        #expect(throws: AblationRoute.Refusal.notAnAblation(operation: .add)) {
            try route.edits(baking: addition, into: llama, format: .gguf)
        }
        for (family, refusal) in [
            ("gemma", AblationRoute.Refusal.noHead(architecture: "gemma")),
            ("gemma3", .postNorm(architecture: "gemma3")),
            ("olmo2", .postNorm(architecture: "olmo2")),
        ] {
            let base = try Checkpoint.open(Families.folder(family))
            let wanted = everywhere(try base.hyperparameters())
            #expect(
                route.refusal(of: wanted, in: base, format: .gguf) as? AblationRoute.Refusal
                    == refusal)
        }
    }

    @Test func aTiedHeadKeepsItsBytesAsATensorOfItsOwn() throws {
        for base in try bases("llama") {
            let isFile = base.format == .gguf
            let edited = try bake(
                everywhere(base.hyperparameters()), into: base,
                as: "untied" + (isFile ? ".gguf" : ""))
            let head = try #require(edited.tensor(WeightRole(.output)))
            let embedding = try #require(base.tensor(WeightRole(.tokenEmbedding)))
            #expect(head.hasBytes(of: embedding))
            #expect(try !edited.hyperparameters().tiesEmbeddings && edited.warnings == [])
            let cost = try route.cost(
                of: everywhere(base.hyperparameters()), in: base, format: base.format)
            #expect(cost.bytes == head.bytes.count && cost.operations == 0)
        }
    }

    /// W − Σ q qᵀ W in doubles, of a transposed matrix and of one that is not.
    @Test(arguments: ["gpt2", "llama-biased"])
    func aWeightIsWhatAPlainLoopMakesOfIt(_ family: String) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let wanted = everywhere(try base.hyperparameters())
        let edited = try bake(wanted, into: base, as: "edited")
        let span = RemovedSpan(of: wanted.prefix(2).map(\.vector)).directions
        for slot in [BlockSlot.attentionOutput, .feedForwardDown] {
            let role = WeightRole.block(1, slot)
            let before = try #require(try CheckpointWeights(base).matrix(role))
            let after = try #require(try CheckpointWeights(edited).matrix(role))
            let (old, new) = (before.widened(crew: crew), after.widened(crew: crew))
            for column in 0..<before.columns {
                var values = (0..<before.rows).map {
                    Double(old.floats[$0 * before.columns + column])
                }
                for direction in span {
                    let share = zip(values, direction).reduce(0) { $0 + $1.0 * Double($1.1) }
                    for row in values.indices { values[row] -= share * Double(direction[row]) }
                }
                for row in values.indices {
                    let found = Double(new.floats[row * before.columns + column])
                    #expect(abs(found - values[row]) < 1e-6)
                }
            }
        }
    }

    /// Rounded anew in their own types, the others copied byte for byte.
    @Test(arguments: [ElementType.f16, .bf16, .q8_0, .q6K, .q4K])
    func quantisedWeightsKeepTheirTypes(type: ElementType) throws {
        try WideModel.write(to: folder.path("wide"))
        let wide = try Checkpoint.open(folder.path("wide"))
        let base = try folder.write(
            wide,
            wide.tensors.compactMap { tensor in
                guard let role = tensor.role, tensor.shape.count == 2 else { return nil }
                return .set(role, .present, type: type)
            }, as: "base.gguf")
        let wanted = everywhere(try base.hyperparameters())
        let edited = try bake(wanted, into: base, as: "edited.gguf")
        for (before, after) in zip(base.tensors, edited.tensors) {
            #expect(before.type == after.type && before.name == after.name)
            let role = try #require(before.role)
            let isWriter = AblationFit.writesByColumns(role) != nil
            #expect(before.hasBytes(of: after) != isWriter, "\(before.name)")
        }
        let found = try verify(base, edited, wanted)
        // In four bits the rounding of random matrices hides which directions of 256 are gone, here.
        let verdicts: [Verification.Verdict] = type == .q4K ? [.equal, .undecidable] : [.equal]
        #expect(verdicts.contains(found.verdict), "\(type): \(found.logits.relative)")
        #expect(try !verify(base, base, wanted).passes)
    }

    @Test func whatIsRemovedIsFoundAgain() throws {
        let base = try Checkpoint.open(Families.folder("llama"))
        let sizes = try base.hyperparameters()
        let direction = vector(sizes.hiddenSize, 0)
        let wanted = [Intervention(block: 0, operation: .ablate, vector: direction)]
            .everywhere(blockCount: sizes.blockCount)
        let edited = try bake(wanted, into: base, as: "edited")
        let explanation = try Explanation(
            CheckpointComparison(base, edited, crew: crew), crew: crew)
        let found = try #require(explanation.vectors.first?.directions[0])
        #expect(abs(found.cosine(with: direction)) > 0.999999)
    }
}
