import Formats
import Synchronization

/// What a call was and what it read, as the member `call` of every object that `--json` prints.
final class CallRecord: Sendable {
    /// Raised when a member changes its meaning or goes; new members do not raise it.
    static let schema = 1
    /// Above this size only commands that read all weights anyway hash a file.
    private static let largestHashed = 64 << 20

    private let command: any Command
    private let arguments: ParsedArguments
    /// What was hashed already: several results have one record each.
    private let hashes = Mutex<[FileIdentity: String?]>([:])

    init(_ command: any Command, _ arguments: ParsedArguments) {
        self.command = command
        self.arguments = arguments
    }

    /// The record as it is now; files are hashed, which the console shows.
    func member(on console: Console) -> JSONObject.Member {
        .init(
            "call",
            .object(
                JSONObject([
                    .init("schema", .integer(Self.schema)),
                    .init("version", .string(Version.current)),
                    .init("command", .string(command.name)),
                    .init("arguments", .object(JSONObject(given + standards))),
                    .init("inputs", .array(inputs(console))),
                ])))
    }

    /// What the call says, by the names of help.
    private var given: [JSONObject.Member] {
        let positionals = command.positionals.compactMap { positional in
            arguments.textIfGiven(positional).map { text in
                JSONObject.Member(
                    positional.name,
                    positional.isRepeatable
                        ? .array(([text] + arguments.rest).map { .string($0) }) : .string(text))
            }
        }
        return positionals
            + command.options.filter { arguments.isGiven($0) }.map { option in
                .init(option.name, value(of: option))
            }
    }

    /// What stands for options that the call does not give.
    private var standards: [JSONObject.Member] {
        command.options.filter { !arguments.isGiven($0) }.compactMap { option in
            option.value?.standard.map { .init(option.name, .string($0)) }
        }
    }

    private func value(of option: Option) -> JSONValue {
        guard let value = option.value else { return .bool(true) }
        let texts = arguments.values(option).map { JSONValue.string($0) }
        return value.isRepeatable ? .array(texts) : texts.last ?? .null
    }

    private func inputs(_ console: Console) -> [JSONValue] {
        let files = MappedFiles.inputs
        let progress = console.progress(
            "hashing the inputs", total: files.reduce(0) { $0 + $1.size }, unit: .bytes)
        return files.map { file in
            defer { progress.advance(by: file.size) }
            let isHashed = file.size <= Self.largestHashed || command.readsWeights(arguments)
            return .object(
                JSONObject([
                    .init("path", .string(file.path)), .init("bytes", .integer(file.size)),
                    .init("sha256", isHashed ? hash(of: file).map { .string($0) } ?? .null : .null),
                ]))
        }
    }

    private func hash(of file: InputFile) -> String? {
        guard !arguments.has(.noHashes) else { return nil }
        if let known = hashes.withLock({ $0[file.identity] }) { return known }
        let hash = file.sha256()
        hashes.withLock { $0[file.identity] = .some(hash) }
        return hash
    }
}
