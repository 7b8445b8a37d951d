import Formats

/// `rtedit version`, also called `rtedit --version`
struct VersionCommand: Command {
    let name = "version"
    let summary = "Show the version; with --verbose, how it was built."
    let examples = [Example("What to put into a bug report:", "rtedit version --verbose")]

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let facts = console.settings.isVerbose ? Version.facts : []
        console.print("rtedit \(Version.current)")
        for fact in facts { console.print("\(fact.name): \(fact.value)") }
        let members = facts.map { JSONObject.Member($0.name.lowercased(), .string($0.value)) }
        console.report(JSONObject([.init("version", .string(Version.current))] + members))
        return .done
    }
}
