/// Writes the manual page of the program from the declarations of its commands, in roff (groff_man(7)).
struct ManualPage {
    let commands: [any Command]

    var text: String {
        var lines = [".TH RTEDIT 1 \"\" \"rtedit \(Version.current)\" \"User Commands\""]
        lines += [
            ".SH NAME", Self.escaped("rtedit - steer language-model checkpoints and prove it"),
        ]
        lines += [".SH SYNOPSIS", ".B rtedit"]
        lines.append(Self.escaped("COMMAND [ARGUMENT]... [OPTION]..."))
        lines += [".SH DESCRIPTION", Self.escaped(HelpText.purpose), ".SH COMMANDS"]
        lines += commands.flatMap(section)
        lines += [".SH OPTIONS OF EVERY COMMAND"] + Option.common.flatMap(entry)
        lines.append(".SH EXIT STATUS")
        for code in ExitCode.allCases {
            lines += Self.entry("\\fB\(code.rawValue)\\fR", code.meaning)
        }
        return lines.joined(separator: "\n")
    }

    private func section(_ command: any Command) -> [String] {
        var lines = [".SS rtedit \(command.name)", Self.escaped(command.summary)]
        lines += [".PP", "\\fBrtedit \(command.name)\\fR"]
        lines.append(Self.escaped(HelpText.callParts(of: command).joined(separator: " ")))
        for part in command.details.split(separator: "\n\n") {
            lines += [".PP", Self.escaped(String(part).replacing("\n", with: " "))]
        }
        for positional in command.positionals {
            lines += Self.entry(
                "\\fI\(positional.name)\\fR",
                HelpText.explanation(positional.help, allowed: positional.allowed))
        }
        for section in command.sections {
            if command.sections.count > 1 { lines += [".PP", Self.escaped(section.title) + ":"] }
            lines += section.options.flatMap(entry)
        }
        for example in command.examples {
            lines += [".PP", Self.escaped(example.purpose)]
            lines += [".PP", ".RS 4", ".nf", Self.escaped(example.call), ".fi", ".RE"]
        }
        return lines
    }

    private func entry(_ option: Option) -> [String] {
        let spellings = (option.short.map { ["-\($0)"] } ?? []) + [option.flagText]
        let names = spellings.map { "\\fB\(Self.escaped($0))\\fR" }.joined(separator: ", ")
        let value = option.value.map { " \\fI\($0.name)\\fR" } ?? ""
        // The page is the same wherever it is made.
        let standard =
            option.name == Option.threads.option.name
            ? "the processors there are" : option.value?.standard
        return Self.entry(
            names + value,
            HelpText.explanation(
                option.help, allowed: option.value?.allowed ?? [], standard: standard))
    }

    /// A paragraph under a tag, which is roff already.
    private static func entry(_ tag: String, _ text: String) -> [String] {
        [".TP", tag, escaped(text)]
    }

    /// A line of text that roff shows as it is.
    private static func escaped(_ text: String) -> String {
        let shown = text.replacing("\\", with: "\\e").replacing("-", with: "\\-")
            .replacing("'", with: "\\(aq").replacing("`", with: "\\(ga")
            .replacing("^", with: "\\(ha").replacing("~", with: "\\(ti")
        return shown.hasPrefix(".") ? "\\&" + shown : shown
    }
}
