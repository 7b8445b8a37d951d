import Foundation
import Testing

@testable import rtedit

struct ManualPageTests {
    private let page = ManualPage(commands: CommandRegistry.commands).text

    @Test func everyCommandIsExplained() {
        for command in CommandRegistry.commands {
            #expect(page.contains("\n.SS rtedit \(command.name)\n"))
            for option in command.allOptions {
                let name = option.flagText.replacing("-", with: "\\-")
                #expect(page.contains("\\fB\(name)\\fR"), "\(command.name) \(option.name)")
            }
            for positional in command.positionals {
                #expect(page.contains("\n.TP\n\\fI\(positional.name)\\fR\n"))
            }
            for example in command.examples {
                // From the program's name to what roff would change.
                let start = example.call.prefix { $0 != "-" && $0 != "'" && $0 != "~" }
                #expect(page.contains("\n.nf\n\(start)"), "\(example.call)")
            }
        }
        for code in ExitCode.allCases { #expect(page.contains("\n\\fB\(code.rawValue)\\fR\n")) }
    }

    @Test func noTextIsTakenForARequest() {
        for line in page.split(separator: "\n") where line.hasPrefix(".") || line.hasPrefix("'") {
            let request = line.prefix { $0 != " " }
            #expect(
                [".TH", ".SH", ".SS", ".PP", ".TP", ".B", ".RS", ".RE", ".nf", ".fi"]
                    .contains(String(request)), "\(line)")
        }
    }

    @Test func theProgramPrintsIt() throws {
        let run = try ProgramRun.rtedit(["help", "--man"])
        #expect(run.exitCode == 0)
        #expect(run.output == page + "\n")
    }

    private static let groff = "/usr/bin/groff"

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: groff)))
    func groffHasNothingToSay() throws {
        let process = Process()
        let (input, complaints) = (Pipe(), Pipe())
        process.executableURL = URL(fileURLWithPath: Self.groff)
        process.arguments = ["-man", "-K", "utf8", "-T", "utf8", "-ww", "-z"]
        process.standardInput = input
        process.standardError = complaints
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data((page + "\n").utf8))
        try input.fileHandleForWriting.close()
        let bytes = complaints.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(String(decoding: bytes, as: UTF8.self) == "")
    }
}
