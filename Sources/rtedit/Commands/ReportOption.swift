import Formats
import Tuning

/// The page that a command can leave of what it measured, under one name in all of them.
enum ReportOption {
    static let report: Option = {
        var option = Option.value(
            "report", "FILE", "Write one page of HTML with drawings.")
        option.otherName = "html"
        return option
    }()

    /// Where the page goes, checked before there is anything to write; nil where none is asked for.
    static func path(_ arguments: ParsedArguments) throws -> String? {
        let path = try arguments.outputPathIfGiven(report)
        if let path { try AtomicFile.checkTarget(path, replacing: arguments.replacesOutputs) }
        return path
    }

    /// Writes a page, and tells where it is.
    static func write(
        _ html: String, to path: String, _ arguments: ParsedArguments, _ console: Console
    ) throws {
        let file = try AtomicFile(path: path, replacing: arguments.replacesOutputs)
        try file.append(Array(html.utf8))
        try file.commit()
        console.print("\(path): the report")
    }
}

extension PageSource {
    /// - Parameters:
    ///   - models: each with what it is to the call.
    ///   - files: options whose values are files.
    ///   - vectors: options whose values are SPECs.
    /// - Throws: `FileError` where an input cannot be read any more.
    init(
        _ arguments: ParsedArguments, models: [(role: String, checkpoint: Checkpoint)],
        files: [Option] = [], vectors: [Option] = []
    ) throws {
        var inputs: [[String]] = []
        for (role, checkpoint) in models {
            let files = checkpoint.weightFiles
            let bytes = try files.reduce(0) { try $0 + MappedFile(path: $1).bytes.count }
            inputs.append([role, checkpoint.path, "\(bytes)", try checkpoint.weightsHash()])
        }
        func add(_ option: Option, _ path: String) throws {
            let file = try StandardInput.file(orAt: path)
            inputs.append([option.name, file.path, "\(file.bytes.count)", file.sha256()])
        }
        for option in files where arguments.declares(option) {
            for path in arguments.values(option) { try add(option, path) }
        }
        for option in vectors where arguments.declares(option) {
            for text in arguments.values(option) { try add(option, VectorSpecification(text).file) }
        }
        let words = ["rtedit"] + CommandLine.arguments.dropFirst()
        self.init(
            call: words.map(ShellWord.quoted).joined(separator: " "), inputs: inputs,
            folders: words.compactMap(Self.folder))
    }

    /// "/some/folder/" of "/some/folder/file:1@3" and of "--option=/some/folder/file".
    private static func folder(_ word: String) -> String? {
        let isJoined = word.hasPrefix("--")
        let path = isJoined ? word.drop { $0 != "=" }.dropFirst() : word[...]
        guard path.hasPrefix("/"), let end = path.lastIndex(of: "/"), end > path.startIndex else {
            return nil
        }
        return String(path[...end])
    }
}
