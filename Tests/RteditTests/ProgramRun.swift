import Foundation
import Glibc

@testable import rtedit

/// One run of the built program.
struct ProgramRun {
    let output: String
    let errors: String
    let exitCode: Int32

    /// The errors without the line end of their only line.
    var errorLine: String { String(errors.drop { $0.isNewline }.prefix { !$0.isNewline }) }

    /// What it printed with `--json`, each line without what the call was.
    var results: [Substring] {
        output.split(separator: "\n").map { line in
            line.range(of: ",\"call\":{\"schema\"").map { line[..<$0.lowerBound] } ?? line
        }
    }

    /// The program lies beside the test bundle.
    static var program: URL {
        URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
            .appendingPathComponent("rtedit")
    }

    /// Runs the program to its end. Variables that change its output are cleared first.
    ///
    /// - Parameter input: what its standard input holds, less than a pipe's buffer.
    static func rtedit(
        _ arguments: [String], input: String? = nil, environment: [String: String] = [:]
    ) throws -> ProgramRun {
        let output = Pipe()
        let errors = Pipe()
        let process = try start(
            arguments, input: input.map(Self.pipe) ?? FileHandle.nullDevice,
            environment: environment, output: output, errors: errors)
        // What is printed here fits the pipe's buffer, so that one can be read after the other.
        let outputBytes = output.fileHandleForReading.readDataToEndOfFile()
        let errorBytes = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return ProgramRun(
            output: String(decoding: outputBytes, as: UTF8.self),
            errors: withoutKernelWarning(
                String(decoding: errorBytes, as: UTF8.self), environment: environment),
            exitCode: process.terminationStatus)
    }

    /// Where all tests run on slow kernels (`samples/kernels.sh`), commands begin with a warning, which is none of the
    /// test's that did not ask for them.
    private static func withoutKernelWarning(
        _ errors: String, environment: [String: String]
    ) -> String {
        let isWarned = errors.hasPrefix("rtedit: warning: \(KernelChoice.variable)=")
        guard isWarned, environment[KernelChoice.variable] == nil else { return errors }
        return String(errors.drop { !$0.isNewline }.dropFirst())
    }

    /// A pipe that holds a text.
    private static func pipe(_ text: String) -> Pipe {
        let pipe = Pipe()
        pipe.fileHandleForWriting.write(Data(text.utf8))
        try? pipe.fileHandleForWriting.close()
        return pipe
    }

    /// Starts the program with streams of the caller's.
    static func start(
        _ arguments: [String], input: Any = FileHandle.nullDevice,
        environment: [String: String] = [:], output: Any, errors: Any
    ) throws -> Process {
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        var variables = ProcessInfo.processInfo.environment
        for name in ["COLUMNS", "NO_COLOR"] { variables[name] = nil }
        variables["TERM"] = "xterm"
        process.environment = variables.merging(environment) { $1 }
        process.standardInput = input
        process.standardOutput = output
        process.standardError = errors
        try process.run()
        return process
    }
}
