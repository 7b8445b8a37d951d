package import Formats

/// A behaviour that an experiment tunes into a model, with the data to find, tune and measure it.
///
/// A trait is a JSON file whose paths are relative to its folder:
///
///     {"name": "mood", "positive": "cheerful", "negative": "gloomy", "pairs": "train.jsonl",
///      "train": "tuning/train.jsonl", "validation": "tuning/validation.jsonl",
///      "held_out": "tuning/held-out.jsonl", "unseen_form": "tuning/unseen-form.jsonl",
///      "position": "before-completion:1", "lexicon": "lexicon.json", "free_text": ["How are you?"]}
package struct Trait: Sendable {
    package let name: String
    /// What the two directions are called.
    package let positive: String
    package let negative: String
    /// For finding the direction.
    package let pairs: [ContrastPair]
    /// Probes whose correct choice shows the positive direction.
    package let train: [Probe]
    package let validation: [Probe]
    package let heldOut: [Probe]
    /// Probes of a form that occurs in no other set.
    package let unseenForm: [Probe]
    /// Where the direction is found, and where tuning pulls toward it.
    package let position: Position
    /// For scoring free text; nil where it is not scored.
    package let lexicon: Lexicon?
    /// Prompts whose free answers are shown, chosen beforehand.
    package let freeText: [String]
    /// SHA-256 of the trait's file and of those it names, in the order of its members.
    package let fileHashes: [String]

    /// Words that show a direction each.
    package struct Lexicon: Sendable {
        package let positive: Set<String>
        package let negative: Set<String>

        /// Words of the positive list less words of the negative list, for every hundred words of the text.
        package func score(_ text: String) -> Double {
            let words = text.lowercased().split { !$0.isLetter && $0 != "'" }.map(String.init)
            let score = words.reduce(0) {
                $0 + (positive.contains($1) ? 1 : 0) - (negative.contains($1) ? 1 : 0)
            }
            return 100 * Double(score) / Double(max(words.count, 1))
        }
    }

    /// Reads a trait and all its files.
    ///
    /// - Throws: file and JSON errors, `PromptError`, `ExperimentError.badTrait` for a member that is missing or wrong.
    package init(_ path: String) throws {
        let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
            .joined(separator: "/")
        func absolute(_ file: String) -> String {
            folder.isEmpty || file.hasPrefix("/") ? file : "\(folder)/\(file)"
        }
        let object = try Self.object(path)
        func text(_ key: String) throws(ExperimentError) -> String {
            guard let text = object[key]?.string, !text.isEmpty,
                text.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
            else { throw .badTrait(file: path, key: key) }
            return text
        }
        fileHashes = try
            ([path]
            + object.members.compactMap(\.value.string).filter { $0.contains(".json") }
            .map(absolute)).map { try MappedFile(path: $0).sha256() }
        let name = try text("name")
        // Results are called after it.
        guard name.isPlainFileName, !name.hasPrefix("."), name.utf8.count <= Self.nameLimit else {
            throw ExperimentError.badName(file: path, name: name)
        }
        self.name = name
        positive = try text("positive")
        negative = try text("negative")
        pairs = try ContrastPair.read(absolute(text("pairs")))
        train = try Probe.read(absolute(text("train")))
        validation = try Probe.read(absolute(text("validation")))
        heldOut = try Probe.read(absolute(text("held_out")))
        unseenForm = try Probe.read(absolute(text("unseen_form")))
        guard let position = Position(try text("position")) else {
            throw ExperimentError.badTrait(file: path, key: "position")
        }
        self.position = position
        freeText = try Self.freeText(object, file: path)
        guard let file = object["lexicon"]?.string else {
            lexicon = nil
            return
        }
        let words = try Self.object(absolute(file))
        func list(_ key: String) throws(ExperimentError) -> Set<String> {
            guard let list = words[key]?.array?.compactMap(\.string), !list.isEmpty else {
                throw .badTrait(file: absolute(file), key: key)
            }
            return Set(list)
        }
        lexicon = Lexicon(positive: try list(positive), negative: try list(negative))
    }

    /// The prompts of "free_text", a list that may be missing.
    private static func freeText(
        _ object: JSONObject, file: String
    ) throws(ExperimentError) -> [String] {
        guard let value = object["free_text"] else { return [] }
        let texts = value.array?.compactMap(\.string).filter { !$0.isEmpty }
        guard let texts, texts.count == value.array?.count else {
            throw .badTrait(file: file, key: "free_text")
        }
        return texts
    }

    /// The most bytes a name may have, so that longer names can be made of it.
    private static let nameLimit = 200

    private static func object(_ path: String) throws -> JSONObject {
        let bytes = try MappedFile(path: path).bytes.withUnsafeBytes { Array($0) }
        guard let object = try JSONReader.parse(bytes, source: path).object else {
            throw ExperimentError.badTrait(file: path, key: "the whole file")
        }
        return object
    }
}

/// An experiment that cannot be run.
package enum ExperimentError: Failure, Equatable {
    case badTrait(file: String, key: String)
    case badName(file: String, name: String)
    case sameName(name: String)
    case shortText(file: String, tokens: Int, needed: Int)
    case diverged(fact: String)

    package var kind: FailureKind { .input }

    static let notFinite = Self.diverged(fact: "the model's predictions are not finite")

    package var description: String {
        switch self {
        case .badTrait(let file, let key):
            "\(file): member '\(key)' is missing or not what it should be"
        case .badName(let file, let name):
            "\(file): member 'name' is '\(name)', which is no plain file name"
        case .sameName(let name):
            "two traits have the name '\(name)', after which their results are called"
        case .shortText(let file, let tokens, let needed):
            "\(file): has windows of \(tokens) tokens, but the experiment reads \(needed); give more text, or a smaller "
                + "--text-tokens"
        case .diverged(let fact): fact
        }
    }
}
