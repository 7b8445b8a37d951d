package import Formats
import Foundation
package import Transformer

/// The exact route by a bias of the values that attention mixes, where the runtime loads none of its output and takes no more
/// heads: the weights of a softmax sum to 1, so a bias b of the values adds W b at every position, W the output projection
/// with the columns of all query heads that read a key/value head summed up. W b = v is solved, which has a solution for
/// every v where W has as many columns as rows and full rank: where every query head has values of its own.
///
/// It costs nothing, but the bias is as much longer than the vector as W shortens it, and every rounding of activations, that of
/// a cache in f16 too, grows with it: so not where W is quantised.
package struct ValueBiasRoute: BakeRoute {
    package let name = "value-bias"
    package let form = "a bias of the values"
    package let forms = "biases of the values"
    package let summary = """
        A vector added after a block's attention (resid_mid) is made by a bias of the values, in families whose runtime \
        loads one where it loads none of the attention output, and whose query heads all have values of their own.
        """
    package let sites = [Site.residMid]

    package init() {}

    /// Why no bias of the values is made.
    package enum Refusal: Failure, Hashable {
        case otherSite(site: Site)
        case notAnAddition(operation: Intervention.Operation)
        case postNorm(architecture: String)
        case untried(runtime: String, architecture: String)
        case quantized(file: String, StoredQuantization)
        /// The values have fewer dimensions than the stream.
        case outOfReach(reached: Int, width: Int)
        case singular(block: Int)
        /// Runtimes quantise what such an output projection reads.
        case quantizedOutput(block: Int)
        /// The values come out too large for the numbers to hold what is added.
        case tooLong(block: Int, error: Double, condition: Double)

        package var kind: FailureKind { .unsupported }

        package var description: String {
            switch self {
            case .otherSite(let site):
                "no bias of the values acts at site '\(site.rawValue)'; bake resid_mid"
            case .notAnAddition(let operation):
                "a bias of the values adds a vector; it cannot \(operation.rawValue)"
            case .postNorm(let architecture):
                "in architecture '\(architecture)' the attention output passes a norm before the residual stream, so a "
                    + "bias before it does not equal steering"
            case .untried(let runtime, let architecture):
                "no run has shown that \(runtime) computes with a bias of the values alone in architecture "
                    + "'\(architecture)'"
            case .quantized(let file, let quantization):
                "\(file): the weights are quantised with \(quantization), for which no bias of the values is solved"
            case .outOfReach(let reached, let width):
                "the values have \(reached) dimensions and the stream \(width), so that a bias of the values reaches a "
                    + "part of all vectors only"
            case .singular(let block):
                "block \(block): the output projection of attention has not full rank, so that no bias of the values "
                    + "gives the vector"
            case .quantizedOutput(let block):
                "block \(block): the output projection of attention is quantised, and runtimes quantise what it reads too, "
                    + "so that they would lose what a long bias of the values adds"
            case .tooLong(let block, let error, let condition):
                "block \(block): a bias of the values holds the vector to \(error) of its length only; the output "
                    + "projection's condition number is \(condition)"
            }
        }
    }

    /// The largest error of an added vector as a share of its length.
    static let precision = 1e-2

    /// Why no bias of the values does what the operation does at this site.
    package func refusal(
        of operation: Intervention.Operation, at site: Site, in checkpoint: Checkpoint,
        format: FileFormat
    ) -> (any Failure)? {
        guard operation == .add else { return Refusal.notAnAddition(operation: operation) }
        guard site == .residMid else { return Refusal.otherSite(site: site) }
        if let quantization = checkpoint.quantization, !quantization.allowsMatrices(in: format) {
            return Refusal.quantized(file: checkpoint.path, quantization)
        }
        guard let architecture = checkpoint.architecture else {
            return Refusal.untried(
                runtime: format.runtime, architecture: checkpoint.architectureName ?? "")
        }
        let name = format == .gguf ? architecture.name : architecture.huggingFaceModelType
        guard architecture.residualPath != .normed else {
            return Refusal.postNorm(architecture: name)
        }
        guard architecture.valueBiasFormats.contains(format) else {
            return Refusal.untried(runtime: format.runtime, architecture: name)
        }
        let quantized = checkpoint.tensors.lazy.compactMap { tensor -> Int? in
            guard case .block(let block, .attentionOutput) = tensor.role?.slot,
                tensor.type.isQuantized
            else { return nil }
            return block
        }.first
        if let quantized { return Refusal.quantizedOutput(block: quantized) }
        // What keeps the numbers from being read is said by whoever needs them.
        guard let numbers = try? checkpoint.storedHyperparameters() else { return nil }
        let reached = numbers.sizesOfBlocks.map(\.keyValueWidth).min() ?? 0
        return reached < numbers.hiddenSize
            ? Refusal.outOfReach(reached: reached, width: numbers.hiddenSize) : nil
    }

    /// A bias for each block in which something is added, on top of one that is there.
    ///
    /// - Throws: `Refusal`; `CheckpointError` where the numbers are unusable, `VectorError` where a vector does not fit
    ///   the model, `DecoderError` where a weight is of a type that cannot be widened.
    package func edits(
        baking interventions: [Intervention], into checkpoint: Checkpoint, format: FileFormat
    ) throws -> [CheckpointEdit] {
        if let refusal = refusal(of: interventions, in: checkpoint, format: format) {
            throw refusal
        }
        let numbers = try checkpoint.storedHyperparameters()
        let vectors = try interventions.sumsByBlock(
            in: numbers, dividedBy: numbers.residualScale, file: checkpoint.path)
        return try vectors.sorted { $0.key < $1.key }.map { block, vector in
            let output = try ValueOutput(of: block, in: checkpoint, numbers)
            let found = try output.bias(giving: vector)
            guard found.error <= Self.precision else {
                throw Refusal.tooLong(
                    block: block, error: found.error, condition: output.condition())
            }
            let role = Self.role(block, in: checkpoint)
            let present = try checkpoint.tensor(role)?.values()
            var values =
                present
                ?? [Float](repeating: 0, count: Self.offset(of: role, numbers) + found.bias.count)
            let first = Self.offset(of: role, numbers)
            guard values.count == first + found.bias.count else {
                throw Refusal.singular(block: block)
            }
            for (index, value) in found.bias.enumerated() { values[first + index] += value }
            try TooLargeAddition.check(values, of: "\(role)")
            return .set(
                role, values: values, form: checkpoint.form(of: role).orderOnly, type: .f32)
        }
    }

    /// The bias that holds that of the values: their own, or that of the one matrix for queries, keys and values.
    private static func role(_ block: Int, in checkpoint: Checkpoint) -> WeightRole {
        let isFused =
            checkpoint.architecture?.rule(
                for: .block(block, .attentionQueryKeyValue)) != nil
        return .block(block, isFused ? .attentionQueryKeyValue : .attentionValue, .bias)
    }

    /// Where the values' numbers begin in it.
    private static func offset(of role: WeightRole, _ numbers: Hyperparameters) -> Int {
        guard case .block(let block, .attentionQueryKeyValue) = role.slot else { return 0 }
        let sizes = numbers.sizes(ofBlock: block)
        return sizes.queryWidth + sizes.keyValueWidth
    }
}

