import Foundation
import TestSupport
import Testing

@testable import Formats

/// Every family has a reference made with transformers, every reference is tested, and the documentation knows it.
@Suite struct FamilyListTests {
    /// The `model_type` of a fixture.
    private static func modelType(_ name: String) throws -> String? {
        try JSONReader.parse(MappedFile(path: Families.folder(name) + "/config.json").bytes)
            .object?["model_type"]?.string
    }

    @Test func everyFamilyHasAReference() throws {
        let tested = Set(try Families.all.map { try Self.modelType($0) })
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
