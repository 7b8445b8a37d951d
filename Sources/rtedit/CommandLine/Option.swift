/// An argument that is told by its name: `--json`, `--threads 4`, `-o out.gguf`.
///
/// Of an option that is given again the last value counts, unless it is a list.
struct Option: Sendable {
    /// The value an option takes.
    struct Value: Sendable {
        /// The name in upper case, as help shows it.
        let name: String
        /// What stands for the value when the option is not given.
        let standard: String?
        /// The only values there are, or none for any.
        let allowed: [String]
        let isRequired: Bool
        let isRepeatable: Bool
    }

    /// The name without its dashes.
    let name: String
    let short: Character?
    let help: String
    /// Nil: the option is a flag.
    let value: Value?
    /// Another name that it is taken by.
    var otherName: String?

    /// An option that is given or not.
    static func flag(_ name: String, short: Character? = nil, _ help: String) -> Option {
        Option(name: name, short: short, help: help, value: nil)
    }

    /// An option with a value.
    static func value(
        _ name: String, _ valueName: String, short: Character? = nil, _ help: String,
        standard: String? = nil, allowed: [String] = [], isRequired: Bool = false
    ) -> Option {
        Option(
            name: name, short: short, help: help,
            value: Value(
                name: valueName, standard: standard, allowed: allowed, isRequired: isRequired,
                isRepeatable: false))
    }

    /// An option with a value that may be given several times, each value adding to the others.
    static func list(
        _ name: String, _ valueName: String, short: Character? = nil, _ help: String
    ) -> Option {
        Option(
            name: name, short: short, help: help,
            value: Value(
                name: valueName, standard: nil, allowed: [], isRequired: false, isRepeatable: true))
    }

    /// The option as its user writes it.
    var flagText: String { "--\(name)" }

    /// The option with the name of its value, as usage lines show it.
    var callText: String { value.map { "\(flagText) \($0.name)" } ?? flagText }
}

// MARK: - Options of every command

extension Option {
    static let threads = Knob.integer(
        "threads", "N", "Threads to compute with; the result is the same for any number.",
        standard: Processor.onlineCores, in: 1...1024)
    static let json = flag(
        "json", "Print one JSON object on standard output, and nothing else there.")
    static let noHashes = flag(
        "no-hashes", "With --json, do not hash the inputs, which takes a pass over them.")
    static let quiet = flag("quiet", short: "q", "No notes, warnings or progress.")
    static let verbose = flag("verbose", short: "v", "More notes.")
    static let noProgress = flag("no-progress", "No progress line.")
    static let force = flag("force", "Replace outputs that exist.")
    static let help = flag("help", short: "h", "Show help and do nothing else.")
    static let version = flag("version", "Show the version and do nothing else.")

    static let common = declared([
        threads, json, noHashes, quiet, verbose, noProgress, force, help, version,
    ])
}
