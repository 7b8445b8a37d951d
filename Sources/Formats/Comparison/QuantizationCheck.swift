/// Whether a quantised GGUF file is exactly what quantising another checkpoint gives, tensor by tensor and byte by byte:
/// the proof that a published quantisation was made of the model it names.
///
/// Each tensor of the source is brought into GGUF's form and encoded in the type that the file has for it. Of a source in
/// bf16 or f32, values that went through f16 on the way are tried as well, since a file in f16 often stands between.
package struct QuantizationCheck: Sendable {
    /// What a tensor of the file is to the source's.
    package enum Relation: Sendable, Hashable {
        /// The bytes are those that encoding the source's values gives.
        case exact
        /// They are those that encoding gives once the values were rounded to f16.
        case exactThroughF16
        /// So many of its rows are not what encoding gives.
        case different(rows: Int, of: Int)
        /// The shapes differ, or the values cannot be encoded in the type.
        case incomparable
    }

    /// A tensor of the file that is in the source as well.
    package struct Tensor: Sendable, Hashable {
        package let name: String
        package let type: ElementType
        package let relation: Relation
        /// Whether errors were weighted by the importance matrix.
        package let isWeighted: Bool
    }

    /// What the file says of the importance matrix that it was made with.
    package struct Declaration: Sendable, Hashable {
        package let file: String
        package let dataset: String?
        package let entries: Int?
        package let chunks: Int?
    }

    /// In the order of the file.
    package let tensors: [Tensor]
    /// Names that only one of the two has.
    package let missing: [String]
    package let extra: [String]
    /// The mix whose types the matrices have, or come nearest to.
    package let mix: QuantizationMix?
    /// Matrices with another type than that mix gives them: the type, and the mix's.
    package let exceptions: [Exception]
    /// The importance matrix that was given, by its path.
    package let importance: String?
    package let declaration: Declaration?

    /// A matrix with another type than its mix gives it.
    package struct Exception: Sendable, Hashable {
        package let name: String
        package let type: ElementType
        package let expected: ElementType
    }

    /// Whether every tensor is what encoding the source's gives, and no other is there.
    package var isExact: Bool {
        missing.isEmpty && extra.isEmpty
            && tensors.allSatisfy { $0.relation == .exact || $0.relation == .exactThroughF16 }
    }

    /// Tensors that are not what encoding the source's gives.
    package var others: [Tensor] {
        tensors.filter { $0.relation != .exact && $0.relation != .exactThroughF16 }
    }

    /// Compares a quantised file with what quantising the source gives.
    ///
    /// - Parameters:
    ///   - importance: the matrix it was quantised with; nil for none
    ///   - advance: called from any thread with the number of values compared since
    /// - Returns: nil where the file is no GGUF file with quantised tensors that the source has in other types.
    /// - Throws: `CheckpointError` where the source cannot be brought into GGUF's form, `ImportanceError` where the matrix
    ///   does not go with it.
    package init?(
        _ quantized: Checkpoint, from source: Checkpoint, importance: ImportanceMatrix? = nil,
        crew: WorkCrew, advance: @escaping @Sendable (Int) -> Void = { _ in }
    ) throws {
        guard case .gguf(let file) = quantized.source else { return nil }
        let plan = try OutputPlan(source: source, edits: [], format: .gguf)
        let sources = Dictionary(
            plan.tensors.map { (ExactString($0.description.name), $0) },
            uniquingKeysWith: { first, _ in first })
        let present = quantized.tensors.compactMap(\.stored)
        guard Self.isQuantization(present, of: sources) else { return nil }
        let names = Set(present.map { ExactString($0.name) })
        missing = plan.tensors.map(\.description.name).filter { !names.contains(ExactString($0)) }
        extra = present.map(\.name).filter { sources[ExactString($0)] == nil }
        let pairs = present.compactMap { stored in
            sources[ExactString(stored.name)].map { (stored: stored, source: $0) }
        }
        tensors = try crew.map(pairs.count) { index in
            let (stored, source) = pairs[index]
            defer { advance(source.description.elementCount ?? 0) }
            return try Self.tensor(stored, source, importance)
        }
        self.importance = importance?.path
        declaration = Declaration(file.metadata)
        (mix, exceptions) = Self.mix(
            of: present, file.metadata, hasImportance: importance != nil || declaration != nil)
    }

    /// Whether some tensor is quantised that the source has in another type.
    private static func isQuantization(
        _ tensors: [StoredTensor], of sources: [ExactString: OutputPlan.Tensor]
    ) -> Bool {
        tensors.contains { tensor in
            guard tensor.type.isQuantized, let source = sources[ExactString(tensor.name)] else {
                return false
            }
            return source.description.type != tensor.type
        }
    }

    // MARK: - Tensors

    private static func tensor(
        _ stored: StoredTensor, _ source: OutputPlan.Tensor, _ importance: ImportanceMatrix?
    ) throws -> Tensor {
        let type = stored.type
        let matrices = source.description.shape.count > 2 ? source.description.shape[0] : 1
        let weights =
            type.isQuantized
            ? try importance?.values(
                for: stored.name, columns: source.description.columns, experts: matrices) : nil
        func result(_ relation: Relation) -> Tensor {
            Tensor(
                name: stored.name, type: type, relation: relation, isWeighted: weights != nil)
        }
        guard stored.shape == source.description.shape, RowEncoder.isSupported(type),
            let count = source.description.elementCount,
            source.columns > 0, source.columns % type.elementsPerBlock == 0
        else { return result(.incomparable) }
        let rows = count / source.columns
        let comparison = RowComparison(
            stored: stored, source: source, rows: rows,
            importance: weights.flatMap {
                guard rows > 0 else { return nil }
                return TensorImportance(
                    $0, columns: source.columns, rowsPerMatrix: max(1, rows / matrices))
            })
        let direct = try comparison.differentRows(throughF16: false)
        if direct == 0 { return result(.exact) }
        if source.description.type != .f16, type.isQuantized,
            try comparison.differentRows(throughF16: true) == 0
        {
            return result(.exactThroughF16)
        }
        return result(.different(rows: direct, of: rows))
    }

    /// The rows of a tensor beside those of the source, encoded anew.
    private struct RowComparison {
        let stored: StoredTensor
        let source: OutputPlan.Tensor
        let rows: Int
        let importance: TensorImportance?

        /// Rows taken at a time.
        private var tile: Int { max(1, (1 << 16) / source.columns) }

        /// How many rows are not what encoding gives; a first one is enough for values through f16.
        func differentRows(throughF16: Bool) throws -> Int {
            let size = stored.type.byteCount(elements: source.columns) ?? 0
            let values = OutputPlan.Tensor(
                TensorDescription(
                    name: stored.name, type: .f32, shape: source.description.shape),
                source.content)
            var encoded = [UInt8](repeating: 0, count: size)
            var row = [Float](repeating: 0, count: source.columns)
            var different = 0
            for first in stride(from: 0, to: rows, by: tile) {
                let range = first..<min(first + tile, rows)
                let bytes = try values.bytes(rows: range, measuring: false).bytes
                for number in range {
                    read(bytes, row: number - first, throughF16: throughF16, into: &row)
                    let isSame =
                        encode(row, number, into: &encoded)
                        && stored.bytes.withUnsafeBytes {
                            $0[(number * size)..<((number + 1) * size)].elementsEqual(encoded)
                        }
                    if !isSame { different += 1 }
                }
                values.releaseSource(rows: range)
                if throughF16, different > 0 { break }
            }
            return different
        }

        private func read(
            _ bytes: [UInt8], row index: Int, throughF16: Bool, into row: inout [Float]
        ) {
            let start = index * row.count * 4
            bytes.withUnsafeBytes { bytes in
                for column in row.indices {
                    let value = bytes.loadUnaligned(
                        fromByteOffset: start + column * 4, as: Float.self)
                    row[column] = throughF16 ? Float(Float16(value)) : value
                }
            }
        }

        /// Whether the row can be encoded.
        private func encode(_ row: [Float], _ number: Int, into encoded: inout [UInt8]) -> Bool {
            encoded.withUnsafeMutableBytes { target in
                row.withUnsafeBufferPointer { row in
                    guard let importance else {
                        return (try? RowEncoder.encode(row, as: stored.type, into: target)) != nil
                    }
                    return importance.withColumns(ofRow: number) { weights in
                        (try? RowEncoder.encode(
                            row, as: stored.type, importance: weights, into: target)) != nil
                    }
                }
            }
        }
    }

    // MARK: - The mix

    /// The mix that gives the matrices their types, those of the file's number first, or the nearest one of that number.
    private static func mix(
        of tensors: [StoredTensor], _ metadata: GGUFMetadata, hasImportance: Bool
    ) -> (QuantizationMix?, [Exception]) {
        let matrices = tensors.map { MixAssignment.Matrix(name: $0.name, shape: $0.shape) }
        let chosen = zip(tensors, matrices).filter {
            QuantizableTensor.isQuantizable($0.1.name, shape: $0.1.shape)
        }.sorted { MixAssignment.Matrix.precedes($0.1, $1.1) }
        let declared = metadata[MetadataFormat.fileType]?.integer.flatMap(UInt32.init(exactly:))
        func exceptions(_ mix: QuantizationMix) -> [Exception] {
            var assignment = MixAssignment(
                mix, MixModel(metadata), matrices: chosen.map(\.1), head: nil,
                hasImportance: hasImportance)
            return chosen.compactMap { tensor, matrix in
                let expected = assignment.type(of: matrix).fitting(columns: matrix.columns)
                return tensor.type == expected
                    ? nil : Exception(name: tensor.name, type: tensor.type, expected: expected)
            }
        }
        let own = declared.map(QuantizationMix.mixes(ofFileType:)) ?? []
        let rated = (own + QuantizationMix.all).map { ($0, exceptions($0)) }
        if let exact = rated.first(where: \.1.isEmpty) { return exact }
        return rated.prefix(own.count).min { $0.1.count < $1.1.count } ?? (nil, [])
    }
}

extension QuantizationCheck.Declaration {
    /// What the keys say that `llama-quantize` writes; nil where they name no matrix.
    fileprivate init?(_ metadata: GGUFMetadata) {
        let prefix = "quantize.imatrix."
        guard let file = metadata[prefix + "file"]?.text else { return nil }
        self.file = file
        dataset = metadata[prefix + "dataset"]?.text
        entries = metadata[prefix + "entries_count"]?.integer
        chunks = metadata[prefix + "chunks_count"]?.integer
    }
}
