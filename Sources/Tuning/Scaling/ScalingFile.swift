import Formats
import Transformer

/// Learned factors on disk, a safetensors file: `attention` and `feed_forward` F32 (blocks), the α of each block's
/// sub-layers, 0 where none was learned; `base_sample` F32 (values), by which the model is known.
///
/// The metadata has `rtedit.format`, which is `scaling`; the model as in files of vectors (`rtedit.model_hint`,
/// `rtedit.base_name`, `rtedit.base_sha256`); and the keys of `notes`. What is none of these is refused.
package enum ScalingFile {
    /// The keys that say how the factors were learned, without `rtedit.`.
    package static let notes: Set<String> = ["method", "probe", "loss", "training", "result"]

    private static let prefix = "rtedit."
    private static let baseSample = "base_sample"
    /// More blocks than any model has.
    private static let blockLimit = 100_000

    // MARK: - Writing

    /// Writes a scaling; the same one gives the same bytes.
    ///
    /// - Throws: `FileError` where the file exists already and may not be replaced, or cannot be written.
    package static func write(
        _ scaling: ActivationScaling, to path: String, replacing: Bool
    ) throws {
        var tensors = ActivationScaling.SubLayer.allCases.map { subLayer in
            let values = subLayer == .attention ? scaling.attention : scaling.feedForward
            return TensorFile.Tensor.floats(subLayer.rawValue, shape: [values.count]) { values }
        }
        let (base, sample) = (scaling.base, scaling.base.sample)
        if !sample.isEmpty {
            tensors.append(.floats(baseSample, shape: [sample.count]) { sample })
        }
        let texts: [(String, String?)] =
            [
                (SafetensorsFile.contentKey, SafetensorsFile.scalingContent),
                (VectorKey.modelHint, base.modelHint), (VectorKey.baseName, base.name),
                (VectorKey.baseHash, base.hash),
            ] + scaling.notes.sorted { $0.key < $1.key }.map { (prefix + $0.key, $0.value) }
        let metadata = texts.compactMap { key, text in text.map { SafetensorsMetadata(key, $0) } }
        try TensorFile(tensors, metadata: metadata, path: path).write(
            to: path, replacing: replacing)
    }

    // MARK: - Reading

    /// Reads a scaling.
    ///
    /// - Throws: `SafetensorsError`, `JSONError` and `FileError` for a file that is no safetensors file; `ScalingError`
    ///   for one that holds something else, tensors or keys that no scaling has, and values that are not finite.
    package static func read(_ path: String) throws -> ActivationScaling {
        let file = try SafetensorsFile(path: path)
        let texts = try texts(of: file)
        let names = ActivationScaling.SubLayer.allCases.map(\.rawValue)
        if let other = file.tensors.first(where: { !(names + [baseSample]).contains($0.name) }) {
            throw ScalingError.badTensor(
                file: path, name: other.name, reason: "is none that a scaling has")
        }
        let lists = try names.map { name in
            guard let tensor = file.tensors.first(where: { $0.name == name }) else {
                throw ScalingError.notAScaling(file: path, reason: "it has no tensor '\(name)'")
            }
            return try values(tensor, in: path)
        }
        guard (1..<blockLimit).contains(lists[0].count), lists[0].count == lists[1].count else {
            throw ScalingError.notAScaling(
                file: path,
                reason: "'\(names[0])' has \(lists[0].count) values and '\(names[1])' "
                    + "\(lists[1].count), one for each block")
        }
        let sample = try file.tensors.first { $0.name == baseSample }.map {
            try values($0, in: path)
        }
        return ActivationScaling(
            attention: lists[0], feedForward: lists[1],
            base: BaseIdentity(
                modelHint: texts[VectorKey.modelHint] ?? "", name: texts[VectorKey.baseName],
                hash: texts[VectorKey.baseHash], sample: sample ?? []),
            notes: Dictionary(
                uniqueKeysWithValues: notes.compactMap { note in
                    texts[prefix + note].map { (note, $0) }
                }))
    }

    private static func texts(of file: SafetensorsFile) throws(ScalingError) -> [String: String] {
        let named = Dictionary(file.metadata.map { ($0.key, $0.value) }) { first, _ in first }
        guard named[SafetensorsFile.contentKey] == SafetensorsFile.scalingContent else {
            throw .notAScaling(
                file: file.path,
                reason: named[SafetensorsFile.contentKey].map {
                    "its \(SafetensorsFile.contentKey) is \($0.quoted)"
                } ?? "its metadata has no \(SafetensorsFile.contentKey)")
        }
        let known = Set([
            SafetensorsFile.contentKey, VectorKey.modelHint, VectorKey.baseName, VectorKey.baseHash,
        ]).union(notes.map { prefix + $0 })
        for (key, _) in named.sorted(by: { $0.key < $1.key }) where key.hasPrefix(prefix) {
            guard known.contains(key) else {
                throw .badMetadata(
                    file: file.path, key: key, reason: "is none that a scaling has")
            }
        }
        return named
    }

    private static func values(_ tensor: StoredTensor, in path: String) throws -> [Float] {
        guard tensor.type == .f32, tensor.shape.count == 1 else {
            throw ScalingError.badTensor(
                file: path, name: tensor.name,
                reason: "is \(tensor.type.name) of shape \(tensor.shape), not f32 of one dimension")
        }
        let values = try tensor.values()
        if let index = values.firstIndex(where: { !$0.isFinite }) {
            throw ScalingError.badTensor(
                file: path, name: tensor.name, reason: "is not finite at index \(index)")
        }
        return values
    }
}
