import Formats
import Foundation
import TestSupport

/// The tables of docs/json.md: which members each object has, and of which types.
///
/// A section is known by its heading as GitHub links to it. A sentence that a section has the members of another, and a
/// row whose path ends in "…", take that section's rows in.
struct DocumentedMembers {
    /// A row of a table.
    struct Row {
        let types: [String]
        let isOptional: Bool
    }

    /// The rows of each section by their paths, those it takes in from others too.
    private(set) var sections: [String: [String: Row]] = [:]

    init() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("docs/json.md")
        var references: [(section: String, prefix: String, other: String)] = []
        var section = ""
        for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n") {
            if line.hasPrefix("#") {
                section = Self.anchor(line.drop { $0 == "#" || $0 == " " })
                sections[section] = sections[section] ?? [:]
            } else if line.contains("members of ["), let other = Self.link(in: line) {
                references.append((section, Self.path(ofRow: line)?.path ?? "", other))
            } else if let (path, isOptional) = Self.path(ofRow: line) {
                let cells = line.split(separator: "|").map {
                    $0.trimmingCharacters(in: .whitespaces)
                }
                sections[section]?[path] = Row(
                    types: cells[1].components(separatedBy: " or "), isOptional: isOptional)
            }
        }
        for (section, prefix, other) in references {
            for (path, row) in sections[other] ?? [:] { sections[section]?[prefix + path] = row }
        }
    }

    private static func anchor(_ heading: some StringProtocol) -> String {
        String(
            heading.lowercased().map { $0 == " " ? "-" : $0 }
                .filter { $0.isLetter || $0.isNumber || $0 == "-" })
    }

    private static func link(in line: Substring) -> String? {
        line.firstRange(of: "](#").map { String(line[$0.upperBound...].prefix { $0 != ")" }) }
    }

    /// The member in the first cell; nil for lines that are no row of a member.
    private static func path(ofRow line: Substring) -> (path: String, isOptional: Bool)? {
        guard line.hasPrefix("| `") else { return nil }
        var path = line.dropFirst(3).prefix { $0 != "`" }
        let isOptional = path.hasSuffix("?")
        if isOptional || path.hasSuffix("…") { path = path.dropLast() }
        return (String(path), isOptional)
    }

    // MARK: - Against an object

    /// What an object has that its sections do not say, and what they promise that it does not have.
    func faults(of object: JSONObject, in names: String...) -> [String] {
        var rows: [String: Row] = [:]
        for name in names {
            guard let section = sections[name] else { return ["no section #\(name)"] }
            rows.merge(section) { $1 }
        }
        return Self.faults(of: object, prefix: "", rows)
    }

    private static func faults(
        of object: JSONObject, prefix: String, _ rows: [String: Row]
    ) -> [String] {
        var faults: [String] = []
        for member in object.members {
            let named = prefix + member.key
            let path = rows[named] == nil ? prefix + "*" : named
            guard let row = rows[path] else {
                faults.append("\(named) is not documented")
                continue
            }
            guard !row.types.contains("any") else { continue }
            let types = Self.types(of: member.value)
            if types.isDisjoint(with: row.types) {
                faults.append("\(named) is \(types.sorted()), documented as \(row.types)")
            }
            if let inner = member.value.object {
                faults += Self.faults(of: inner, prefix: path + ".", rows)
            }
            for inner in (member.value.array ?? []).compactMap(\.object) {
                faults += Self.faults(of: inner, prefix: path + "[].", rows)
            }
        }
        for (path, row) in rows where path.hasPrefix(prefix) && !row.isOptional {
            let name = path.dropFirst(prefix.count)
            if !name.contains("."), !name.contains("["), name != "*", object[String(name)] == nil {
                faults.append("\(path) is missing")
            }
        }
        return faults
    }

    /// The words of the tables that a value may be documented with.
    private static func types(of value: JSONValue) -> Set<String> {
        switch value {
        case .null: ["null"]
        case .bool: ["boolean"]
        case .integer: ["integer", "number"]
        case .number: ["number"]
        case .string(let text):
            ["nan", "inf", "-inf"].contains(text) ? ["string", "number"] : ["string"]
        case .object: ["object"]
        case .array(let values): arrayTypes(of: values)
        }
    }

    private static func arrayTypes(of values: [JSONValue]) -> Set<String> {
        let all: Set = ["string", "integer", "number", "boolean", "object"]
        let common = values.reduce(all) { $0.intersection(types(of: $1)) }
        return Set(common.map { "array of \($0)s" })
    }
}
