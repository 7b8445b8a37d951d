import Foundation
import Testing

@testable import rtedit

/// The built program, seen from outside.
struct ProgramTests {
    @Test func versionIsOneLine() throws {
        for arguments in [["--version"], ["version"], ["help", "--version"]] {
            let run = try ProgramRun.rtedit(arguments)
            #expect(run.output == "rtedit \(Version.current)\n")
            #expect(run.errors.isEmpty)
            #expect(run.exitCode == 0)
        }
    }

    @Test func verboseVersionNamesTheCompilerAndTheBLASCore() throws {
        let run = try ProgramRun.rtedit(["--version", "--verbose"])
        let names = run.output.split(separator: "\n").dropFirst().map { $0.prefix { $0 != ":" } }
        #expect(names == ["Swift", "target", "build", "BLAS", "kernels", "zstd", "threads"])
        #expect(run.output.contains("OpenBLAS"))
        #expect(run.output.contains("checked against a plain loop"))
    }

    @Test func noCommandIsWrongUsage() throws {
        let run = try ProgramRun.rtedit([])
        #expect(run.output.isEmpty)
        #expect(run.errors == "rtedit: no command is given (see 'rtedit help')\n")
        #expect(run.exitCode == 2)
    }

    @Test(arguments: [
        (
            ["completion", "bash"],
            "'completion' is not a command; did you mean 'completions'? (see 'rtedit help')"
        ),
        (["xyzzy"], "'xyzzy' is not a command (see 'rtedit help')"),
        (
            ["help", "verzion"],
            "'verzion' is not a command; did you mean 'version'? (see 'rtedit help help')"
        ),
        (
            ["version", "--verbos"],
            "unknown option '--verbos'; did you mean '--verbose'? (see 'rtedit help version')"
        ),
        (
            ["--verison"],
            "unknown option '--verison'; did you mean '--version'? (see 'rtedit help')"
        ),
        (["completions"], "argument SHELL is missing (see 'rtedit help completions')"),
        (["version", "now"], "one argument too many: 'now' (see 'rtedit help version')"),
        (
            ["completions", "tcsh"],
            "SHELL: 'tcsh' is not one of bash, zsh, fish (see 'rtedit help completions')"
        ),
        (
            ["version", "--threads", "0"],
            "--threads: '0' is not a number from 1 to 1024 (see 'rtedit help version')"
        ),
        (["version", "--threads"], "--threads: needs a value (N) (see 'rtedit help version')"),
        (
            ["version", "--json=yes"],
            "--json: takes no value, but has 'yes' (see 'rtedit help version')"
        ),
    ])
    func wrongUsageIsOneLineAndExitCode2(arguments: [String], message: String) throws {
        for more in [[], ["--json"], ["--quiet"]]
        where !arguments.contains("--verison") || more == [] {
            let run = try ProgramRun.rtedit(more + arguments)
            #expect(run.errors == "rtedit: \(message)\n")
            #expect(run.output.isEmpty != more.contains("--json"))
            #expect(run.exitCode == 2)
        }
    }

    @Test func controlCharactersOfAnArgumentAreEscapedInTheError() throws {
        let run = try ProgramRun.rtedit(["a\nb\u{1B}[31m\u{202E}"])
        #expect(
            run.errors
                == "rtedit: 'a\\nb\\u{1b}[31m\\u{202e}' is not a command (see 'rtedit help')\n")
    }

    @Test func optionsMayStandBeforeTheCommand() throws {
        let run = try ProgramRun.rtedit(["--threads", "2", "--quiet", "version"])
        #expect(run.output == "rtedit \(Version.current)\n")
    }

    @Test(arguments: [
        ["version"], ["--version", "-v"], ["help"], ["help", "version"], ["version", "-h"],
        ["completions", "zsh"],
    ])
    func jsonIsOneObjectAndNothingElse(arguments: [String]) throws {
        let run = try ProgramRun.rtedit(arguments + ["--json"])
        let value = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        #expect(value is [String: Any])
        #expect(run.output.hasSuffix("}\n"))
        #expect(run.output.filter(\.isNewline).count == 1)
        #expect(run.errors.isEmpty)
        #expect(run.exitCode == 0)
    }

    @Test func helpCommandAndHelpOptionAgree() throws {
        for command in CommandRegistry.commands {
            let help = try ProgramRun.rtedit(["help", command.name])
            #expect(help.exitCode == 0)
            #expect(help.output == HelpText.command(command, width: 80) + "\n")
            #expect(try ProgramRun.rtedit([command.name, "--help"]).output == help.output)
        }
        let help = try ProgramRun.rtedit(["help"])
        #expect(help.output == HelpText.program(CommandRegistry.commands, width: 80) + "\n")
        #expect(try ProgramRun.rtedit(["-h"]).output == help.output)
    }

    @Test func columnsSetTheWidthOfHelp() throws {
        for columns in [60, 120] {
            let run = try ProgramRun.rtedit(["help"], environment: ["COLUMNS": "\(columns)"])
            #expect(run.output == HelpText.program(CommandRegistry.commands, width: columns) + "\n")
        }
    }

    @Test func theCommandsExitCodeIsThePrograms() {
        #expect(Program(commands: [FailingCommand()]).run(["fail", "check"]) == .checkFailed)
    }

    @Test(arguments: [
        ("usage", "rtedit: a\\nb: usage (see 'rtedit help fail')\n", 2),
        ("input", "rtedit: a\\nb: input\n", 3), ("unsupported", "rtedit: a\\nb: unsupported\n", 4),
        ("output", "rtedit: a\\nb: output\n", 5), ("foreign", "rtedit: ForeignError()\n", 3),
    ])
    func everyFailureIsOneLineAndAnExitCode(way: String, errors: String, code: Int32) async throws {
        let result = try await #require(
            processExitsWith: .failure, observing: [\.exitStatus, \.standardErrorContent]
        ) { [way] in
            exit(Program(commands: [FailingCommand()]).run(["fail", way]).rawValue)
        }
        #expect(result.exitStatus == .exitCode(code))
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self) == errors)
    }
}
