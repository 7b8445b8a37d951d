import TestSupport
import Testing

@testable import Formats

/// In which types an output stores its tensors.
@Suite struct TypePolicyTests {
    private func types(
        _ policy: TypePolicy, _ format: FileFormat, and edits: [CheckpointEdit] = []
    ) throws -> [String: ElementType] {
        let plan = try OutputPlan(
            source: Checkpoint.open(Samples.tinyModel), edits: [.types(policy)] + edits,
            format: format)
        return Dictionary(
            uniqueKeysWithValues: plan.tensors.map { ($0.description.name, $0.description.type) })
    }

    private func override(_ text: String, _ type: ElementType) throws -> TypePolicy.Override {
        .init(try #require(NamePattern(text, matching: .anyPart)), type)
    }

    /// Of the first block; the model's rows are of 128 and 384.
    @Test(arguments: [TypePolicy.Standard.keep, .plain(.bf16)])
    func theFirstPatternThatMatchesWins(standard: TypePolicy.Standard) throws {
        let policy = TypePolicy(
            standard,
            overrides: [
                try override(#"blk\.2\.ffn_up"#, .f16), try override(#"blk\.[12]\.ffn"#, .q4_1),
                try override("^blk.*down", .q8_0), try override("attn", .q5_1),
            ])
        for (name, type) in try types(policy, .gguf) {
            let expected: ElementType =
                switch name {
                case _ where name.contains("norm"): .f32
                case "blk.2.ffn_up.weight": .f16
                case _ where name.hasPrefix("blk.1.ffn") || name.hasPrefix("blk.2.ffn"): .q4_1
                case _ where name.contains("ffn_down"): .q8_0
                case _ where name.contains("attn"): .q5_1
                default: standard == .keep ? .f16 : .bf16
                }
            #expect(type == expected, "\(name)")
        }
    }

    /// Norms are no matrices: their types cannot be chosen.
    @Test(arguments: ["no'ne", "ffn_up$", "_norm", "^model"])
    func aPatternThatFindsNoMatrixIsRefused(pattern: String) throws {
        let policy = TypePolicy(
            .keep, overrides: [try override("weight", .f32), try override(pattern, .q8_0)])
        let fact =
            "\(pattern.quoted) finds no matrix of the output whose type can be chosen"
        #expect(throws: CheckpointError.cannotExpress(fact: fact)) { try types(policy, .gguf) }
    }

    @Test func anEditsOwnTypeComesFirst() throws {
        let role = WeightRole.block(3, .feedForwardDown)
        let edit = CheckpointEdit.set(
            role, values: [Float](repeating: 1, count: 128 * 384), form: .canonical, type: .q4_0)
        let policy = TypePolicy(.plain(.f16), overrides: [try override("down", .q8_0)])
        let found = try types(policy, .gguf, and: [edit])
        #expect(found["blk.3.ffn_down.weight"] == .q4_0)
        #expect(found["blk.2.ffn_down.weight"] == .q8_0)
        #expect(found["blk.2.ffn_up.weight"] == .f16)
    }

    @Test func folderNamesAreMatchedInAFolder() throws {
        let policy = TypePolicy(.plain(.bf16), overrides: [try override("down_proj.weight$", .f32)])
        for (name, type) in try types(policy, .safetensors) {
            #expect(type == (name.hasSuffix("down_proj.weight") ? .f32 : .bf16), "\(name)")
        }
    }

    /// Rows of 128 and 384 are no whole blocks of 256: the types that llama-quantize falls back to stand in their place.
    @Test func aMixFallsBackForNarrowRows() throws {
        let mix = try #require(QuantizationMix(named: "q4_k_m"))
        let source = try Checkpoint.open(Samples.tinyModel)
        let plan = try OutputPlan(
            source: source, edits: [.types(TypePolicy(.mix(mix)))], format: .gguf)
        for tensor in plan.tensors.map(\.description) where tensor.shape.count > 1 {
            #expect([.q5_0, .q8_0].contains(tensor.type), "\(tensor.name)")
        }
        #expect(plan.notes.contains { $0.contains("no whole number of q4_k blocks") })
        guard case .gguf(let metadata) = plan.container else { return }
        #expect(metadata["general.file_type"] == .u32(15))
        #expect(metadata["general.quantization_version"] == .u32(2))
        #expect(
            metadata.entries.suffix(2).map(\.key) == [
                "general.quantization_version", "general.file_type",
            ])
        let names = plan.tensors.map(\.description.name)
        #expect(names.first?.hasPrefix("blk.") == false && names.last?.hasPrefix("blk.") == true)
    }

    @Test func pureMixesHaveOneType() throws {
        var policy = TypePolicy(.mix(try #require(QuantizationMix(named: "q5_0"))))
        policy.isPure = true
        policy.embedding = .q8_0
        for (name, type) in try types(policy, .gguf) {
            let expected: ElementType =
                name.contains("norm") ? .f32 : name == "token_embd.weight" ? .q8_0 : .q5_0
            #expect(type == expected, "\(name)")
        }
        policy.leavesHead = true
        #expect(try types(policy, .gguf)["output.weight"] ?? .f32 == .f32)
    }

    @Test func whatIsQuantisedIsNotQuantisedAgainUnasked() throws {
        let folder = try TemporaryFolder()
        let first = folder.path("first.gguf")
        let mix = try #require(QuantizationMix(named: "q8_0"))
        let plan = try OutputPlan(
            source: Checkpoint.open(Samples.tinyModel), edits: [.types(TypePolicy(.mix(mix)))],
            format: .gguf)
        _ = try CheckpointWriter(crew: WorkCrew(threads: 1)).write(
            plan, to: first, replacing: false)
        let source = try Checkpoint.open(first)
        func again(_ name: String, allowed: Bool) throws -> OutputPlan {
            var policy = try #require(TypePolicy(named: name))
            policy.allowsRequantizing = allowed
            return try OutputPlan(source: source, edits: [.types(policy)], format: .gguf)
        }
        #expect(throws: CheckpointError.self) { try again("q4_0", allowed: false) }
        #expect(try again("q4_0", allowed: true).tensors.contains { $0.description.type == .q4_0 })
        // Its own types again, and plain floats, are no second rounding.
        #expect(try again("q8_0", allowed: false).tensors.allSatisfy(\.isCopy))
        #expect(try again("f16", allowed: false).tensors.contains { $0.description.type == .f16 })
    }

    @Test func whatATypeCannotHoldIsRefused() throws {
        #expect(throws: CheckpointError.self) {
            try types(TypePolicy(.keep, overrides: [try override("up", .f8E4M3)]), .gguf)
        }
        #expect(TypePolicy(named: "q9") == nil)
        #expect(TypePolicy(named: "q4_k")?.mix?.name == "q4_k_m")
        let mix = TypePolicy(.mix(try #require(QuantizationMix(named: "q4_0"))))
        #expect(throws: CheckpointError.self) { try types(mix, .safetensors) }
    }

    /// Types that say little of a value without knowing which matter.
    @Test func whatNeedsImportanceCanBePlannedButNotWritten() throws {
        let mix = try #require(QuantizationMix(named: "q2_k_s"))
        let folder = try TemporaryFolder()
        try WideModel.write(to: folder.path("wide"))
        let plan = try OutputPlan(
            source: Checkpoint.open(folder.path("wide")),
            edits: [.types(TypePolicy(.mix(mix)))], format: .gguf)
        let refusal = try #require(plan.refusal)
        #expect("\(refusal)".contains("importance matrix"))
        #expect(throws: refusal) { _ = try OutputLayout(plan, path: "out.gguf") }
    }

    private func importance(_ names: [String], columns: Int) -> ImportanceMatrix {
        let entry = ImportanceMatrix.Entry(
            sums: (0..<columns).map { Float($0 + 1) }, counts: [2])
        return ImportanceMatrix(
            path: "matrix.gguf",
            entries: Dictionary(uniqueKeysWithValues: names.map { (ExactString($0), entry) }),
            datasets: [], chunkCount: 1, chunkSize: 2)
    }

    /// A matrix of another model would else weigh nothing, and nobody would know.
    @Test func matricesWithoutImportanceAreTold() throws {
        let source = try Checkpoint.open(Samples.tinyModel)
        func plan(_ names: [String]) throws -> OutputPlan {
            var policy = TypePolicy(.mix(try #require(QuantizationMix(named: "q4_0"))))
            policy.importance = importance(names, columns: 128)
            return try OutputPlan(source: source, edits: [.types(policy)], format: .gguf)
        }
        let some = try plan(["blk.0.attn_q.weight", "blk.1.attn_q.weight"])
        #expect(
            some.notes.contains {
                $0.hasPrefix("matrix.gguf has no entry for") && $0.contains("all count alike")
            })
        #expect(throws: CheckpointError.self) { try plan(["other.weight"]) }
    }

    /// A head that is the embedding has no type of its own to be asked for.
    @Test func aHeadThatIsNotThereIsTold() throws {
        let source = try Checkpoint.open(Samples.tinyModel)
        let isTied = source.tensor(WeightRole(.output)) == nil
        var policy = TypePolicy(.keep)
        policy.head = .q8_0
        if isTied {
            #expect(throws: CheckpointError.self) { try types(policy, .gguf) }
        } else {
            #expect(try types(policy, .gguf)["output.weight"] == .q8_0)
        }
    }
}
