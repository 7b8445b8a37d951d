import Foundation
import TestSupport

@testable import Formats

/// A small model of a family in Hugging Face's layout: one of the decoder's fixtures.
struct FamilyFixture {
    /// The folder of the fixtures' own files, or a copy with a changed configuration.
    let path: String

    init(_ family: String) {
        path = Families.folder(family)
    }

    /// A copy in a folder with changed members of `config.json`; nil removes one.
    init(_ family: String, in folder: TemporaryFolder, config changes: [String: JSONValue?]) throws
    {
        let original = FamilyFixture(family).path
        path = folder.path(family)
        try FileManager.default.copyItem(atPath: original, toPath: path)
        let file = path + "/config.json"
        guard var config = try JSONReader.parse(try bytes(ofFile: file), source: file).object else {
            throw CheckpointError.wrongValue(file: file, key: "", expected: "an object")
        }
        for (key, value) in changes { config[key] = value }
        try Data(JSONWriter().bytes(.object(config))).write(to: URL(fileURLWithPath: file))
    }

    /// A tensor as a file stores it.
    typealias Stored = (description: TensorDescription, bytes: [UInt8])

    /// A copy with other tensors.
    init(
        _ family: String, in folder: TemporaryFolder, config changes: [String: JSONValue?] = [:],
        tensors change: ([Stored]) -> [Stored]
    ) throws {
        try self.init(family, in: folder, config: changes)
        let file = path + "/model.safetensors"
        let stored = change(
            try SafetensorsFile(path: file).tensors.map { tensor in
                (tensor.description, tensor.bytes.withUnsafeBytes { Array($0) })
            })
        let header = try SafetensorsHeader(path: file, tensors: stored.map(\.description))
        var bytes = header.bytes
        for placement in header.layout {
            bytes += stored.first { $0.description == placement.description }?.bytes ?? []
        }
        try Data(bytes).write(to: URL(fileURLWithPath: file))
    }

    func open() throws -> Checkpoint { try Checkpoint.open(path) }
}

/// A tensor of a file that a test makes: its description and its data.
typealias StoredBytes = (description: TensorDescription, bytes: [UInt8])

extension FamilyFixture {
    /// Writes the weights of a copied fixture anew.
    func rewriteWeights(_ change: (inout [StoredBytes]) throws -> Void) throws {
        let file = path + "/model.safetensors"
        var tensors = try SafetensorsFile(path: file).tensors.map { tensor -> StoredBytes in
            (tensor.description, tensor.bytes.withUnsafeBytes { Array($0) })
        }
        try change(&tensors)
        try Self.writeWeights(tensors, to: file)
    }

    /// Writes a safetensors file.
    static func writeWeights(_ tensors: [StoredBytes], to file: String) throws {
        let header = try SafetensorsHeader(path: file, tensors: tensors.map(\.description))
        let data = header.layout.flatMap { place in
            tensors.first { $0.description.name == place.description.name }?.bytes ?? []
        }
        try Data(header.bytes + data).write(to: URL(fileURLWithPath: file))
    }
}

extension Checkpoint {
    /// The members of `config.json`, or nil.
    var config: JSONObject? {
        if case .huggingFace(let files) = source { files.config } else { nil }
    }
}
