import Foundation
package import Formats

/// A small Llama with its projections as whole numbers of eight bits and a scale for each row, as compressed-tensors
/// stores them, and the same model plain.
package enum PackedModel {
    /// The configuration's word for what is packed.
    package enum Method: String, CaseIterable, Sendable {
        /// Has a list of layers that are not packed.
        case compressedTensors = "compressed-tensors"
        /// Has none.
        case gptq
    }

    /// Writes both folders.
    ///
    /// - Parameters:
    ///   - source: the folder of the model
    ///   - isPacked: whether the projection of a name is packed
    /// - Returns: the packed model and the plain one with the same weights, in f32.
    package static func write(
        to folder: TemporaryFolder, _ method: Method = .compressedTensors,
        of source: String = Families.folder("llama"),
        isPacked: (String) -> Bool = { _ in true }
    ) throws -> (packed: Checkpoint, plain: Checkpoint) {
        let stored = try SafetensorsFile(path: source + "/model.safetensors").tensors
        var packed: [Stored] = []
        var plain: [Stored] = []
        for tensor in stored {
            let values = try tensor.values()
            guard tensor.name.hasSuffix("_proj.weight"), isPacked(tensor.name) else {
                packed.append((tensor.description, le(values)))
                plain.append((tensor.description, le(values)))
                continue
            }
            let layer = Layer(values, rows: tensor.shape[0], columns: tensor.shape[1])
            packed += method == .gptq ? layer.gptq(tensor.name) : layer.rows(tensor.name)
            plain.append((tensor.description, le(layer.values)))
        }
        return (
            try write(packed, from: source, declaring: method, to: folder.path("packed")),
            try write(plain, from: source, declaring: nil, to: folder.path("plain"))
        )
    }

    private typealias Stored = (description: TensorDescription, bytes: [UInt8])

    private static func le(_ values: [Float]) -> [UInt8] {
        values.flatMap { TestSupport.le($0.bitPattern) }
    }

    private static func write(
        _ tensors: [Stored], from source: String, declaring method: Method?, to path: String
    ) throws -> Checkpoint {
        try FileManager.default.copyItem(atPath: source, toPath: path)
        let file = path + "/model.safetensors"
        let header = try SafetensorsHeader(path: file, tensors: tensors.map(\.description))
        let data = header.layout.flatMap { place in
            tensors.first { $0.description.name == place.description.name }?.bytes ?? []
        }
        try Data(header.bytes + data).write(to: URL(fileURLWithPath: file))
        guard let method else { return try Checkpoint.open(path) }
        let config = path + "/config.json"
        let text = try String(contentsOfFile: config, encoding: .utf8)
        let declaration =
            switch method {
            case .gptq:
                #"{"quant_method": "gptq", "bits": 8, "group_size": -1, "checkpoint_format": "gptq_v2"}"#
            case .compressedTensors:
                #"{"quant_method": "compressed-tensors", "format": "int-quantized", "ignore": ["lm_head"], "#
                    + #""config_groups": {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 8, "#
                    + #""type": "int", "symmetric": true, "strategy": "channel"}}}}"#
            }
        try Data(
            text.replacing(
                "{", with: "{\"quantization_config\": \(declaration),", maxReplacements: 1
            )
            .utf8
        ).write(to: URL(fileURLWithPath: config))
        return try Checkpoint.open(path)
    }
}

/// A matrix in whole numbers of eight bits with a scale for each row.
private struct Layer {
    private let rows: Int
    private let columns: Int
    private let codes: [Int8]
    private let scales: [Float]

    init(_ values: [Float], rows: Int, columns: Int) {
        self.rows = rows
        self.columns = columns
        let scales = (0..<rows).map { row in
            // Half precision, which GPTQ stores.
            Float(
                Float16((values[(row * columns)..<((row + 1) * columns)].map(abs).max() ?? 0) / 127)
            )
        }
        self.scales = scales
        codes = values.enumerated().map { index, value in
            Int8(max(-127, min(127, (value / scales[index / columns]).rounded())))
        }
    }

    var values: [Float] {
        codes.enumerated().map { Float($1) * scales[$0 / columns] }
    }

    func rows(_ name: String) -> [(description: TensorDescription, bytes: [UInt8])] {
        [
            (
                TensorDescription(name: name, type: .i8, shape: [rows, columns]),
                codes.map { UInt8(bitPattern: $0) }
            ),
            (
                TensorDescription(name: name + "_scale", type: .f32, shape: [rows, 1]),
                scales.flatMap { le($0.bitPattern) }
            ),
        ]
    }

    func gptq(_ name: String) -> [(description: TensorDescription, bytes: [UInt8])] {
        let module = String(name.dropLast(".weight".count))
        var words = [UInt32](repeating: 0, count: columns / 4 * rows)
        for row in 0..<rows {
            for column in 0..<columns {
                let code = UInt32(Int(codes[row * columns + column]) + 128)
                words[column / 4 * rows + row] |= code << UInt32(column % 4 * 8)
            }
        }
        return [
            (
                TensorDescription(
                    name: module + ".qweight", type: .i32, shape: [columns / 4, rows]),
                words.flatMap { le($0) }
            ),
            (
                TensorDescription(name: module + ".qzeros", type: .i32, shape: [1, rows / 4]),
                [UInt8](repeating: 128, count: rows)
            ),
            (
                TensorDescription(name: module + ".scales", type: .f16, shape: [1, rows]),
                scales.flatMap { le(Float16($0).bitPattern) }
            ),
        ]
    }
}
