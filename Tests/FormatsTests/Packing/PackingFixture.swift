import Testing
import Foundation
import TestSupport

@testable import Formats

/// A folder of `Fixtures/Packing`: layers as a tool packs them, and the weights that it reads from them.
struct PackingFixture: Sendable, CustomTestStringConvertible {
    let name: String

    var testDescription: String { name }

    private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().appendingPathComponent("Fixtures/Packing").path

    static let all: [PackingFixture] = {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        return names.filter { !$0.contains(".") && $0 != "__pycache__" }.sorted()
            .map(PackingFixture.init)
    }()

    /// The layer that every folder has one of.
    static let layer = "model.layers.0.mlp.down_proj"

    var path: String { Self.root + "/" + name }

    /// Opens the folder, or a copy of it whose weights are others.
    func open() throws -> Checkpoint { try Checkpoint.open(path) }

    /// The weights that the tool reads.
    func expected() throws -> [StoredTensor] {
        try SafetensorsFile(path: path + "/expected.safetensors").tensors
    }

    /// A copy with other tensors and members of its configuration.
    func copy(
        in folder: TemporaryFolder, config change: (inout JSONObject) -> Void = { _ in },
        tensors: (inout [StoredBytes]) throws -> Void = { _ in }
    ) throws -> Checkpoint {
        let copy = folder.path(name)
        try FileManager.default.createDirectory(
            atPath: copy, withIntermediateDirectories: true)
        for file in try FileManager.default.contentsOfDirectory(atPath: path)
        where file != "expected.safetensors" {
            try FileManager.default.copyItem(atPath: path + "/" + file, toPath: copy + "/" + file)
        }
        let file = copy + "/config.json"
        var config =
            try JSONReader.parse(try bytes(ofFile: file), source: file).object ?? JSONObject()
        change(&config)
        try Data(JSONWriter().bytes(.object(config))).write(to: URL(fileURLWithPath: file))
        let weights = copy + "/model.safetensors"
        var stored = try SafetensorsFile(path: weights).tensors.map { tensor -> StoredBytes in
            (tensor.description, tensor.bytes.withUnsafeBytes { Array($0) })
        }
        try tensors(&stored)
        try FamilyFixture.writeWeights(stored, to: weights)
        return try Checkpoint.open(copy)
    }
}

extension [StoredBytes] {
    /// Changes the type or shape of the tensor whose name ends so, its bytes filled with zeros where they become more.
    mutating func reshape(_ ending: String, _ shape: [Int], type: ElementType? = nil) {
        for index in indices where self[index].description.name.hasSuffix(ending) {
            let old = self[index]
            let description = TensorDescription(
                name: old.description.name, type: type ?? old.description.type, shape: shape)
            let count = description.byteCount ?? 0
            let bytes = [UInt8]((old.bytes + [UInt8](repeating: 0, count: count)).prefix(count))
            self[index] = (description, bytes)
        }
    }

    /// Adds a tensor of zeros beside the layer.
    mutating func add(_ ending: String, _ type: ElementType, _ shape: [Int]) {
        let description = TensorDescription(
            name: PackingFixture.layer + ending, type: type, shape: shape)
        append((description, [UInt8](repeating: 0, count: description.byteCount ?? 0)))
    }
}
