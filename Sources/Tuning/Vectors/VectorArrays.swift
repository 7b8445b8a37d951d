import Formats
import Transformer

/// A steering vector as named arrays and texts: what safetensors files and NumPy archives hold of it.
///
/// `direction.N` F32 (hidden size) is block N's; `sign_agreement`, `activation_norm` and `length_lost` F32 (blocks) are in the
/// order of the blocks; `base_sample` F32 holds values of the base's weights. The texts are those of
/// `SteeringVector.Provenance.texts`, `rtedit.site`, and `rtedit.format`, which is `vector`.
///
/// Files of others name blocks by N alone, or have one array (blocks, hidden size) of which the caller says the first block.
struct VectorArrays {
    /// An array of floats.
    struct Entry {
        let name: String
        let shape: [Int]
        let type: ElementType
        let values: () throws -> [Float]
    }

    let path: String
    var texts: [(key: String, text: String)]
    var arrays: [Entry]

    static let direction = "direction."
    static let baseSample = "base_sample"

    // MARK: - From a vector

    init(_ vector: SteeringVector, path: String) {
        self.path = path
        let provenance = vector.provenance
        let blocks = vector.blocks
        texts =
            [
                (SafetensorsFile.contentKey, SafetensorsFile.vectorContent),
                (VectorKey.site, vector.site.rawValue),
            ] + provenance.texts
        arrays = vector.directions.sorted { $0.key < $1.key }.map { block, values in
            Self.floats(Self.direction + String(block), values)
        }
        for (name, member) in VectorKey.figures {
            let figures = blocks.compactMap { provenance[keyPath: member][$0] }
            if figures.count == blocks.count { arrays.append(Self.floats(name, figures)) }
        }
        if !provenance.baseSample.isEmpty {
            arrays.append(Self.floats(Self.baseSample, provenance.baseSample))
        }
    }

    private static func floats(_ name: String, _ values: [Float]) -> Entry {
        Entry(name: name, shape: [values.count], type: .f32) { values }
    }

    // MARK: - From and to files

    /// Opens a safetensors file.
    ///
    /// - Throws: as `SafetensorsFile.init`.
    init(_ file: SafetensorsFile) {
        path = file.path
        texts = file.metadata.map { ($0.key, $0.value) }
        arrays = file.tensors.map { tensor in
            Entry(name: tensor.name, shape: tensor.shape, type: tensor.type) {
                try tensor.values()
            }
        }
    }

    /// Opens a NumPy archive, or one array.
    init(_ file: NumPyFile) {
        path = file.path
        texts = file.texts.map { ($0.name, $0.text) }
        arrays = file.arrays.map { array in
            // Text has no type of numbers, and is refused as any type that is no float.
            Entry(name: array.name, shape: array.shape, type: array.type ?? .bool) {
                try array.values()
            }
        }
    }

    /// Writes a safetensors file; the same vector gives the same bytes.
    ///
    /// - Throws: `FileError`, `SafetensorsError`.
    func writeSafetensors(replacing: Bool) throws {
        let tensors = try arrays.map { entry in
            let values = try entry.values()
            return TensorFile.Tensor.floats(entry.name, shape: entry.shape) { values }
        }
        try TensorFile(
            tensors, metadata: texts.map { SafetensorsMetadata($0.key, $0.text) }, path: path
        )
        .write(to: path, replacing: replacing)
    }

    /// Writes a NumPy archive; the same vector gives the same bytes.
    ///
    /// - Throws: `FileError`, `ZipError`.
    func writeNumPy(replacing: Bool) throws {
        let items = try arrays.map { entry in
            NumPyFile.Item.floats(entry.name, shape: entry.shape, try entry.values())
        }
        try NumPyFile.write(
            items + texts.map { .text($0.key, $0.text) }, to: path, replacing: replacing)
    }
}
