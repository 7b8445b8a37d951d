import Foundation
import TestSupport
import Testing

@testable import Formats

/// Every family has a reference made with transformers, every reference is tested, and the documentation knows it.
@Suite struct FamilyListTests {
    /// The `model_type` of a fixture, and that of the text decoder in it.
    private static func modelTypes(_ name: String) throws -> [String] {
        let path = Families.folder(name) + "/config.json"
        let config = try JSONReader.parse(MappedFile(path: path).bytes).object
        return [config, config?["text_config"]?.object].compactMap { $0?["model_type"]?.string }
    }

    @Test func everyFamilyHasAReference() throws {
        let tested = Set(try Families.all.flatMap { try Self.modelTypes($0) })
        for family in Architecture.all {
            #expect(
                tested.contains(family.huggingFaceModelType),
                "'\(family.huggingFaceModelType)' has no model in Families.all")
        }
    }

    @Test func everyReferenceIsTested() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Families.folder(""))
            .filter { FileManager.default.fileExists(atPath: Families.folder($0) + "/config.json") }
        #expect(Set(folders) == Set(Families.all))
    }

    @Test(arguments: Architecture.all)
    func everyFamilyIsDocumented(family: Architecture) throws {
        let path = Samples.path("../docs/families.md")
        let rows = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        let names = "| `\(family.huggingFaceModelType)` | `\(family.name)` |"
        #expect(rows.contains { $0.contains(names) }, "docs/families.md has no row \(names)")
    }
}
