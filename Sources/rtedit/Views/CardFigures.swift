import Formats

/// The figures of one file of results as Markdown.
struct CardFigures {
    let heading: String
    let lines: [String]

    /// What a certificate says.
    ///
    /// - Throws: `CardError` where the file is no certificate, or one of another model.
    static func certificate(_ path: String, of checkpoint: Checkpoint) throws -> CardFigures {
        let object = try object(path)
        guard object["schema"]?.string == "rtedit.certificate",
            let figures = object["figures"]?.object, let edited = object["edited"]?.object
        else { throw CardError.notResults(file: path, of: "'verify --certificate'") }
        let files = edited["files"]?.array ?? []
        let proven = Set(files.compactMap { $0.object?["sha256"]?.string })
        for file in try checkpoint.files() where checkpoint.isOfWeights(file.name) {
            guard proven.contains(file.file.sha256()) else {
                throw CardError.certifiesOther(certificate: path, file: file.name)
            }
        }
        let isEqual = figures["equal"]?.bool ?? false
        var lines = [
            isEqual
                ? "`rtedit verify` opened the written files anew and found the model **equal** to its base steered online."
                : "`rtedit verify` found the model **not equal** to its base steered online.",
            "", "| | |", "|---|---|",
        ]
        let logits = figures["logits"]?.object
        lines += row("largest difference of a logit", logits?["max_abs"])
        lines += row("largest change of a logit by the edit", logits?["effect"])
        lines += row("mean KL divergence from online steering", logits?["kl_mean"])
        lines += row("tolerance, relative", figures["tolerance"])
        lines += row("positions compared", figures["compared_positions"])
        lines += row("tensors that keep the base's values", figures["weights"]?.object?["equal"])
        for vector in object["vectors"]?.array ?? [] {
            let file = vector.object?["file"]?.object
            guard let name = file?["name"]?.string, let hash = file?["sha256"]?.string else {
                continue
            }
            lines.append(
                "| vector | \(name.markdown), scale "
                    + "\(text(vector.object?["scale"])), SHA-256 `\(hash.markdown)` |")
        }
        return CardFigures(heading: "Proof", lines: lines)
    }

    /// What `eval --json` printed.
    ///
    /// - Throws: `CardError.notResults`.
    static func evaluation(_ path: String) throws -> CardFigures {
        let object = try object(path)
        let divergence = object["divergence"]?.object
        let rows =
            row("forced choices right, share", object["accuracy"], object["accuracy_interval"])
            + row("log-odds of the right choice, nats", object["margin"], object["margin_interval"])
            + row("forced choices", object["probes"])
            + row("perplexity", object["perplexity"], object["perplexity_interval"])
            + row("tokens of the text", object["tokens"])
            + row("mean KL divergence from the other model", divergence?["kl_mean"])
            + row("same likeliest token, share", divergence?["top1_agreement"])
        guard !rows.isEmpty else {
            throw CardError.notResults(file: path, of: "'eval --json'")
        }
        return CardFigures(
            heading: "Measured with `rtedit eval`", lines: ["| | |", "|---|---|"] + rows)
    }

    /// The object of a file of results.
    static func object(_ path: String) throws -> JSONObject {
        guard let object = try JSONReader.parse(MappedFile(path: path).bytes).object else {
            throw CardError.notResults(file: path, of: "'verify --certificate' or 'eval --json'")
        }
        return object
    }

    /// A row of a table, with the ends of an interval; none for a figure that is not there.
    private static func row(
        _ name: String, _ value: JSONValue?, _ interval: JSONValue? = nil
    ) -> [String] {
        guard let value, value.number != nil else { return [] }
        let ends = interval?.array ?? []
        let range = ends.count == 2 ? " (\(text(ends[0])) to \(text(ends[1])))" : ""
        return ["| \(name) | \(text(value))\(range) |"]
    }

    private static func text(_ value: JSONValue?) -> String {
        switch value {
        case .integer(let number)?: "\(number)"
        case .number(let number)?:
            abs(number) < 0.001 && number != 0
                ? Quantity.scientific(number, 1) : Quantity.fixed(number, 3)
        default: "?"
        }
    }
}

/// Results that a card cannot show.
enum CardError: Failure {
    case notResults(file: String, of: String)
    /// A certificate that says nothing of a file of the model.
    case certifiesOther(certificate: String, file: String)
    /// Figures of other files than the model's.
    case measuresOther(results: String, model: String, file: String)
    /// Figures of a model that is steered while it runs.
    case steered(results: String, option: String)

    var kind: FailureKind { .input }

    var description: String {
        switch self {
        case .notResults(let file, let command): "\(file): is not what \(command) writes"
        case .certifiesOther(let certificate, let file):
            "\(certificate): certifies another model: \(file) has a SHA-256 that it does not name; after any change of the "
                + "file, as of its name by 'metadata', make it again with 'verify --certificate'"
        case .measuresOther(let results, let model, let file):
            "\(results): measured another model, \(model): \(file) has a SHA-256 that it does not name; after any change of "
                + "the file, as of its name by 'metadata', measure it again with 'eval --json'"
        case .steered(let results, let option):
            "\(results): measured the model with \(option), which is not in its files: measure what is published"
        }
    }
}

extension Checkpoint {
    /// Whether a file of the model holds weights.
    func isOfWeights(_ name: String) -> Bool {
        weightFiles.contains { PathParts($0).name == name }
    }
}

extension String {
    /// The text inside a line of Markdown, where nothing of it means anything.
    var markdown: String {
        var text = ""
        for character in self {
            switch character {
            case "\n", "\r", "\r\n", "\t": text += " "
            case "|", "`", "*", "_", "<", "[", "]", "\\": text += "\\" + String(character)
            default: text.append(character)
            }
        }
        return text
    }
}
