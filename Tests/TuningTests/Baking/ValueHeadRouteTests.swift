import Foundation
import TestSupport
import Testing
import Transformer

@testable import Formats
@testable import Tuning

/// Vectors that attention heads of their own put into the stream.
@Suite struct ValueHeadRouteTests {
    private let folder: TemporaryFolder
    private let route = ValueHeadRoute()
    private let crew = WorkCrew(threads: 2)

    init() throws {
        folder = try TemporaryFolder()
    }

    private func vector(_ width: Int, seed: UInt64, scale: Float = 0.5) -> [Float] {
        var generator = SeededGenerator(seed: seed)
        return (0..<width).map { _ in .random(in: -scale...scale, using: &generator) }
    }

    /// Two vectors in block 0, one of them in f32's awkward places, and none in the others.
    private func interventions(_ width: Int) -> [Intervention] {
        [
            Intervention(site: .residMid, block: 0, vector: vector(width, seed: 5), strength: 1.5),
            Intervention(
                site: .residMid, block: 0, vector: vector(width, seed: 6).map { $0 * 1e-2 },
                strength: -2),
        ]
    }

    private func bake(
        _ interventions: [Intervention], into base: Checkpoint, as name: String = "edited.gguf"
    ) throws -> Checkpoint {
        let format: FileFormat = name.hasSuffix(".gguf") ? .gguf : .safetensors
        let edits = try route.edits(baking: interventions, into: base, format: format)
        return try folder.write(base, edits, as: name)
    }

    // MARK: - Models

