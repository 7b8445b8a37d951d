import Formats
import Transformer

/// The directions of all offsets and blocks of a scan on disk, so that a vector of another offset can be had without
/// running the model again.
///
/// A safetensors file: `directions` F32 (offsets, blocks, hidden size), `offsets` I64 (offsets), −1 being the last
/// token, `blocks` I64 (blocks), `base_sample` F32 (values), and `sign_agreement`, `activation_norm`, `length_lost` F32 (offsets, blocks); the
/// metadata says how the directions were found.
package enum OffsetFile {
    /// The tensor of the values by which the base is known.
    private static let baseSample = "base_sample"

    // MARK: - Writing

    /// Writes the directions of a scan; the same scan gives the same bytes.
    ///
    /// - Throws: `FileError` where the file exists already and may not be replaced, or cannot be written.
    package static func write(_ scan: OffsetScan, to path: String, replacing: Bool) throws {
        let vectors = scan.entries.map(\.extraction.vector)
        let blocks = vectors.first?.blocks ?? []
        let (offsetCount, width) = (vectors.count, vectors.first?.width ?? 0)
        var tensors = [
            TensorFile.Tensor.floats("directions", shape: [offsetCount, blocks.count, width]) {
                vectors.flatMap { vector in blocks.flatMap { vector.directions[$0] ?? [] } }
            },
            .integers("offsets", scan.entries.map(\.offset)), .integers("blocks", blocks),
        ]
        for (name, member) in VectorKey.figures {
            let rows = vectors.map { vector in blocks.map { vector.provenance[keyPath: member][$0] }
            }
            guard rows.allSatisfy({ !$0.contains(nil) }) else { continue }
            tensors.append(
                .floats(name, shape: [offsetCount, blocks.count]) {
                    rows.flatMap { $0.compactMap(\.self) }
                })
        }
        if let sample = vectors.first?.provenance.baseSample, !sample.isEmpty {
            tensors.append(.floats(Self.baseSample, shape: [sample.count]) { sample })
        }
        try TensorFile(tensors, metadata: vectors.first.map(metadata) ?? [], path: path)
            .write(to: path, replacing: replacing)
    }

    private static func metadata(_ vector: SteeringVector) -> [SafetensorsMetadata] {
        // The tokens are those of the offsets.
        let texts = vector.provenance.texts.filter { $0.key != VectorKey.token }
        return [
            SafetensorsMetadata(SafetensorsFile.contentKey, SafetensorsFile.offsetsContent),
            SafetensorsMetadata(VectorKey.site, vector.site.rawValue),
        ] + texts.map { SafetensorsMetadata($0.key, $0.text) }
    }

    // MARK: - Reading

    /// Reads the vector of one offset.
    ///
    /// - Throws: `SafetensorsError` and `FileError` for a file that is none; `VectorError.notAVector` or `.badTensor`
    ///   where it holds no directions by offset, `.notFinite`, and `.noSuchOffset` for an offset it has not.
    package static func vector(at offset: Int, in path: String) throws -> SteeringVector {
        let file = try SafetensorsFile(path: path)
        let metadata = Dictionary(file.metadata.map { ($0.key, $0.value) }) { first, _ in first }
        guard metadata[SafetensorsFile.contentKey] == SafetensorsFile.offsetsContent else {
            throw VectorError.notAVector(file: path, reason: "it holds no directions by offset")
        }
        guard let site = metadata[VectorKey.site].flatMap(Site.init(rawValue:)) else {
            throw VectorError.badMetadata(
                file: path, key: VectorKey.site,
                reason: "is none of \(Site.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        let offsets = try integers("offsets", in: file)
        let blocks = try integers("blocks", in: file)
        guard blocks.allSatisfy({ 0..<VectorFile.blockLimit ~= $0 }),
            Set(blocks).count == blocks.count
        else {
            throw VectorError.badTensor(
                file: path, name: "blocks", reason: "does not name different blocks")
        }
        let directions = try tensor("directions", .f32, in: file)
        let shape = directions.shape
        guard shape.count == 3, shape[0] == offsets.count, shape[1] == blocks.count, shape[2] > 0,
            !blocks.isEmpty
        else {
            throw VectorError.badTensor(
                file: path, name: "directions",
                reason:
                    "has shape \(shape), but there are \(offsets.count) offsets and \(blocks.count) blocks"
            )
        }
        guard let row = offsets.firstIndex(of: offset) else {
            throw VectorError.noSuchOffset(file: path, offset: offset, available: offsets)
        }
        let values = try directions.values()
        var byBlock: [Int: [Float]] = [:]
        for (column, block) in blocks.enumerated() {
            let start = (row * blocks.count + column) * shape[2]
            let direction = Array(values[start..<start + shape[2]])
            if let index = direction.firstIndex(where: { !$0.isFinite }) {
                throw VectorError.notFinite(file: path, block: block, index: index)
            }
            byBlock[block] = direction
        }
        return SteeringVector(
            site: site, directions: byBlock,
            provenance: try provenance(
                metadata, offsets: offsets, row: row, blocks: blocks, in: file))
    }

    private static func provenance(
        _ metadata: [String: String], offsets: [Int], row: Int, blocks: [Int],
        in file: SafetensorsFile
    ) throws -> SteeringVector.Provenance {
        var provenance = SteeringVector.Provenance(texts: metadata)
        provenance.token = Position.index(offsets[row]).text
        let names = Set(file.tensors.map(\.description.name))
        if names.contains(baseSample) {
            provenance.baseSample = try tensor(baseSample, .f32, in: file).values()
        }
        for (name, member) in VectorKey.figures where names.contains(name) {
            let tensor = try tensor(name, .f32, in: file)
            guard tensor.shape == [offsets.count, blocks.count] else {
                throw VectorError.badTensor(
                    file: file.path, name: name,
                    reason: "has shape \(tensor.shape), not \([offsets.count, blocks.count])")
            }
            let figures = try tensor.values()[(row * blocks.count)..<((row + 1) * blocks.count)]
            provenance[keyPath: member] = Dictionary(uniqueKeysWithValues: zip(blocks, figures))
        }
        return provenance
    }

    private static func tensor(
        _ name: String, _ type: ElementType, in file: SafetensorsFile
    ) throws(VectorError) -> StoredTensor {
        guard let found = file.tensors.first(where: { $0.description.name == name }) else {
            throw .notAVector(file: file.path, reason: "it has no tensor '\(name)'")
        }
        guard found.description.type == type else {
            throw .badTensor(
                file: file.path, name: name,
                reason: "is \(found.description.type.name), not \(type.name)")
        }
        return found
    }

    /// Offsets and block numbers are small: those that f32 cannot hold make no sense.
    private static func integers(_ name: String, in file: SafetensorsFile) throws -> [Int] {
        let tensor = try tensor(name, .i64, in: file)
        guard tensor.shape.count == 1 else {
            throw VectorError.badTensor(
                file: file.path, name: name, reason: "has shape \(tensor.shape), not one dimension")
        }
        return try tensor.values().map { value in
            guard let integer = Int(exactly: value), abs(value) < 0x1p24 else {
                throw VectorError.badTensor(
                    file: file.path, name: name,
                    reason: "holds \(value), which no token or block is")
            }
            return integer
        }
    }
}
