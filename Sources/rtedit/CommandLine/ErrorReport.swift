import Formats

/// An error as an object, for programs that call rtedit with `--json`.
struct ErrorReport {
    let kind: FailureKind
    /// The line that standard error has, without the program's name.
    let message: String
    /// The file that is at fault, where one is.
    let file: String?

    var json: JSONObject {
        JSONObject([
            .init(
                "error",
                .object(
                    JSONObject([
                        .init("kind", .string(Self.name(of: kind))),
                        .init("message", .string(message)),
                        .init("file", file.map { .string($0) } ?? .null),
                        .init("exit_code", .integer(Int(ExitCode(kind).rawValue))),
                    ])))
        ])
    }

    static func name(of kind: FailureKind) -> String {
        switch kind {
        case .usage: "usage"
        case .input: "input"
        case .unsupported: "unsupported"
        case .output: "output"
        }
    }

    /// The file that an error names. Errors are enumerations whose cases carry what they are about by name, and may wrap
    /// other errors.
    static func file(of error: Any) -> String? {
        for child in Mirror(reflecting: error).children {
            if let text = child.value as? String {
                switch child.label {
                case "file", "path": return text
                // "file:line"
                case "place": return file(ofPlace: text)
                default: continue
                }
            }
            if let found = file(of: child.value) { return found }
        }
        return nil
    }

    /// Nil for places that are none of a file, such as the options of a call.
    private static func file(ofPlace place: String) -> String? {
        guard let colon = place.lastIndex(of: ":"), Int(place[place.index(after: colon)...]) != nil
        else { return nil }
        return String(place[..<colon])
    }
}