    @Test(arguments: ["qwen3", "qwen3_moe", "gemma"])
    func theModelIsTheSteeredBase(_ family: String) throws {
        let source = try Checkpoint.open(Families.folder(family))
        let base = try folder.write(source, as: "base.gguf")
        let own = try base.hyperparameters()
        let wanted = interventions(own.hiddenSize)
        let edited = try bake(wanted, into: base)
        let numbers = try edited.hyperparameters()
        #expect(numbers.keyValueHeadCount == own.keyValueHeadCount + 1)
        #expect(
            numbers.headCount == own.headCount + own.headCount / own.keyValueHeadCount)
        #expect(numbers.headSize == own.headSize)
        #expect(edited.tensor(.block(0, .attentionValue, .bias)) != nil)
        #expect(edited.tensor(.block(1, .attentionValue, .bias)) == nil)
        let result = try verify(base, edited, wanted)
        #expect(result.passes)
        #expect(result.logits.relative < 1e-5 && result.logitEffect > 0.01)
        #expect(try !verify(base, base, wanted).passes)
        let straight = try bake(wanted, into: source, as: "straight.gguf")
        #expect(try verify(base, straight, wanted).passes)
    }

    @Test func aFolderWhoseValuesHaveABiasGrowsHeadsToo() throws {
        let base = try Checkpoint.open(Families.folder("qwen2"))
        let own = try base.hyperparameters()
        let wanted = interventions(own.hiddenSize)
        let edited = try bake(wanted, into: base, as: "edited")
        #expect(try edited.hyperparameters().headSize == own.headSize)
        let result = try verify(base, edited, wanted)
        #expect(result.passes && result.logits.relative < 1e-5)
    }

    @Test func whatGrewIsNamedSo() throws {
        let base = try folder.write(
            Checkpoint.open(Families.folder("qwen3")), as: "base.gguf")
        let wanted = interventions(try base.hyperparameters().hiddenSize)
        let edited = try bake(wanted, into: base)
        let changes = try verify(base, edited, wanted).weights.changes
        func note(_ name: String) -> String? { changes.first { $0.name == name }?.note }
        #expect(note("blk.0.attn_output.weight") == "the base's, and 24 columns more")
        #expect(note("blk.1.attn_q.weight") == "the base's, and 24 rows more")
        #expect(changes.allSatisfy { !$0.isUnexplained })
    }

    @Test func theVectorIsReadBack() throws {
        let base = try folder.write(
            Checkpoint.open(Families.folder("qwen3")), as: "base.gguf")
        let width = try base.hyperparameters().hiddenSize
        let wanted = (0..<2).map {
            Intervention(site: .residMid, block: $0, vector: vector(width, seed: UInt64($0)))
        }
        let comparison = try CheckpointComparison(base, bake(wanted, into: base), crew: crew)
        let explanation = try Explanation(comparison, crew: crew)
        let found = try #require(explanation.vectors.first)
        #expect(explanation.vectors.count == 1 && found.site == .residMid)
        #expect(found.directions == [0: wanted[0].vector, 1: wanted[1].vector])
        for finding in explanation.findings {
            switch finding {
            case .baked(let recovery, let others):
                #expect(recovery.route.name == "value-head" && others.isEmpty)
            case .numbers: break
            default: Issue.record("\(finding)")
            }
        }
    }

    @Test func theCostIsWhatTheFileGrowsBy() throws {
        let base = try folder.write(
            Checkpoint.open(Families.folder("gemma")), as: "base.gguf")
        let numbers = try base.hyperparameters()
        let wanted = interventions(numbers.hiddenSize)
        let cost = try route.cost(of: wanted, in: base, format: .gguf)
        func bytes(_ model: Checkpoint) -> Int { model.tensors.reduce(0) { $0 + $1.bytes.count } }
        #expect(try cost.bytes == bytes(bake(wanted, into: base)) - bytes(base))
        let weights = (2 * 3 + 2) * numbers.headSize * numbers.hiddenSize * numbers.blockCount
        #expect(cost.operations == weights + 2 * numbers.headSize)
        #expect(cost.runtimes == ["llama.cpp"])
    }

    // MARK: - Quantised models

    /// A small Qwen 3 with heads of 128 and random weights, whose attention is of a type.
    private func wide(_ type: ElementType, headSize: Int = 128) throws -> Checkpoint {
        let small = try Checkpoint.open(Families.folder("qwen3"))
        var numbers = try small.hyperparameters()
        numbers.hiddenSize = 256
        numbers.feedForwardSize = 64
        numbers.headSize = headSize
        numbers.rope = RopeParameters(base: 10_000, dimensions: headSize)
        let architecture = try #require(small.architecture)
        var edits = [CheckpointEdit.model(architecture, numbers)]
        var types: [CheckpointEdit] = []
        for rule in architecture.weights {
            for role in rule.roles(in: numbers) {
                guard let tensor = small.tensor(role) else { continue }
                let shape = rule.shape(of: WeightRole(role.slot), in: numbers)
                edits.append(
                    .set(
                        role, Self.grown(tensor.shape, to: shape, seed: edits.count), type: .f32))
                guard case .block(_, let slot) = role.slot, slot.isOfFirstHalf, shape.count == 2
                else { continue }
                types.append(.set(role, .present, type: type))
            }
        }
        let plain = try folder.write(small, edits, as: "plain.gguf")
        return try folder.write(plain, types, as: "\(type.name)-\(headSize).gguf")
    }

    /// A weight with random columns beside it and rows below it.
    private static func grown(_ small: [Int], to shape: [Int], seed: Int) -> RowSource {
        guard shape.count == 2, small.count == 2 else {
            return .above(.present, random([shape[0] - small[0]], seed: seed))
        }
        let wide = RowSource.beside(
            .present, random([small[0], shape[1] - small[1]], seed: seed))
        return shape[0] == small[0]
            ? wide : .above(wide, random([shape[0] - small[0], shape[1]], seed: seed + 50))
    }

    private static func random(_ shape: [Int], seed: Int) -> RowSource {
        let columns = shape.count > 1 ? shape[1] : 1
        return .computed(
            ComputedRows(shape: shape) { rows, target in
                for row in rows {
                    var generator = SeededGenerator(seed: UInt64(seed * 100_003 + row))
                    for column in 0..<columns {
                        target[(row - rows.lowerBound) * columns + column] =
                            .random(in: -0.1...0.1, using: &generator)
                            + (shape.count == 1 ? 1 : 0)
                    }
                }
            })
    }

    @Test(arguments: [
        ElementType.f16, .bf16, .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q4K, .q5K, .q6K,
    ])
    func quantisedAttentionKeepsItsBytesAndAddsTheVector(_ type: ElementType) throws {
        let base = try wide(type)
        let wanted = interventions(256)
        let edited = try bake(wanted, into: base)
        for slot in [BlockSlot.attentionQuery, .attentionKey, .attentionValue, .attentionOutput] {
            for block in 0..<2 {
                let (a, b) = (
                    try #require(base.tensor(.block(block, slot))),
                    try #require(edited.tensor(.block(block, slot)))
                )
                #expect(a.type == type && b.type == type)
                let rows = a.bytes.withUnsafeBytes(Array.init)
                let grown = b.bytes.withUnsafeBytes(Array.init)
                if slot != .attentionOutput {
                    #expect(grown.prefix(rows.count).elementsEqual(rows))
                    #expect(try b.values().dropFirst(a.values().count).allSatisfy { $0 == 0 })
                    continue
                }
                let (size, larger) = (rows.count / 256, grown.count / 256)
                for row in 0..<256 {
                    #expect(
                        grown[(row * larger)..<(row * larger + size)]
                            .elementsEqual(rows[(row * size)..<((row + 1) * size)]))
                }
            }
        }
        #expect(try edited.hyperparameters().keyValueHeadCount == 3)
        let result = try verify(base, edited, wanted)
        #expect(result.passes)
        #expect(result.logits.relative < 1e-5)
        let comparison = try CheckpointComparison(base, edited, crew: crew)
        let found = try #require(Explanation(comparison, crew: crew).vectors.first)
        let sum = zip(wanted[0].vector, wanted[1].vector).map { 1.5 * $0 - 2 * $1 }
        let rest = zip(found.directions[0] ?? [], sum).map { $0 - $1 }
        #expect(rest.count == 256 && rest.norm <= 1e-6 * sum.norm)
    }

    @Test func asManyHeadsAreAppendedAsFillABlock() throws {
        let base = try wide(.q4K, headSize: 64)
        let wanted = interventions(256)
        let edited = try bake(wanted, into: base)
        #expect(try edited.hyperparameters().keyValueHeadCount == 4)
        #expect(try verify(base, edited, wanted).passes)
    }

    // MARK: - Columns

    /// What the columns add, read back from whole rows in the plainest way.
    private func added(_ heads: ValueHeads, rows: Int, _ type: ElementType) throws -> [Double] {
        let shape = heads.shape
        guard case .computed(let source) = heads.rowSource(rows: rows) else { return [] }
        var all = [Float](repeating: 1, count: rows * shape.queryWidth)
        try all.withUnsafeMutableBufferPointer { try source.read(0, into: $0) }
        return try (0..<rows).map { row in
            let columns = Array(all[(row * shape.queryWidth)..<((row + 1) * shape.queryWidth)])
            let stored = try #require(RowEncoder.roundTrip(columns, as: type)).values
            var sum = 0.0
            for head in 0..<shape.count {
                for query in 0..<shape.repeats {
                    for place in 0..<shape.size {
                        let column = (head * shape.repeats + query) * shape.size + place
                        sum +=
                            Double(stored[column])
                            * Double(heads.biases[head * shape.size + place])
                    }
                }
            }
            return sum
        }
    }

    @Test(arguments: [
        ElementType.f32, .f16, .bf16, .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q2K, .q3K, .q4K, .q5K,
        .q6K,
    ])
    func columnsAddTheVector(_ type: ElementType) throws {
        // The last three fill two blocks, as the types need that have one scale for a block of 256.
        let shapes: [(ValueHeads.Shape, Bool)] = [
            (.init(count: 1, repeats: 2, size: 128), false),
            (.init(count: 1, repeats: 1, size: 256), false),
            (.init(count: 1, repeats: 4, size: 128), true),
            (.init(count: 2, repeats: 2, size: 128), true),
            (.init(count: 8, repeats: 1, size: 64), true),
        ]
        var worst = [0.0, 0.0]
        for (shape, isLong) in shapes {
            for scale: Float in [3e-3, 0.3, 1, 40, 9000] {
                var values = vector(64, seed: 9, scale: scale)
                values[3] = 0
                values[7] = 7 * scale
                values[9] *= 1e-3
                let heads = try #require(ValueHeads(adding: values, shape: shape, type: type))
                let sums = try added(heads, rows: 64, type)
                let error = zip(sums, values).reduce(0.0) { sum, pair in
                    sum + (pair.0 - Double(pair.1)) * (pair.0 - Double(pair.1))
                }.squareRoot()
                let found = error / values.norm
                #expect(abs(found - heads.error) <= 1e-12)
                worst[isLong ? 1 : 0] = max(worst[isLong ? 1 : 0], found)
            }
        }
        #expect(worst[1] <= 1e-6, "\(type.name): \(worst)")
        if type != .q3K, type != .q2K { #expect(worst[0] <= 1e-6, "\(type.name): \(worst)") }
    }

    // MARK: - Refusals

    @Test func whatCannotBeAHeadIsRefusedWithItsReason() throws {
        func refusal(
            _ family: String, _ format: FileFormat, _ site: Site = .residMid,
            _ operation: Intervention.Operation = .add
        ) throws -> ValueHeadRoute.Refusal? {
            let model = try Checkpoint.open(Families.folder(family))
            return route.refusal(of: operation, at: site, in: model, format: format)
                as? ValueHeadRoute.Refusal
        }
        #expect(
            try refusal("phi3", .gguf)
                == .sizedByWidth(runtime: "llama.cpp", architecture: "phi3"))
        #expect(
            try refusal("qwen2", .gguf)
                == .sizedByWidth(runtime: "llama.cpp", architecture: "qwen2"))
        #expect(
            try refusal("stablelm", .safetensors)
                == .sizedByWidth(runtime: "transformers", architecture: "stablelm"))
        #expect(try refusal("gemma2", .gguf) == .postNorm(architecture: "gemma2"))
        #expect(try refusal("gemma3", .gguf) == .postNorm(architecture: "gemma3"))
        #expect(
            try refusal("qwen3", .safetensors)
                == .untried(runtime: "transformers", architecture: "qwen3"))
        #expect(try refusal("qwen3", .gguf, .residPost) == .otherSite(site: .residPost))
        #expect(
            try refusal("qwen3", .gguf, .residMid, .ablate)
                == .notAnAddition(operation: .ablate))
        #expect(try refusal("qwen3", .gguf) == nil)
    }

    @Test func valuesThatNoRuntimeHoldsAreRefused() throws {
        let base = try Checkpoint.open(Families.folder("qwen3"))
        let width = try base.hyperparameters().hiddenSize
        func edits(_ value: Float, block: Int = 0, count: Int? = nil) throws {
            let vector = [Float](repeating: value, count: count ?? width)
            _ = try route.edits(
                baking: [Intervention(site: .residMid, block: block, vector: vector)],
                into: base, format: .gguf)
        }
        #expect(
            throws: TooLargeAddition(place: "what is added in block 0", index: 0, value: 7e4)
        ) { try edits(7e4) }
        #expect(throws: TooLargeAddition.self) { try edits(.infinity) }
        #expect(throws: VectorError.self) { try edits(1, block: 2) }
        #expect(throws: VectorError.self) { try edits(1, count: 3) }
        let quantised = try wide(.q4K)
        let faint = Intervention(
            site: .residMid, block: 1, vector: vector(256, seed: 3, scale: 1e-9))
        #expect(throws: ValueHeadRoute.Refusal.self) {
            try route.edits(baking: [faint], into: quantised, format: .gguf)
        }
    }

    @Test func nothingAddedIsNothingChanged() throws {
        let base = try folder.write(
            Checkpoint.open(Families.folder("qwen3")), as: "base.gguf")
        let width = try base.hyperparameters().hiddenSize
        let none = Intervention(
            site: .residMid, block: 1, vector: [Float](repeating: 0, count: width))
        let edited = try bake([none], into: base)
        #expect(try verify(base, edited, [none]).logits.largestDifference < 1e-5)
    }
}
