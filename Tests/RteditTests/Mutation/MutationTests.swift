import Foundation
import TestSupport
import Testing

/// The built program on changed files of every kind it reads: whatever they hold, it ends by itself, within its memory,
/// with an exit code of its own and at most one line of error, and leaves an output only where it says so.
///
/// RTEDIT_MUTATIONS says how many files, RTEDIT_MUTATION_SEED which: always the same few hundred, and thousands of others in
/// `make check-deep`.
struct MutationTests {
    private let folder = "inputs"
    private let environment = ProcessInfo.processInfo.environment

    @Test func everyChangedFileIsReadOrRefused() throws {
        let place = try TemporaryFolder()
        let inputs = place.path(folder)
        try FileManager.default.createDirectory(atPath: inputs, withIntermediateDirectories: true)
        let subjects = try MutationSubject.all(in: inputs) { words in
            let run = try Self.run(words, in: inputs)
            try #require(run.exitCode == 0, "\(words): \(run.errors)")
        }
        let count = Int(environment["RTEDIT_MUTATIONS"] ?? "") ?? 500
        let seed = UInt64(environment["RTEDIT_MUTATION_SEED"] ?? "") ?? 1
        var mutator = Mutator(generator: SeededGenerator(seed: seed))
        var tally: [String: [Int32: Int]] = [:]
        for index in 0..<count {
            let subject = subjects[index % subjects.count]
            let run = try attempt(subject, &mutator, in: inputs, place, name: "\(seed)-\(index)")
            tally[subject.name, default: [:]][run, default: 0] += 1
        }
        print("\n| changed | files | exit 0 | 1 | 2 | 3 | 4 |\n|---|---|---|---|---|---|---|")
        for subject in subjects {
            let counts = tally[subject.name] ?? [:]
            let cells = (0...4).map { String(counts[Int32($0)] ?? 0) }.joined(separator: " | ")
            print("| \(subject.name) | \(counts.values.reduce(0, +)) | \(cells) |")
        }
    }

    /// Runs one command on one changed file.
    private func attempt(
        _ subject: MutationSubject, _ mutator: inout Mutator, in inputs: String,
        _ place: TemporaryFolder, name: String
    ) throws -> Int32 {
        let path = "\(inputs)/\(subject.file)"
        let whole = try bytes(ofFile: path)
        let mutant = mutator.changed(whole, isText: subject.isText)
        let words = try #require(subject.commands.randomElement(using: &mutator.generator))
            .map { $0.hasPrefix("OUT") ? "../out/" + $0 : $0 }
        let outputs = place.path("out")
        try FileManager.default.createDirectory(atPath: outputs, withIntermediateDirectories: true)
        // A run's record and state are its inputs and its outputs.
        let isRun = subject.file.contains(".run/")
        let saved =
            isRun ? try Self.contents(of: (path as NSString).deletingLastPathComponent) : [:]
        try Data(mutant).write(to: URL(fileURLWithPath: path))
        let run = try Self.run(words, in: inputs)
        let left = try FileManager.default.contentsOfDirectory(atPath: outputs)
        var wrong: [String] = []
        if !(0...4).contains(run.exitCode) { wrong.append("exit code \(run.exitCode)") }
        if run.exitCode > 1, Self.errorLines(run.errors).count != 1 {
            wrong.append("no line of error, or several")
        }
        if run.errors.utf8.contains(where: { $0 < 0x20 && $0 != 0x0a }) {
            wrong.append("control characters")
        }
        if run.errors.utf8.count > 20_000 {
            wrong.append("\(run.errors.utf8.count) bytes of messages")
        }
        if run.exitCode > 0, left.contains(where: { !$0.hasSuffix(".run") }) {
            wrong.append("it leaves \(left)")
        }
        if !isRun, try bytes(ofFile: path) != mutant { wrong.append("the input is another") }
        if !wrong.isEmpty {
            let kept = "\(NSTemporaryDirectory())/rtedit-mutation-\(name)"
            try Data(mutant).write(to: URL(fileURLWithPath: kept))
            Issue.record(
                "\(subject.file) as \(kept), \(words.joined(separator: " ")): \(wrong.joined(separator: ", ")): \(run.errors.prefix(300))"
            )
        }
        try Data(whole).write(to: URL(fileURLWithPath: path))
        for (file, content) in saved { try Data(content).write(to: URL(fileURLWithPath: file)) }
        try FileManager.default.removeItem(atPath: outputs)
        return run.exitCode
    }

    private static func errorLines(_ errors: String) -> [Substring] {
        errors.split(separator: "\n").filter { line in
            !["warning", "note"].contains { line.hasPrefix("rtedit: \($0): ") }
        }
    }

    private static func contents(of folder: String) throws -> [String: [UInt8]] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
        return try Dictionary(
            uniqueKeysWithValues: names.map {
                ("\(folder)/\($0)", try bytes(ofFile: "\(folder)/\($0)"))
            })
    }

    /// A run within 4 GB of address space and 30 seconds; 124 where it takes longer.
    private static func run(_ words: [String], in folder: String) throws -> (
        exitCode: Int32, errors: String
    ) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/bash")
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.arguments =
            [
                "-c", "ulimit -v 4000000; exec timeout -k 5 30 \"$@\" >/dev/null", "bash",
                ProgramRun.program.path,
            ] + words + (words.first == "inspect" ? [] : ["--quiet"])
        process.environment = ProcessInfo.processInfo.environment.merging(
            ["SWIFT_BACKTRACE": "enable=no", "TERM": "dumb"]) { $1 }
        let errors = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardError = errors
        try process.run()
        let bytes = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let isSignal = process.terminationReason == .uncaughtSignal
        return (
            isSignal ? 128 + process.terminationStatus : process.terminationStatus,
            String(decoding: bytes, as: UTF8.self)
        )
    }
}
