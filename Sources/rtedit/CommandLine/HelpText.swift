/// Lays the declarations of commands out as help.
struct HelpText {
    private static let indent = 2
    private static let labelColumn = 26
    private static let narrowest = 40

    private let width: Int
    private var lines: [String] = []

    private init(width: Int) {
        self.width = max(width, Self.narrowest)
    }

    /// What rtedit is, in a sentence.
    static let purpose =
        "rtedit finds a behaviour direction in a language-model checkpoint, steers with it, bakes the "
        + "steering into the weights and proves from the written file that the two are equal."

    /// The help of the program: what it is and its commands.
    static func program(_ commands: [any Command], width: Int) -> String {
        var text = HelpText(width: width)
        text.paragraph(purpose)
        text.heading("Usage")
        text.paragraph("rtedit COMMAND [ARGUMENT]... [OPTION]...", indent: indent)
        text.heading("Commands")
        for command in commands { text.entry(command.name, command.summary) }
        text.heading("Options of every command")
        text.options(Option.common)
        text.heading("Exit codes")
        for code in ExitCode.allCases { text.entry("\(code.rawValue)", code.meaning) }
        text.gap()
        text.paragraph("'rtedit help COMMAND' explains a command, with examples.")
        return text.joined
    }

    /// The help of a command.
    static func command(_ command: any Command, width: Int) -> String {
        var text = HelpText(width: width)
        text.paragraph(command.summary)
        text.heading("Usage")
        text.usage(of: command)
        for part in command.details.split(separator: "\n\n") {
            text.gap()
            text.paragraph(part.split(separator: "\n").joined(separator: " "))
        }
        if !command.positionals.isEmpty {
            text.heading("Arguments")
            for positional in command.positionals {
                text.entry(positional.name, positional.help, allowed: positional.allowed)
            }
        }
        for section in command.sections {
            text.heading(section.title)
            text.options(section.options)
        }
        text.heading("Options of every command")
        text.options(Option.common)
        text.heading(command.examples.count == 1 ? "Example" : "Examples")
        for example in command.examples {
            text.paragraph(example.purpose, indent: indent)
            text.lines.append(String(repeating: " ", count: 2 * indent) + example.call)
        }
        return text.joined
    }

    // MARK: - Usage

    /// What the call of a command takes, in the order: arguments, what must be given, the rest. Where there is so much
    /// that it has several sections, the rest is left to them.
    static func callParts(of command: any Command) -> [String] {
        let grouped = Set(command.groups.flatMap { $0.options.map(\.name) })
        let single = command.options.filter { !grouped.contains($0.name) }
        let required = single.filter { $0.value?.isRequired == true }
        let free = single.filter { $0.value?.isRequired != true }
        var parts = command.positionals.map(\.callText)
        parts += required.map(shortCall)
        parts += command.groups.map(choice)
        if command.sections.count <= 1 {
            parts += free.map { "[\($0.callText)]" + dots($0) }
        }
        return parts + ["[OPTION]..."]
    }

    private mutating func usage(of command: any Command) {
        let start = String(repeating: " ", count: Self.indent) + "rtedit \(command.name)"
        let hanging = String(repeating: " ", count: start.count)
        var line = start
        for part in Self.callParts(of: command) {
            if line.displayWidth + 1 + part.displayWidth > width, line != hanging {
                lines.append(line)
                line = hanging
            }
            line += " " + part
        }
        lines.append(line)
    }

    private static func shortCall(_ option: Option) -> String {
        guard let short = option.short, let value = option.value else { return option.callText }
        return "-\(short) \(value.name)"
    }

    private static func choice(_ group: OptionGroup) -> String {
        let options = group.options.map(\.callText).joined(separator: " | ")
        return "(\(options))" + (group.rule == .atLeastOne ? "..." : "")
    }

    private static func dots(_ option: Option) -> String {
        option.value?.isRepeatable == true ? "..." : ""
    }

    // MARK: - Layout

    private var joined: String { lines.joined(separator: "\n") }

    private mutating func gap() { lines.append("") }

    private mutating func heading(_ title: String) {
        gap()
        lines.append("\(title):")
    }

    private mutating func paragraph(_ text: String, indent: Int = 0) {
        let margin = String(repeating: " ", count: indent)
        lines += text.wrapped(to: width - indent).map { margin + $0 }
    }

    private mutating func options(_ options: [Option]) {
        for option in options {
            let short = option.short.map { "-\($0), " } ?? ""
            entry(
                short + option.callText, option.help, allowed: option.value?.allowed ?? [],
                standard: option.value?.standard)
        }
    }

    /// What help says of an argument, with the values it may have and its default.
    static func explanation(
        _ help: String, allowed: [String] = [], standard: String? = nil
    ) -> String {
        var sentences = [help]
        if !allowed.isEmpty { sentences.append("One of: \(allowed.joined(separator: ", ")).") }
        if let standard { sentences.append("Default: \(standard).") }
        return sentences.joined(separator: " ")
    }

    /// A label with its explanation beside it, or below it where the label is too long.
    private mutating func entry(
        _ label: String, _ help: String, allowed: [String] = [], standard: String? = nil
    ) {
        let explanation = Self.explanation(help, allowed: allowed, standard: standard)
            .wrapped(to: width - Self.labelColumn)
        let margin = String(repeating: " ", count: Self.labelColumn)
        let start = String(repeating: " ", count: Self.indent) + label
        if start.displayWidth + 2 > Self.labelColumn {
            lines.append(start)
            lines += explanation.map { margin + $0 }
        } else {
            lines.append(start.padded(to: Self.labelColumn) + (explanation.first ?? ""))
            lines += explanation.dropFirst().map { margin + $0 }
        }
    }
}
