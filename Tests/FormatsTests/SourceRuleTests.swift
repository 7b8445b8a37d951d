import Foundation
import TestSupport
import Testing

/// What the compiler does not see to in the sources.
struct SourceRuleTests {
    private static let sources = Samples.path("../Sources")

    /// Every Swift file, below `Sources`.
    private static func paths() throws -> [String] {
        let paths = try #require(FileManager.default.enumerator(atPath: sources))
        return paths.compactMap { $0 as? String }.filter { $0.hasSuffix(".swift") }.sorted()
    }

    /// The lines of every Swift file.
    private static func files() throws -> [(path: String, lines: [Substring])] {
        try paths().map {
            let text = try String(contentsOfFile: sources + "/" + $0, encoding: .utf8)
            return ($0, text.split(separator: "\n", omittingEmptySubsequences: false))
        }
    }

    /// Where the checks of concurrency are off: whoever adds a place says here why.
    @Test func concurrencyIsUncheckedInFewPlaces() throws {
        let marks = ["@unchecked Sendable", "nonisolated(unsafe)", "@preconcurrency"]
        let unchecked = try Self.paths().filter { path in
            let bytes = try Data(contentsOf: URL(fileURLWithPath: Self.sources + "/" + path))
            return marks.contains { bytes.range(of: Data($0.utf8)) != nil }
        }
        #expect(
            unchecked == [
                // Pointers, which every body writes a part of its own of.
                "Formats/Bytes/Shared.swift",
                // What a signal handler calls.
                "rtedit/Processor/KernelStart.swift",
            ])
    }

    /// `package` says truthfully who uses a declaration; `public` is for none.
    @Test func nothingIsPublic() throws {
        for file in try Self.files() {
            for (index, line) in file.lines.enumerated() {
                let isPublic = line.drop { $0 == " " }.hasPrefix("public ")
                #expect(!isPublic, "\(file.path):\(index + 1)")
            }
        }
    }

    /// Whether it declares an operator, which its protocol explains.
    private static func isOperator(_ words: [Substring]) -> Bool {
        guard let place = words.firstIndex(of: "func"), place + 1 < words.count else {
            return false
        }
        return !(words[place + 1].first?.isLetter ?? false)
    }

    /// Types and functions that other targets use say what they are.
    @Test func everyTypeAndFunctionOfThePackageIsDocumented() throws {
        let kinds = [
            "struct", "enum", "class", "protocol", "actor", "func", "subscript", "typealias",
        ]
        let modifiers: Set<Substring> = [
            "package", "static", "final", "indirect", "mutating", "nonmutating", "override",
            "@discardableResult", "@inlinable",
        ]
        var undocumented: [String] = []
        for file in try Self.files() {
            for (index, line) in file.lines.enumerated() {
                let start = line.drop { $0 == " " }.prefix(8)
                guard start == "package " || start.hasPrefix("@") else { continue }
                let words = line.split(separator: " ")
                guard words.contains("package"),
                    let kind = words.first(where: { !modifiers.contains($0) }),
                    kinds.contains(String(kind)), !Self.isOperator(words)
                else { continue }
                let above = file.lines[..<index].reversed().first {
                    !$0.drop { $0 == " " }.hasPrefix("@")
                }
                let isDocumented = above?.drop { $0 == " " }.hasPrefix("///") ?? false
                if !isDocumented { undocumented.append("\(file.path):\(index + 1): \(line)") }
            }
        }
        #expect(undocumented == [])
    }

    /// A kind of which every one must stand in a list; the compiler misses none.
    struct Kind: Sendable, CustomTestStringConvertible {
        let folder: String
        /// What stands before and after the name in a declaration.
        let declaration: (start: String, end: String)
        let list: String
        /// Where the list begins in its file.
        let mark: String

        var testDescription: String { folder }
    }

    static let kinds = [
        Kind(
            folder: "rtedit/Commands/", declaration: ("struct ", ": Command {"),
            list: "rtedit/CommandRegistry.swift", mark: "let commands"),
        Kind(
            folder: "Tuning/Baking/", declaration: ("struct ", ": BakeRoute {"),
            list: "Tuning/Baking/BakeRoute.swift", mark: "static let all"),
        Kind(
            folder: "Formats/Elements/Blocks/", declaration: ("enum ", ": QuantizedBlock {"),
            list: "Formats/Elements/RowKernels.swift", mark: "switch type"),
        Kind(
            folder: "Formats/Architectures/Families/",
            declaration: ("static let ", " = Architecture("),
            list: "Formats/Architectures/Architecture.swift", mark: "static let all"),
    ]

    /// What is declared and forgotten in its list would be known to nothing, in silence.
    @Test(arguments: kinds)
    func everyOneOfAKindStandsInItsList(kind: Kind) throws {
        let files = try Self.files()
        let list = try #require(files.first { $0.path == kind.list }).lines
        let start = try #require(list.firstIndex { $0.contains(kind.mark) })
        let end = try #require(
            list[start...].firstIndex { $0.hasSuffix("]") || $0.drop { $0 == " " } == "}" })
        let words = Set(
            list[start...end].flatMap { $0.split { !($0.isLetter || $0.isNumber || $0 == "_") } })
        var count = 0
        for file in files where file.path.hasPrefix(kind.folder) {
            for line in file.lines where line.hasSuffix(kind.declaration.end) {
                guard let start = line.range(of: kind.declaration.start) else { continue }
                let name = line[start.upperBound...].dropLast(kind.declaration.end.count)
                let isListed = words.contains(name)
                #expect(isListed, "\(file.path): '\(name)' is not in \(kind.list)")
                count += 1
            }
        }
        #expect(count > 0)
    }
}
