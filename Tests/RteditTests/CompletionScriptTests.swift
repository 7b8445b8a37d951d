import Foundation
import Testing

@testable import rtedit

struct CompletionScriptTests {
    private let script = CompletionScript(commands: [SampleCommand(), VersionCommand()])

    @Test(arguments: [
        (["rtedit", ""], ["sample", "version"]),
        (["rtedit", "s"], ["sample"]),
        (["rtedit", "--v"], ["--version"]),
        (["rtedit", "--threads", "2", "ver"], ["version"]),
        (["rtedit", "sample", "--met"], ["--method"]),
        (["rtedit", "sample", "--method", ""], ["auto", "bias"]),
        (["rtedit", "sample", "--output", ""], []),
        (["rtedit", "sample", "m", "h"], ["here"]),
    ])
    func bashCompletes(words: [String], replies: [String]) throws {
        let quoted = words.map { "'\($0)'" }.joined(separator: " ")
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.arguments = [
            "-c",
            """
            set -eu
            \(script.text(for: .bash))
            COMP_WORDS=(\(quoted)); COMP_CWORD=\(words.count - 1)
            set +e
            _rtedit
            printf '%s\\n' "${COMPREPLY[@]-}"
            """,
        ]
        process.standardOutput = output
        try process.run()
        let bytes = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        #expect(lines == replies)
    }

    @Test(arguments: CompletionScript.Shell.allCases)
    func everyCommandAndOptionIsInTheScript(shell: CompletionScript.Shell) {
        let text = script.text(for: shell)
        for command in script.commands {
            #expect(text.contains(command.name))
            for option in command.allOptions { #expect(text.contains(option.name)) }
        }
    }
}