// MARK: - Cost and inverse

extension ValueBiasRoute {
    /// A bias for each block, in f32, and an addition for each of its elements.
    package func cost(
        of interventions: [Intervention], in checkpoint: Checkpoint, format: FileFormat
    ) throws -> BakeCost {
        let numbers = try checkpoint.storedHyperparameters()
        let roles = Set(interventions.map { Self.role($0.block, in: checkpoint) })
        let present = roles.compactMap { checkpoint.tensor($0) }
        func width(_ role: WeightRole) -> Int {
            Self.offset(of: role, numbers) + numbers.sizes(ofBlock: role.block ?? 0).keyValueWidth
        }
        let bytes = roles.reduce(0) { $0 + width($1) } * MemoryLayout<Float>.stride
        let new = roles.filter { checkpoint.tensor($0) == nil }
        return BakeCost(
            bytes: bytes - present.reduce(0) { $0 + $1.byteCount },
            operations: new.reduce(0) { $0 + width($1) }, error: nil, runtimes: [format.runtime])
    }

    /// How long each bias comes out, and how well the weights hold what it adds.
    package func remarks(
        on interventions: [Intervention], in checkpoint: Checkpoint
    ) throws -> [String] {
        let numbers = try checkpoint.storedHyperparameters()
        let vectors = try interventions.sumsByBlock(
            in: numbers, dividedBy: numbers.residualScale, file: checkpoint.path)
        return try vectors.sorted { $0.key < $1.key }.filter { $0.value.norm > 0 }
            .map { block, vector in
                let output = try ValueOutput(of: block, in: checkpoint, numbers)
                let found = try output.bias(giving: vector)
                return "block \(block): the bias of the values is "
                    + String(
                        format: "%.3g times as long as the vector, whose error is %.1e; ",
                        found.bias.norm / vector.norm, found.error)
                    + String(
                        format: "the output projection's condition number is %.3g",
                        output.condition())
            }
    }

    /// What changed biases of the values add to the stream.
    package func recovery(
        from changes: [TensorDifference], base: Checkpoint
    ) throws -> BakeRecovery? {
        guard let architecture = base.architecture, !architecture.valueBiasFormats.isEmpty else {
            return nil
        }
        let numbers = try base.hyperparameters()
        var directions: [Int: [Float]] = [:]
        var tensors: [TensorDifference] = []
        for change in changes {
            guard let role = change.role, role.part == .bias, let block = role.block,
                role == Self.role(block, in: base), let pair = change.pair
            else { continue }
            var a = [Float](repeating: 0, count: pair.elementCount)
            var b = a
            try pair.read(rows: 0..<pair.rows, a: &a, b: &b)
            let first = Self.offset(of: role, numbers)
            let difference = zip(a, b).dropFirst(first).map { Double($1) - Double($0) }
            let output = try ValueOutput(of: block, in: base, numbers)
            guard difference.count == output.inputs, difference.contains(where: { $0 != 0 }) else {
                continue
            }
            let vector = output.times(difference).map { Float($0 * numbers.residualScale) }
            guard vector.allSatisfy(\.isFinite) else { continue }
            directions[block] = vector
            tensors.append(change)
        }
        guard !directions.isEmpty else { return nil }
        return BakeRecovery(
            route: self,
            places: [
                BakeRecovery.Place(
                    weights: "biases of the values", tensors: tensors.map(\.name),
                    blocks: directions.keys.sorted(), addedCount: tensors.count { $0.a == nil })
            ],
            vectors: [
                SteeringVector(
                    site: .residMid, directions: directions,
                    provenance: SteeringVector.Provenance(
                        modelHint: base.architectureName ?? "",
                        method: "recovered from biases of the values",
                        normalization: Normalization.none.rawValue))
            ])
    }
}
