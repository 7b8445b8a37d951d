package import Formats

/// What a vector's file says about the model it was found in, so that another model can be told from it.
///
/// A hash alone calls every conversion and quantisation another model, and takes reading all weights. So some values of
/// weights that all formats hold alike are kept too: they agree, but for rounding, with those of the same model in any
/// format and type, and of its light fine-tunes, and not with those of another.
package struct BaseIdentity: Sendable, Hashable {
    /// The architecture's name.
    package var modelHint: String
    package var name: String?
    /// SHA-256 of the weights.
    package var hash: String?
    /// Values of some weights; empty for files of other tools.
    package var sample: [Float]

    package init(modelHint: String, name: String? = nil, hash: String? = nil, sample: [Float] = [])
    {
        self.modelHint = modelHint
        self.name = name
        self.hash = hash
        self.sample = sample
    }

    /// The identity of a checkpoint; all its weights are read once.
    ///
    /// - Throws: `CheckpointError` where its architecture is not known, `FileError` where its files cannot be read.
    package init(of checkpoint: Checkpoint) throws {
        self.init(
            modelHint: try checkpoint.requireArchitecture().name, name: checkpoint.name,
            hash: try checkpoint.weightsHash(),
            sample: WeightSample(of: checkpoint).values.flatMap { $0 })
    }
}

/// Values at fixed places of a few weights: the embedding, and attention's output of the first, the middle and the last
/// block, whose rows are in the same order in both formats.
struct WeightSample {
    /// By weight, in a fixed order; zeros where a type cannot be widened.
    let values: [[Float]]

    private static let rows = [3, 7, 17, 37, 61, 101, 157, 257, 509, 1009, 2003, 4093, 7919, 12007]
    private static let columnCount = 16

    init(of checkpoint: Checkpoint) {
        let last = checkpoint.tensors.compactMap(\.role?.block).max() ?? 0
        var roles = [WeightRole(.tokenEmbedding)]
        for block in [0, last / 2, last] { roles.append(.block(block, .attentionOutput)) }
        values = roles.compactMap { checkpoint.tensor($0) }.map { Self.values(of: $0) }
    }

    private static func values(of tensor: WeightTensor) -> [Float] {
        guard tensor.shape.count == 2 else { return [] }
        let (height, width) = (tensor.canonicalShape[0], tensor.canonicalShape[1])
        let columns = (0..<min(columnCount, width)).map { $0 * width / min(columnCount, width) }
        let chosen = rows.filter { $0 < height }
        // Rows of the file that hold the values, and the places in them.
        let (outer, inner) = tensor.form.isTransposed ? (columns, chosen) : (chosen, columns)
        return outer.flatMap { row -> [Float] in
            let values = tensor.row(row)
            return inner.map { values.indices.contains($0) ? values[$0] : 0 }
        }
    }
}

extension WeightTensor {
    /// A row of the file, widened; nothing where that cannot be.
    fileprivate func row(_ number: Int) -> [Float] {
        let columns = description.columns
        var values = [Float](repeating: 0, count: columns)
        let isWidened = values.withUnsafeMutableBufferPointer { values in
            (try? widen((number * columns)..<((number + 1) * columns), into: values)) != nil
        }
        return isWidened ? values : []
    }
}

// MARK: - Comparing

extension BaseIdentity {
    /// How a model is related to the one a vector was found in.
    package enum Relation: Sendable, Equatable {
        /// The file does not say enough, or the weights are too many to be read for it.
        case unknown
        /// The same weights, be they converted, quantised or lightly tuned.
        case same
        /// Other bytes; they may be a conversion's.
        case otherBytes(hash: String)
        /// Other weights.
        case otherModel
    }

    /// Values of one weight agree where their cosine is above this: the coarsest quantisation gives 0.9, and another
    /// model about 0.
    private static let agreement = 0.7
    /// Weights are hashed up to this size, where nothing else can be compared.
    package static let largestHashed = 2 << 30

    /// Whether two files say that they are of different models: by the values of weights where both have them, else by the
    /// architecture.
    package func isOther(than other: BaseIdentity) -> Bool {
        if !sample.isEmpty, !other.sample.isEmpty {
            guard sample.count == other.sample.count else { return true }
            let lengths = (sample.norm, other.sample.norm)
            guard lengths.0 > 0, lengths.1 > 0, lengths.0.isFinite, lengths.1.isFinite else {
                return false
            }
            return sample.cosine(with: other.sample) < Self.agreement
        }
        return !modelHint.isEmpty && !other.modelHint.isEmpty && modelHint != other.modelHint
    }

    /// Compares the identity with a model: by the values of its weights where the file has them, else by its hash.
    ///
    /// - Parameter isExact: whether the hash decides where the file has one, whatever it takes to read all weights.
    /// - Throws: `FileError` where the model's files cannot be read.
    package func relation(to checkpoint: Checkpoint, isExact: Bool = false) throws -> Relation {
        if isExact, hash != nil { return try relationByHash(to: checkpoint) }
        if !sample.isEmpty {
            let own = WeightSample(of: checkpoint).values
            guard own.reduce(0, { $0 + $1.count }) == sample.count else { return .otherModel }
            var start = 0
            for values in own {
                let its = sample[start..<(start + values.count)]
                start += values.count
                let (length, itsLength) = (values.norm, its.norm)
                // What cannot be widened, or was not, says nothing.
                guard length > 0, itsLength > 0, length.isFinite, itsLength.isFinite else {
                    continue
                }
                let cosine = values.dot(its) / length / itsLength
                if cosine < Self.agreement { return .otherModel }
            }
            return .same
        }
        let size = checkpoint.tensors.reduce(0) { $0 + $1.byteCount }
        guard size <= Self.largestHashed else { return .unknown }
        return try relationByHash(to: checkpoint)
    }

    private func relationByHash(to checkpoint: Checkpoint) throws -> Relation {
        guard let hash else { return .unknown }
        let own = try checkpoint.weightsHash()
        return own == hash ? .same : .otherBytes(hash: own)
    }
}
