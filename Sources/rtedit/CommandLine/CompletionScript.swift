/// Writes, from the declarations of the commands, what a shell needs to complete them.
struct CompletionScript {
    enum Shell: String, CaseIterable { case bash, zsh, fish }

    let commands: [any Command]

    func text(for shell: Shell) -> String {
        switch shell {
        case .bash: bash
        case .zsh: zsh
        case .fish: fish
        }
    }

    // MARK: - bash

    private var bash: String {
        """
        _rtedit() {
            local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
            local command= index words options
            for ((index = 1; index < COMP_CWORD; index++)); do
                case ${COMP_WORDS[index]} in
                    --threads) ((index++)) ;;
                    -*) ;;
                    *) command=${COMP_WORDS[index]}; break ;;
                esac
            done
            case $command in
        \(indented([bashProgram] + commands.map(bashCommand), by: 8))
            esac
            case $command:$previous in
        \(indented(commands.flatMap(bashValues), by: 8))
                *) [[ $current == -* ]] && words=$options ;;
            esac
            COMPREPLY=($(compgen -W "$words" -- "$current"))
        }
        complete -o default -F _rtedit rtedit
        """
    }

    private var bashProgram: String {
        let names = commands.map(\.name).joined(separator: " ")
        return "'') words='\(names)' options='--version --help' ;;"
    }

    private func bashCommand(_ command: any Command) -> String {
        let words = command.positionals.flatMap(\.allowed).joined(separator: " ")
        let options = command.allOptions.map(\.flagText).joined(separator: " ")
        return "\(command.name)) words='\(words)' options='\(options)' ;;"
    }

    /// What may follow an option: its allowed values, or else (no words) any file.
    private func bashValues(_ command: any Command) -> [String] {
        command.allOptions.compactMap { option in
            guard let value = option.value else { return nil }
            let patterns = spellings(of: option).map { "\(command.name):\($0)" }
            return
                "\(patterns.joined(separator: " | "))) words='\(value.allowed.joined(separator: " "))' ;;"
        }
    }

    // MARK: - zsh

    private var zsh: String {
        """
        #compdef rtedit
        _rtedit() {
            local -a commands
            commands=(
        \(indented(commands.map { "'\($0.name):\(quoted($0.summary))'" }, by: 8))
            )
            if ((CURRENT == 2)); then
                _describe command commands
                return
            fi
            shift words
            ((CURRENT--))
            case $words[1] in
        \(commands.map(zshCase).joined(separator: "\n"))
            esac
        }
        if [[ $funcstack[1] == _rtedit ]]; then _rtedit "$@"; else compdef _rtedit rtedit; fi
        """
    }

    private func zshCase(_ command: any Command) -> String {
        let options = command.allOptions.flatMap { option in
            spellings(of: option).map { zshOption(option, spelling: $0) }
        }
        let positionals = command.positionals.map {
            "'\($0.isRepeatable ? "*" : ""):\($0.name):\(zshAction($0.allowed))'"
        }
        let arguments = indented(options + positionals, by: 16, between: " \\\n")
        return "        \(command.name))\n            _arguments \\\n\(arguments) ;;"
    }

    private func zshOption(_ option: Option, spelling: String) -> String {
        let help = quoted(option.help).replacing("[", with: "\\[").replacing("]", with: "\\]")
        let value = option.value.map { ":\($0.name):\(zshAction($0.allowed))" } ?? ""
        let star = option.value?.isRepeatable == true ? "*" : ""
        return "'\(star)\(spelling)[\(help)]\(value)'"
    }

    private func zshAction(_ allowed: [String]) -> String {
        allowed.isEmpty ? "_files" : "(\(allowed.joined(separator: " ")))"
    }

    // MARK: - fish

    private var fish: String {
        var lines = commands.map {
            "complete -c rtedit -n __fish_use_subcommand -f -a \($0.name) -d '\(quoted($0.summary))'"
        }
        lines.append(
            "complete -c rtedit -n __fish_use_subcommand -f -l version -d 'Show the version'")
        for command in commands {
            let start = "complete -c rtedit -n '__fish_seen_subcommand_from \(command.name)'"
            for positional in command.positionals where !positional.allowed.isEmpty {
                lines.append("\(start) -f -a '\(positional.allowed.joined(separator: " "))'")
            }
            for option in command.allOptions {
                let short = option.short.map { " -s \($0)" } ?? ""
                lines.append(
                    "\(start)\(short) -l \(option.name)\(fishValue(option)) -d '\(quoted(option.help))'"
                )
            }
        }
        return lines.joined(separator: "\n")
    }

    private func fishValue(_ option: Option) -> String {
        guard let value = option.value else { return "" }
        return value.allowed.isEmpty ? " -r" : " -x -a '\(value.allowed.joined(separator: " "))'"
    }

    // MARK: - Text

    private func spellings(of option: Option) -> [String] {
        (option.short.map { ["-\($0)"] } ?? []) + [option.flagText]
    }

    /// Text for between single quotes; shells differ in how they escape one, so it becomes typographic.
    private func quoted(_ text: String) -> String {
        text.replacing("'", with: "’").replacing("\\", with: "/")
    }

    private func indented(_ lines: [String], by count: Int, between: String = "\n") -> String {
        lines.map { String(repeating: " ", count: count) + $0 }.joined(separator: between)
    }
}
