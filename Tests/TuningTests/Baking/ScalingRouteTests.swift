import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Sub-layers scaled in the weights, against the same scaled online.
@Suite struct ScalingRouteTests {
    private let folder: TemporaryFolder
    private let crew = WorkCrew(threads: 2)
    private let route = ScalingRoute()

    init() throws {
        folder = try TemporaryFolder()
    }

    /// Both sub-layers of the first two blocks, each by its own factor.
    private let scalings: [Intervention] = [
        (Site.residMid, 0, Float(0.5)), (.residPost, 0, -0.3), (.residMid, 1, -0.75),
        (.residPost, 1, 0.8),
    ].map { site, block, strength in
        Intervention(
            site: site, block: block, operation: .scaleOutput, vector: [], strength: strength)
    }

    private func bake(
        _ interventions: [Intervention], into base: Checkpoint, as name: String
    ) throws -> Checkpoint {
        let format: FileFormat = name.hasSuffix(".gguf") ? .gguf : .safetensors
        let plan = try BakePlan(named: nil, for: interventions, in: base, format: format)
        return try folder.write(base, plan.edits(into: base, format: format), as: name)
    }

    private func bases(_ family: String) throws -> [Checkpoint] {
        let original = try Checkpoint.open(Families.folder(family))
        guard Families.convertible.contains(family) else { return [original] }
        return [original, try folder.write(original, as: family + ".gguf")]
    }

    @Test(arguments: Families.all)
    func everyFamilyTakesItInBothFormats(_ family: String) throws {
        for base in try bases(family) {
            let edited = try bake(
                scalings, into: base, as: "edited" + (base.format == .gguf ? ".gguf" : ""))
            let found = try verify(base, edited, scalings)
            #expect(
                found.verdict == .equal,
                "\(base.format): logits \(found.logits.relative), \(found.weights.unexplained)")
            #expect(found.logits.relative <= 1e-5 && found.logitEffect > 1e-2)
            #expect(found.controls.count >= 3 && found.controls.allSatisfy(\.passes))
            #expect(try !verify(base, base, scalings).passes)
        }
    }

    /// From one format into the other.
    @Test(arguments: ["gpt2", "gemma3", "mixtral"])
    func aScaledModelIsConvertedToo(_ family: String) throws {
        for base in try bases(family) {
            let edited = try bake(
                scalings, into: base, as: base.format == .gguf ? "other" : "other.gguf")
            #expect(edited.format != base.format)
            let found = try verify(base, edited, scalings)
            #expect(found.verdict == .equal, "\(base.format): \(found.logits.relative)")
        }
    }

    /// Additions stand where they are whatever their sub-layer is scaled by, and what is removed is gone.
    @Test(arguments: ["llama", "gpt2", "qwen3"])
    func scalingsGoTogetherWithVectorsAndAblations(_ family: String) throws {
        for base in try bases(family) {
            let width = try base.hyperparameters().hiddenSize
            let vector = (0..<width).map { Float($0 % 7) / 4 - 0.6 }
            let additions = [Site.residMid, .residPost].map {
                Intervention(site: $0, block: 1, vector: vector, strength: 0.5)
            }
            let name = "edited" + (base.format == .gguf ? ".gguf" : "")
            for wanted in [
                [additions[1]] + scalings, scalings + additions,
                scalings
                    + [
                        Intervention(block: 0, operation: .ablate, vector: vector)
                    ].everywhere(blockCount: try base.hyperparameters().blockCount),
            ] {
                let edited: Checkpoint
                do {
                    edited = try bake(wanted, into: base, as: name)
                } catch let error as AblationRoute.Refusal {
                    #expect(family == "gpt2" || base.format == .gguf, "\(error)")
                    continue
                }
                let found = try verify(base, edited, wanted)
                #expect(found.verdict == .equal, "\(base.format): \(found.logits.relative)")
            }
        }
    }

    @Test func whatIsScaledToNothingHoldsNoVector() throws {
        let base = try Checkpoint.open(Families.folder("llama"))
        let width = try base.hyperparameters().hiddenSize
        let nothing = Intervention(
            site: .residPost, block: 0, operation: .scaleOutput, vector: [], strength: -1)
        let vector = Intervention(block: 0, vector: [Float](repeating: 0.5, count: width))
        #expect(throws: BakePlanError.self) {
            try BakePlan(named: nil, for: [nothing, vector], in: base, format: .gguf)
        }
        let edited = try bake([nothing], into: base, as: "nothing")
        #expect(try verify(base, edited, [nothing]).verdict == .equal)
        let down = try #require(edited.tensor(.block(0, .feedForwardDown)))
        #expect(try down.values().allSatisfy { $0 == 0 })
    }

    @Test func whatIsNoScalingIsRefused() throws {
        let base = try Checkpoint.open(Families.folder("llama"))
        #expect(throws: ScalingRoute.Refusal.notAScaling(operation: .add)) {
            try route.edits(
                baking: [Intervention(block: 0, vector: [])], into: base, format: .gguf)
        }
        #expect(throws: ForwardError.self) {
            try route.edits(
                baking: [
                    Intervention(
                        site: .residMid, block: 99, operation: .scaleOutput, vector: [])
                ], into: base, format: .gguf)
        }
        let embed = Intervention(site: .embed, block: 0, operation: .scaleOutput, vector: [])
        #expect(throws: ScalingRoute.Refusal.noSubLayer(site: .embed)) {
            try route.edits(baking: [embed], into: base, format: .gguf)
        }
    }
}

