import Formats
import Transformer

/// The state of a run on disk: `state.safetensors`, one file that is replaced as a whole, so that there is always
/// a good one.
///
/// Tensors are `value/NAME`, `first/NAME`, `second/NAME` (the optimiser's moments) and, where the run is validated,
/// `best/NAME`, all F32. The metadata `rtedit.run` is the run's description and `rtedit.progress` where it stands.
/// A state before the first step has no tensors: a new run begins with the same values.
struct RunState {
    /// A kind of values that every parameter has, under its name in the file.
    struct Section {
        let name: String
        let buffers: [FloatBuffer]
    }

    static let fileName = "state.safetensors"
    private static let runKey = "rtedit.run"
    private static let progressKey = "rtedit.progress"

    let description: JSONObject
    let progress: JSONObject
    private let file: SafetensorsFile

    /// Reads the state of a run; its values only with `restore`.
    ///
    /// - Throws: file, JSON and safetensors errors; `TuningRunError.badState` where it is no state.
    init(path: String) throws {
        let file = try SafetensorsFile(path: path)
        func member(_ key: String) throws -> JSONObject {
            guard let text = file.metadata.first(where: { $0.key == key })?.value,
                let object = try JSONReader.parse(Array(text.utf8), source: "\(path): \(key)")
                    .object
            else { throw TuningRunError.badState(file: path, fact: "has no '\(key)'") }
            return object
        }
        description = try member(Self.runKey)
        progress = try member(Self.progressKey)
        self.file = file
    }

    /// Puts the values back.
    ///
    /// - Throws: `TuningRunError.badState` where a tensor is missing, has another type or size, or none should be.
    func restore(_ sections: [Section], parameters: [TunedParameter]) throws {
        var tensors: [String: StoredTensor] = [:]
        for tensor in file.tensors { tensors[tensor.description.name] = tensor }
        for section in sections {
            for (parameter, buffer) in zip(parameters, section.buffers) {
                let description = Self.description(parameter, in: section.name)
                guard let tensor = tensors.removeValue(forKey: description.name),
                    tensor.description == description
                else {
                    throw TuningRunError.badState(
                        file: file.path,
                        fact: "tensor '\(description.name)' is missing or not F32 of shape "
                            + "\(description.shape)")
                }
                buffer.replace(with: try tensor.values())
            }
        }
        if let other = tensors.keys.min() {
            throw TuningRunError.badState(file: file.path, fact: "tensor '\(other)' is unknown")
        }
    }

    /// Writes a state in place of the last one.
    ///
    /// - Throws: `FileError` where it cannot be written; the last state is whole then.
    static func write(
        to path: String, description: JSONObject, progress: JSONObject, sections: [Section],
        parameters: [TunedParameter]
    ) throws {
        let tensors = sections.flatMap { section in
            zip(parameters, section.buffers).map { parameter, buffer in
                let description = Self.description(parameter, in: section.name)
                return TensorFile.Tensor.floats(description.name, shape: description.shape) {
                    buffer.values
                }
            }
        }
        let metadata = [
            SafetensorsMetadata(runKey, JSONWriter().text(.object(description))),
            SafetensorsMetadata(progressKey, JSONWriter().text(.object(progress))),
        ]
        try TensorFile(tensors, metadata: metadata, path: path).write(to: path, replacing: true)
    }

    private static func description(_ parameter: TunedParameter, in section: String)
        -> TensorDescription
    {
        TensorDescription(
            name: "\(section)/\(parameter.name)", type: .f32, shape: parameter.shape)
    }
}
