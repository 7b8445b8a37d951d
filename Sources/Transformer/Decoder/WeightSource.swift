package import Formats

/// Where a decoder takes its weights from, by role.
///
/// A checkpoint is one; tests and training supply weights they hold in memory.
package protocol WeightSource {
    /// The file's path, for errors.
    var path: String { get }
    /// The weight's name in the file, for errors.
    func name(of role: WeightRole) -> String
    /// A matrix (rows, columns), or nil where the source has none.
    func matrix(_ role: WeightRole) throws -> WeightMatrix?
    /// A vector, or the taps of a convolution, widened to f32 in C order, or nil where the source has none.
    func vector(_ role: WeightRole) throws -> FloatBuffer?
    /// A low-rank update beside a matrix, or nil.
    func adapter(_ role: WeightRole) throws -> LowRankAdapter?
}

extension WeightSource {
    /// None: the weights are a checkpoint's own.
    package func adapter(_ role: WeightRole) throws -> LowRankAdapter? { nil }
}

/// A checkpoint's weights: matrices stay mapped in the file's type, vectors are widened.
package final class CheckpointWeights: WeightSource {
    private let checkpoint: Checkpoint
    /// The roles somebody read; rotary divisors are read with the hyperparameters.
    private var askedRoles: Set = [
        WeightRole(.ropeFrequencies), WeightRole(.ropeFactorsLong), WeightRole(.ropeFactorsShort),
    ]

    package init(_ checkpoint: Checkpoint) {
        self.checkpoint = checkpoint
    }

    package var path: String { checkpoint.path }

    /// The name of the tensor in its file, for messages.
    package func name(of role: WeightRole) -> String {
        checkpoint.tensor(role)?.name ?? role.description
    }

    /// - Throws: `DecoderError.unsupportedType`; what `WeightMatrix` throws for a tensor that is no matrix.
    package func matrix(_ role: WeightRole) throws -> WeightMatrix? {
        guard let tensor = try tensor(role) else { return nil }
        return try WeightMatrix(
            weight: tensor, isTransposed: tensor.form.isTransposed, factor: tensor.form.factor)
    }

    /// Whether the weight is there and is a matrix.
    package func isMatrix(_ role: WeightRole) -> Bool { checkpoint.tensor(role)?.shape.count == 2 }

    /// - Throws: `DecoderError.unsupportedType`, `.wrongShape` for a tensor that is no vector.
    package func vector(_ role: WeightRole) throws -> FloatBuffer? {
        guard let tensor = try tensor(role) else { return nil }
        guard tensor.shape.count == 1 || role.isOfTaps else {
            throw DecoderError.wrongShape(
                file: path, tensor: tensor.name, expected: [tensor.description.columns],
                found: tensor.shape)
        }
        return FloatBuffer(try tensor.values())
    }

    private func tensor(_ role: WeightRole) throws(DecoderError) -> WeightTensor? {
        // One expert's matrix may be a part of the tensor of all.
        askedRoles.formUnion([role, WeightRole(role.slot, role.part)])
        guard let tensor = checkpoint.tensor(role) else { return nil }
        guard Dequantizer.isSupported(tensor.type) else {
            throw .unsupportedType(file: path, tensor: tensor.name, type: tensor.type)
        }
        return tensor
    }

    /// Refuses tensors that nobody asked for: the model run without them would be another model.
    ///
    /// - Throws: `DecoderError.unusedTensor`.
    func refuseUnused() throws(DecoderError) {
        let carried = Set(checkpoint.carriedTensors.map(\.name))
        for tensor in checkpoint.tensors where !carried.contains(tensor.name) {
            // A head of its own beside tied embeddings is one that transformers ignores too.
            // What belongs to a matrix's storage was read with it.
            if let role = tensor.role,
                askedRoles.contains(role) || role.slot == .output || !role.part.isOfValues
            {
                continue
            }
            guard checkpoint.takesNoPart(tensor) || checkpoint.isSpare(tensor) else {
                throw .unusedTensor(file: path, tensor: tensor.name)
            }
        }
    }
}

extension WeightRole {
    /// Whether it is the taps of a convolution, (channels, taps).
    fileprivate var isOfTaps: Bool {
        guard case .block(_, let slot) = slot, [.convolutionTaps, .deltaTaps].contains(slot)
        else { return false }
        return part == .weight
    }
}
