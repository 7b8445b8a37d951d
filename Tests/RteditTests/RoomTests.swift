import Foundation
import Testing

/// The rooms of a target, the folders in it with all that is in them, use one another in one direction: what a room is
/// for can be read without the rooms above it.
@Suite struct RoomTests {
    @Test(arguments: ["Formats", "Transformer", "Tuning", "rtedit"])
    func noRoomsUseEachOtherInACircle(_ target: String) throws {
        let rooms = try Rooms(ofTarget: target)
        #expect(rooms.names.count > 1)
        #expect(rooms.uses.values.contains { !$0.isEmpty })
        for circle in rooms.circles {
            Issue.record("\(target): \(circle)")
        }
    }
}

/// Which rooms of a target name types of which others, by the words in the sources.
private struct Rooms {
    private(set) var names: [String] = []
    /// By room and the room it uses: a type and a file that names it.
    private(set) var uses: [String: [String: String]] = [:]

    private static let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Sources")

    init(ofTarget target: String) throws {
        let root = Self.sources.appendingPathComponent(target).path
        var files: [(room: String, name: String, words: [[String]])] = []
        for path in try FileManager.default.subpathsOfDirectory(atPath: root).sorted()
        where path.hasSuffix(".swift") {
            let parts = path.split(separator: "/")
            guard parts.count > 1, let room = parts.first.map(String.init) else { continue }
            let text = try String(contentsOfFile: root + "/" + path, encoding: .utf8)
            files.append((room, path, Self.words(text)))
        }
        names = Set(files.map(\.room)).sorted()
        var homes: [String: Set<String>] = [:]
        for file in files {
            for line in file.words {
                if let name = Self.declared(line) { homes[name, default: []].insert(file.room) }
            }
        }
        for file in files {
            for word in file.words.joined() {
                guard let home = homes[word], home.count == 1, let used = home.first,
                    used != file.room
                else { continue }
                uses[file.room, default: [:]][used] = "\(word) in \(file.name)"
            }
        }
    }

    /// Rooms that reach themselves, each with the steps of the shortest way.
    var circles: [String] {
        names.compactMap { start in
            var seen: Set<String> = []
            var ways = (uses[start] ?? [:]).map { (room: $0.key, steps: [$0.value]) }
            while !ways.isEmpty {
                let (room, steps) = ways.removeFirst()
                if room == start { return "\(start) uses itself: \(steps.joined(separator: ", "))" }
                guard seen.insert(room).inserted else { continue }
                ways += (uses[room] ?? [:]).sorted { $0.key < $1.key }
                    .map { (room: $0.key, steps: steps + [$0.value]) }
            }
            return nil
        }
    }

    /// The type that a line at the outermost level declares.
    private static func declared(_ line: [String]) -> String? {
        let kinds: Set = ["struct", "class", "enum", "protocol", "actor", "typealias"]
        guard let kind = line.firstIndex(where: kinds.contains), line[0] != "extension",
            line[0] != " ", kind + 1 < line.count
        else { return nil }
        return line[kind + 1]
    }

    /// The identifiers of each line without comments and literals; " " stands for an indentation.
    private static func words(_ text: String) -> [[String]] {
        var isInText = false
        return text.split(separator: "\n", omittingEmptySubsequences: true).map { line in
            var words: [String] = line.first == " " ? [" "] : []
            var word: [UInt8] = []
            var isQuoted = false
            var rest = Array(line.utf8)[...]
            if rest.contains(UInt8(ascii: "\"")), line.contains("\"\"\"") {
                isInText.toggle()
                return words
            }
            if isInText { return words }
            while let byte = rest.popFirst() {
                if byte == UInt8(ascii: "\\"), isQuoted {
                    rest = rest.dropFirst()
                } else if byte == UInt8(ascii: "\"") {
                    isQuoted.toggle()
                } else if !isQuoted {
                    if byte == UInt8(ascii: "/"), rest.first == byte { break }
                    let isLetter =
                        (byte | 32) >= UInt8(ascii: "a") && (byte | 32) <= UInt8(ascii: "z")
                    if isLetter || byte == UInt8(ascii: "_")
                        || (byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9"))
                    {
                        word.append(byte)
                        continue
                    }
                }
                if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
                word = []
            }
            if !word.isEmpty { words.append(String(decoding: word, as: UTF8.self)) }
            return words
        }
    }
}
