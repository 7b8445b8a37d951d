import Formats
import Foundation
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// What `inspect` says of a family's bake routes is what baking does: every route is exact, or refuses. `make routes` prints
/// what is measured here.
@Suite struct FamilyBakeTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// A way of storing the model that is edited.
    enum Storage: String, CaseIterable {
        case folder
        case f32 = "GGUF f32"
        case f16 = "GGUF f16"
        case q80 = "GGUF q8_0"
        case q4K = "GGUF q4_k"

        var type: ElementType {
            switch self {
            case .folder, .f32: .f32
            case .f16: .f16
            case .q80: .q8_0
            case .q4K: .q4K
            }
        }
    }

    private func base(_ family: String, _ storage: Storage) throws -> Checkpoint {
        try WideFamily.write(
            family, type: storage.type, to: folder,
            as: "base" + (storage == .folder ? "" : ".gguf"))
    }

    /// A vector at the site, in every block.
    private func vectors(_ numbers: Hyperparameters, at site: Site) -> [Intervention] {
        (0..<(site == .embed ? 1 : numbers.blockCount)).map { block in
            Intervention(
                site: site, block: block,
                vector: (0..<numbers.hiddenSize).map {
                    Float(($0 * 7 + block) % 5 - 2) / 7 * Float(numbers.embeddingScale)
                })
        }
    }

    /// Every way of storing the model for the table, the two that differ most else.
    private static let storages: [Storage] =
        ProcessInfo.processInfo.environment["RTEDIT_ROUTE_TABLE"] == nil
        ? [.folder, .q4K] : Storage.allCases

    @Test(arguments: Families.convertible, Self.storages)
    func aRouteIsExactOrRefused(_ family: String, storage: Storage) throws {
        let base = try base(family, storage)
        for route in BakeRoutes.all {
            for site in route.sites {
                try measure(route, site, on: base, family, storage)
            }
        }
    }

    private func measure(
        _ route: any BakeRoute, _ site: Site, on base: Checkpoint, _ family: String,
        _ storage: Storage
    ) throws {
        let wanted = try vectors(base.hyperparameters(), at: site)
        let place = "\(route.name) \(site)"
        if let refusal = route.refusal(of: wanted, in: base, format: base.format) {
            #expect(throws: (any Error).self, "\(place)") {
                try route.edits(baking: wanted, into: base, format: base.format)
            }
            try Self.record(family, route, site, storage, "refused", "\(refusal)")
            return
        }
        let edits = try route.edits(baking: wanted, into: base, format: base.format)
        let edited = try folder.write(
            base, edits, as: "edited" + (storage == .folder ? "" : ".gguf"))
        let found = try verify(base, edited, wanted)
        #expect(found.passes, "\(place): logits \(found.logits.relative)")
        #expect(found.logits.relative <= 1e-4, "\(place)")
        try Self.record(
            family, route, site, storage, String(format: "%.1e", found.logits.relative),
            String(format: "%.1e", found.logitEffect / found.logits.largestLogit))
    }

    /// A line of the file that RTEDIT_ROUTE_TABLE names, if it does.
    private static func record(
        _ family: String, _ route: any BakeRoute, _ site: Site, _ storage: Storage, _ cell: String,
        _ note: String
    ) throws {
        let words = [family, route.name, site.rawValue, storage.rawValue, cell, note]
        try Families.note(words, inTableOf: "RTEDIT_ROUTE_TABLE")
    }

    @Test(arguments: Families.all)
    func everyAwkwardWidthIsExactOrRefused(_ family: String) throws {
        let original = try Checkpoint.open(Families.folder(family))
        let formats: [FileFormat] =
            Families.convertible.contains(family) ? [.safetensors, .gguf] : [.safetensors]
        for format in formats {
            let base = format == .gguf ? try folder.write(original, as: "base.gguf") : original
            for (route, site) in BakeRoutes.all.flatMap({ route in route.sites.map { (route, $0) } }
            ) {
                let wanted = try vectors(base.hyperparameters(), at: site)
                guard route.refusal(of: wanted, in: base, format: format) == nil else { continue }
                let edits = try route.edits(baking: wanted, into: base, format: format)
                let edited = try folder.write(
                    base, edits, as: "edited" + (format == .gguf ? ".gguf" : ""))
                #expect(try verify(base, edited, wanted).passes, "\(route.name) \(format) \(site)")
                #expect(try !verify(base, base, wanted).passes, "\(route.name) \(format) \(site)")
            }
        }
    }

    @Test(arguments: Families.convertible)
    func aFolderCanBeBakedStraightIntoAFile(_ family: String) throws {
        let base = try Checkpoint.open(Families.folder(family))
        let wanted = try vectors(base.hyperparameters(), at: .residPost)
        guard
            let plan = try? BakePlan(named: nil, for: wanted, in: base, format: .gguf)
        else { return }
        let edited = try folder.write(
            base, plan.edits(into: base, format: .gguf), as: "edited.gguf")
        let converted = try folder.write(base, as: "converted.gguf")
        #expect(try verify(converted, edited, wanted).passes)
    }

    @Test func aConversionIsTheSameModelAndAnotherWindowIsNot() throws {
        let exact = try Checkpoint.open(Families.folder("gemma3"))
        #expect(try verify(exact, folder.write(exact, as: "exact.gguf"), []).passes)
        let windowed = try Checkpoint.open(Families.folder("mistral"))
        #expect(try !verify(windowed, folder.write(windowed, as: "wide.gguf"), []).passes)
    }
}
