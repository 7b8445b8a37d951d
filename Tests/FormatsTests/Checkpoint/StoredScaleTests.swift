import TestSupport
import Testing

@testable import Formats

/// Scales that GGUF files keep beside their matrices, one number for each tensor or for each expert.
@Suite struct StoredScaleTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// Numbers that are no powers of two, so that a product rounds.
    private static func factors(_ count: Int) -> [Float] {
        (0..<count).map { 0.3 + 0.7 * Float($0) }
    }

    /// A family's wide model in NVFP4, plain and with a scale beside every matrix of its blocks that can have one.
    private func models(
        _ family: String, type: ElementType = .nvfp4
    ) throws -> (plain: Checkpoint, scaled: Checkpoint) {
        let plain = try WideFamily.write(family, type: type, to: folder, as: "plain.gguf")
        let edits = plain.tensors.compactMap { tensor -> CheckpointEdit? in
            guard let role = tensor.role, role.part == .weight, role.block != nil,
                tensor.shape.count > 1, role.slot.takesScale
            else { return nil }
            let count = role.slot.isOfExperts ? tensor.shape[0] : 1
            return .set(
                WeightRole(role.slot, .scale), values: Self.factors(count), form: .canonical,
                type: .f32)
        }
        #expect(edits.count > 6)
        return (plain, try folder.write(plain, edits, as: "scaled.gguf"))
    }

    private func values(_ checkpoint: Checkpoint, _ role: WeightRole) throws -> [Float] {
        try #require(checkpoint.tensor(role)).values()
    }

    private func bytes(_ tensor: WeightTensor) -> [UInt8] {
        tensor.bytes.withUnsafeBytes { Array($0) }
    }

    // MARK: - Reading

    @Test(arguments: ["llama", "mixtral", "qwen3_moe"])
    func aMatrixIsWhatItsBlocksSayTimesItsScale(family: String) throws {
        let (plain, scaled) = try models(family)
        _ = try scaled.hyperparameters()
        let experts = try scaled.hyperparameters().experts?.count ?? 1
        var expertMatrices = 0
        for tensor in plain.tensors {
            let role = try #require(tensor.role)
            let own = try #require(scaled.tensor(role))
            #expect(bytes(own) == bytes(tensor))
            let values = try tensor.values()
            guard role.block != nil, tensor.shape.count > 1, role.slot.takesScale else {
                #expect(try own.values() == values)
                continue
            }
            let count = role.slot.isOfExperts ? experts : 1
            let size = values.count / count
            let factors = Self.factors(count)
            #expect(try own.values() == values.indices.map { values[$0] * factors[$0 / size] })
            guard role.slot.isOfExperts else { continue }
            for expert in 0..<experts {
                let matrix = try self.values(scaled, WeightRole(role.slot, expert: expert))
                #expect(
                    matrix
                        == values[(expert * size)..<((expert + 1) * size)].map {
                            $0 * factors[expert]
                        })
                expertMatrices += 1
            }
        }
        #expect((expertMatrices > 0) == (experts > 1))
    }

    // MARK: - Writing

    @Test(arguments: ["llama", "mixtral"])
    func aFolderHoldsTheProducts(family: String) throws {
        let (_, scaled) = try models(family)
        let hub = try folder.write(scaled, as: "hub")
        #expect(!hub.tensors.contains { $0.name.hasSuffix("scale") })
        for tensor in scaled.tensors.flatMap(\.matrices) {
            let role = try #require(tensor.role)
            guard role.part.isOfValues, let other = hub.tensor(role) else { continue }
            guard tensor.form.change(to: other.form).rows == .same else { continue }
            #expect(try other.values() == tensor.values(), "\(role)")
        }
        let comparison = try TensorPairing(scaled, hub)
        for match in comparison.matches {
            let pair = try #require(match.values.pair, "\(match.weight.a?.name ?? "none")")
            var a = [Float](repeating: 0, count: pair.elementCount)
            var b = a
            try pair.read(rows: 0..<pair.rows, a: &a, b: &b)
            #expect(a == b, "\(match.weight.a?.name ?? "")")
        }
        #expect(comparison.leftOut.count { $0.contains(".scale: takes part in") } > 6)
    }

    @Test(arguments: ["llama", "mixtral"])
    func whatNoEditNamesKeepsItsBytes(family: String) throws {
        let (_, scaled) = try models(family)
        let copy = try folder.write(scaled, as: "copy.gguf")
        #expect(
            try TensorBytes(path: copy.path) == TensorBytes(path: scaled.path))
    }

    /// Another type holds the values as the blocks had them, and the scale stays beside it, as llama-quantize has it.
    @Test func anotherTypeKeepsTheScale() throws {
        let (plain, scaled) = try models("llama")
        var policy = TypePolicy.keeping(except: "ffn_up", as: .q8_0)
        policy.allowsRequantizing = true
        let both = try [plain, scaled].map {
            try folder.write($0, [.types(policy)], as: $0 === plain ? "a.gguf" : "b.gguf")
        }
        let role = WeightRole.block(1, .feedForwardUp)
        let (first, second) = (
            try #require(both[0].tensor(role)), try #require(both[1].tensor(role))
        )
        #expect(second.type == .q8_0)
        #expect(bytes(first) == bytes(second))
        #expect(try second.values() == first.values().map { $0 * Self.factors(1)[0] })
    }

    @Test(arguments: ["llama", "mixtral"])
    func anUpdateIsAddedToTheProducts(family: String) throws {
        let (_, scaled) = try models(family)
        let isMixture = try scaled.hyperparameters().experts != nil
        let role =
            isMixture
            ? WeightRole(.block(1, .expertUp), expert: 2) : .block(1, .attentionQuery)
        let width = WideFamily.width
        let update = LowRankUpdate(
            role: role, rank: 1, a: (0..<width).map { Float($0 % 7) / 70 },
            b: (0..<width).map { Float($0 % 5) / 5 }, rows: .same, scale: 0.5)
        let edited = try folder.write(scaled, [.add(update, type: .f32)], as: "edited.gguf")
        let (before, after) = (try values(scaled, role), try values(edited, role))
        let worst = zip(after, before).reduce(0) { max($0, abs($1.0 - $1.1)) }
        // The largest product of the update, wherever its row lies.
        #expect(abs(worst - 0.5 * 6 / 70 * 0.8) < 1e-5)
        let kept = try #require(edited.tensor(WeightRole(role.slot, .scale)))
        #expect(bytes(kept) == bytes(try #require(scaled.tensor(WeightRole(role.slot, .scale)))))
        let difference = zip(after, before).reduce(0) { $0 + Double($1.0 - $1.1) }
        let expected =
            0.5 * Double(update.a.reduce(0, +)) * Double(update.b.reduce(0, +))
        #expect(abs(difference / expected - 1) < 1e-4)
    }

    @Test func aScaleOfZeroTakesNoNewValues() throws {
        let (plain, _) = try models("llama")
        let role = WeightRole.block(0, .attentionOutput)
        let scale = CheckpointEdit.set(
            WeightRole(role.slot, .scale), values: [0], form: .canonical, type: .f32)
        let zero = try folder.write(plain, [scale], as: "zero.gguf")
        #expect(try values(zero, role).allSatisfy { $0 == 0 })
        let width = WideFamily.width
        let update = LowRankUpdate(
            role: role, rank: 1, a: [Float](repeating: 1, count: width),
            b: [Float](repeating: 1, count: width), rows: .same, scale: 1)
        #expect(throws: CheckpointError.self) {
            try folder.write(zero, [.add(update, type: .f32)], as: "edited.gguf")
        }
    }

    // MARK: - Refusals

    /// - Returns: the message with which the model is refused.
    private func refusal(
        _ family: String, _ role: WeightRole, _ values: [Float], type: ElementType = .f32
    ) throws -> String {
        let plain = try WideFamily.write(family, to: folder, as: "plain.gguf")
        let edit = CheckpointEdit.set(role, values: values, form: .canonical, type: type)
        let scaled = try folder.write(plain, [edit], as: "refused.gguf")
        let error = #expect(throws: CheckpointError.self) { try scaled.hyperparameters() }
        return error?.description ?? ""
    }

    @Test func scalesThatMeanNothingAreRefused() throws {
        let scale = WeightRole.block(1, .feedForwardUp, .scale)
        #expect(
            try refusal("llama", scale, [.nan]).contains("'blk.1.ffn_up.scale' holds the scale nan")
        )
        #expect(try refusal("llama", scale, [1], type: .f16).contains("in f16, not in f32"))
        // llama.cpp reads a head's scale where the head is NVFP4 alone.
        #expect(
            try refusal("llama", WeightRole(.output, .scale), [1]).contains(
                "'output.scale' is not one"))
    }

    @Test func scalesThatLlamaCppComputesWithoutAreRefused() throws {
        let scale = WeightRole.block(0, .feedForwardDown, .scale)
        for family in ["qwen2", "granite"] {
            #expect(try refusal(family, scale, [2]).contains("computes without"))
        }
        #expect(try refusal("llama-biased", scale, [2]).contains("would multiply by the scale too"))
        // That of attention is read in every family.
        let plain = try WideFamily.write("qwen2", to: folder, as: "qwen2.gguf")
        let edit = CheckpointEdit.set(
            .block(0, .attentionOutput, .scale), values: [2], form: .canonical, type: .f32)
        _ = try folder.write(plain, [edit], as: "scaled-qwen2.gguf").hyperparameters()
    }
}

/// The tensors of a file, for comparing two.
private struct TensorBytes: Equatable {
    private let tensors: [String: [UInt8]]

    init(path: String) throws {
        tensors = try Dictionary(
            uniqueKeysWithValues: Checkpoint.open(path).tensors.map { tensor in
                (tensor.name, tensor.bytes.withUnsafeBytes { Array($0) })
            })
    }
}
