import Foundation

/// The normalizers of `tokenizer.json`, in both directions.
enum HuggingFaceNormalizer {
    static let supported =
        "none, NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Prepend, Replace of a text or of ' {2,}', Precompiled, Sequence"

    /// The expression of `Replace` for runs of spaces, which the conversions of SentencePiece models write.
    private static let spaceRuns = " {2,}"

    /// The steps of a normalizer.
    ///
    /// - Throws: `TokenizerError.unsupported` for a step that is none of ours, naming it, and
    ///   `TokenizerError.malformedCharacterMap`.
    static func recognise(_ value: JSONValue?, file: String) throws(TokenizerError)
        -> [TextNormalizer]
    {
        guard let steps = (value ?? .null).components("normalizers") else {
            throw .unsupported(
                file: file, key: "normalizer", found: "a Sequence without 'normalizers'",
                supported: supported)
        }
        var normalizers: [TextNormalizer] = []
        for step in steps { normalizers.append(try self.step(step, file: file)) }
        return normalizers
    }

    private static func step(_ value: JSONValue, file: String) throws(TokenizerError)
        -> TextNormalizer
    {
        let type = value.componentType
        if let form = TextNormalizer.UnicodeForm(rawValue: type) { return .unicode(form) }
        let members = value.object ?? JSONObject()
        switch type {
        case "Lowercase": return .lowercase
        case "StripAccents": return .stripAccents
        case "Strip":
            return .strip(
                start: members["strip_left"]?.bool ?? true,
                end: members["strip_right"]?.bool ?? true)
        case "Prepend":
            if let text = members["prepend"]?.string { return .prepend(text) }
        case "Replace":
            if let replacement = try replacement(members, file: file) { return replacement }
        case "Precompiled":
            if let text = members["precompiled_charsmap"]?.string,
                let data = Data(base64Encoded: text)
            {
                return .characterMap(try CharacterMap(Array(data), file: file), .graphemes)
            }
        default: break
        }
        throw .unsupported(
            file: file, key: "normalizer", found: "\(type) \(detail(members))",
            supported: supported)
    }

    private static func replacement(_ members: JSONObject, file: String) throws(TokenizerError)
        -> TextNormalizer?
    {
        guard let content = members["content"]?.string else { return nil }
        let pattern = members["pattern"]?.object
        if let text = pattern?["String"]?.string, !text.isEmpty {
            return .replace(text, with: content)
        }
        return pattern?["Regex"]?.string == spaceRuns ? .replaceSpaceRuns(with: content) : nil
    }

    /// What an error says of a step beside its type.
    private static func detail(_ members: JSONObject) -> String {
        if let expression = members["pattern"]?.object?["Regex"]?.string {
            return "of \(expression)"
        }
        return members.members.count > 1 ? "of another form" : "as a step"
    }

    // MARK: - Writing

    /// The normalizers as `tokenizer.json` writes them.
    ///
    /// - Throws: `TokenizerError.unsupported` for a step of SentencePiece that `tokenizer.json` has no name for.
    static func value(_ normalizers: [TextNormalizer], file: String) throws(TokenizerError)
        -> JSONValue
    {
        var steps: [JSONValue] = []
        for normalizer in normalizers { steps += try components(normalizer, file: file) }
        switch steps.count {
        case 0: return .null
        case 1: return steps[0]
        default: return .component("Sequence", ("normalizers", .array(steps)))
        }
    }

    private static func components(_ normalizer: TextNormalizer, file: String)
        throws(TokenizerError) -> [JSONValue]
    {
        switch normalizer {
        case .unicode(let form): return [.component(form.rawValue)]
        case .lowercase: return [.component("Lowercase")]
        case .stripAccents: return [.component("StripAccents")]
        case .strip(let start, let end):
            return [
                .component("Strip", ("strip_left", .bool(start)), ("strip_right", .bool(end)))
            ]
        case .prepend(let text): return [.component("Prepend", ("prepend", .string(text)))]
        case .replace(let text, let content):
            return [replace(.record(("String", .string(text))), with: content)]
        case .replaceSpaceRuns(let content):
            return [replace(.record(("Regex", .string(spaceRuns))), with: content)]
        case .collapseSpaces:
            // SentencePiece drops spaces only; the map before this step has left no other white space.
            return [
                .component("Strip", ("strip_left", .bool(true)), ("strip_right", .bool(true))),
                replace(.record(("Regex", .string(spaceRuns))), with: " "),
            ]
        case .characterMap(let map, .graphemes):
            return [
                .component(
                    "Precompiled",
                    ("precompiled_charsmap", .string(Data(map.bytes).base64EncodedString())))
            ]
        case .characterMap(_, .longest):
            throw .unsupported(
                file: file, key: "precompiled_charsmap",
                found:
                    "a map of longest matches, which tokenizer.json applies to graphemes instead",
                supported: "tokenizers without a map")
        }
    }

    private static func replace(_ pattern: JSONValue, with content: String) -> JSONValue {
        .component("Replace", ("pattern", pattern), ("content", .string(content)))
    }
}
