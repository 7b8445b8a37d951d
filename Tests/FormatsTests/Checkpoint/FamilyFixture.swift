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

    func open() throws -> Checkpoint { try Checkpoint.open(path) }
}
