/// The decoders of `tokenizer.json` that are exactly ours, in both directions.
enum HuggingFaceDecoder {
    static let supported =
        "ByteLevel, Metaspace, or a Sequence of Replace '▁' by ' ', ByteFallback, Fuse and Strip of ' ' at the start, in this order"

    /// Recognises a decoder by its exact structure.
    ///
    /// - Throws: `TokenizerError.unsupported` for anything else, naming what was found.
    static func recognise(_ value: JSONValue?, file: String) throws(TokenizerError)
        -> TokenDecoding
    {
        let steps = (value ?? .null).components("decoders")
        guard let steps, let decoder = decoding(steps) else {
            let names = (steps ?? []).map(\.componentType)
            throw .unsupported(
                file: file, key: "decoder",
                found: names.isEmpty
                    ? (value ?? .null).componentType : names.joined(separator: " then "),
                supported: supported)
        }
        return decoder
    }

    private static func decoding(_ steps: [JSONValue]) -> TokenDecoding? {
        var rest = steps.compactMap(\.object)[...]
        guard rest.count == steps.count, let first = rest.first else { return nil }
        switch (first["type"]?.string, rest.count) {
        case ("ByteLevel", 1): return .byteLevel
        case ("Metaspace", 1):
            guard
                first["replacement"]?.string ?? PreTokenizerRule.spaceMark
                    == PreTokenizerRule.spaceMark,
                let prefix = HuggingFacePreTokenizer.prefix(of: first)
            else { return nil }
            return .spaceMarks(
                joinsBytes: false, start: prefix == .never ? .keep : .dropMarksOfFirstToken)
        case ("Replace", _):
            guard first["pattern"]?.object?["String"]?.string == PreTokenizerRule.spaceMark,
                first["content"]?.string == " "
            else { return nil }
        default: return nil
        }
        rest.removeFirst()
        var joinsBytes = false
        if rest.first?["type"]?.string == "ByteFallback" {
            joinsBytes = true
            rest.removeFirst()
        }
        let isFused = rest.first?["type"]?.string == "Fuse"
        if isFused { rest.removeFirst() }
        guard let last = rest.first else {
            return .spaceMarks(joinsBytes: joinsBytes, start: .keep)
        }
        guard rest.count == 1, isFused, last["type"]?.string == "Strip",
            last["content"]?.string == " ", let count = last["start"]?.integer, count >= 0,
            last["stop"]?.integer ?? 0 == 0
        else { return nil }
        return .spaceMarks(
            joinsBytes: joinsBytes, start: count == 0 ? .keep : .dropSpaces(count))
    }

    /// The decoder as `tokenizer.json` writes it.
    static func value(_ decoder: TokenDecoding) -> JSONValue {
        switch decoder {
        case .byteLevel:
            return HuggingFacePreTokenizer.byteLevel(usesExpression: true, addsSpacePrefix: false)
        case .spaceMarks(joinsBytes: false, .dropMarksOfFirstToken):
            return HuggingFacePreTokenizer.metaspace(.always, splits: true)
        case .spaceMarks(let joinsBytes, let start):
            var steps: [JSONValue] = [
                .component(
                    "Replace",
                    ("pattern", .record(("String", .string(PreTokenizerRule.spaceMark)))),
                    ("content", .string(" ")))
            ]
            if joinsBytes { steps.append(.component("ByteFallback")) }
            steps.append(.component("Fuse"))
            if case .dropSpaces(let count) = start {
                steps.append(
                    .component(
                        "Strip", ("content", .string(" ")), ("start", .integer(count)),
                        ("stop", .integer(0))))
            }
            return .component("Sequence", ("decoders", .array(steps)))
        }
    }
}