/// The same in every type that is written.
@Suite struct ScaledTypesTests {
    private let models: VerifiedModels
    private let crew = WorkCrew(threads: 2)

    init() throws { models = try VerifiedModels() }

    @Test(arguments: [
        ElementType.f16, .bf16, .q4_0, .q4_1, .q5_0, .q5_1, .q8_0, .q2K, .q3K, .q4K, .q5K, .q6K,
    ])
    func codesStayAndScalesAreMultiplied(_ type: ElementType) throws {
        let base = try models.store(models.wide(), as: type)
        let scalings = [(Site.residMid, 0, Float(0.4)), (.residPost, 1, -0.35)].map {
            Intervention(
                site: $0.0, block: $0.1, operation: .scaleOutput, vector: [], strength: $0.2)
        }
        let edited = try models.write(
            base, ScalingRoute().edits(baking: scalings, into: base, format: .gguf),
            as: "scaled-\(type.name).gguf")
        let found = try models.verify(base, edited, scalings)
        #expect(
            found.verdict == .equal,
            "logits \(found.logits.relative) of \(found.tolerance.relative), effect \(String(describing: found.logitEffectShare)) of \(found.tolerance.effectShare)"
        )
        #expect(found.weights.unexplained.isEmpty)
        #expect(found.weights.changes.allSatisfy { $0.reason == .expected })
        // Bytes: only f16 numbers differ in blocks, nothing in other tensors.
        let halves = Set(
            type.deltaFields.filter { $0.kind == .float }.flatMap {
                $0.offset..<($0.offset + $0.width)
            })
        for (a, b) in zip(base.tensors, edited.tensors) {
            #expect(a.name == b.name && a.type == b.type)
            let (old, new) = (
                a.bytes.withUnsafeBytes { [UInt8]($0) }, b.bytes.withUnsafeBytes { [UInt8]($0) }
            )
            let isScaled =
                a.role == .block(0, .attentionOutput) || a.role == .block(1, .feedForwardDown)
            #expect((old != new) == isScaled, "\(a.name)")
            guard isScaled, type.isQuantized else { continue }
            let size = type.bitsPerBlock / 8
            #expect(
                zip(old, new).enumerated().allSatisfy {
                    halves.contains($0.offset % size) || $0.element.0 == $0.element.1
                })
        }
        // Another factor is told.
        var other = scalings
        other[1].strength = -0.30
        #expect(try models.verify(base, edited, other).verdict == .notEqual)
    }
}
