import Foundation
import Formats
import Glibc
import TestSupport
import Testing

@testable import rtedit

/// The program in odd surroundings: streams closed, limits set, inputs that go away, outputs that cannot be.
@Suite struct ProcessTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// Runs a line of the shell in which `$R` is the program and `$M` the small model.
    private func shell(_ line: String) throws -> (exitCode: Int32, text: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", line]
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        process.environment = ProcessInfo.processInfo.environment.merging([
            "R": ProgramRun.program.path, "M": Samples.tinyModel, "NO_COLOR": "1",
        ]) { $1 }
        let output = Pipe()
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let text = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: text, as: UTF8.self))
    }

    @Test(arguments: [
        "<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-",
    ])
    func closedStreamsAreNotTakenForSignals(closing: String) throws {
        // Bytes after the data are worth a warning.
        _ = try folder.write(
            bytes(ofFile: Samples.tinyModel) + [UInt8](repeating: 0, count: 100), as: "m.gguf")
        #expect(try shell("\"$R\" convert m.gguf o.gguf \(closing)").exitCode == 0)
        #expect(try bytes(ofFile: folder.path("o.gguf")) == bytes(ofFile: Samples.tinyModel))
        #expect(try shell("\"$R\" inspect nothing \(closing)").exitCode == 3)
        #expect(try shell("\"$R\" diff m.gguf \"$M\" \(closing)").exitCode == 0)
    }

    @Test func aLimitOnFileSizesIsAnErrorLikeAFullDisk() throws {
        for output in ["o.gguf", "folder", "s.gguf --shard-size 700kB"] {
            let run = try shell("ulimit -f 100; exec \"$R\" convert \"$M\" \(output)")
            #expect(run.exitCode == 5)
            #expect(run.text.contains("File too large"), "\(run.text)")
        }
        #expect(try folder.names().isEmpty)
    }

    @Test func anOutputMayHaveMoreFilesThanCanBeOpen() throws {
        let run = try shell(
            """
            ulimit -n 16; "$R" convert "$M" m.gguf --shard-size 33kB &&
            "$R" convert m-00001-of-*.gguf folder --shard-size 33kB &&
            "$R" delta create m-00001-of-*.gguf m-00001-of-*.gguf p.rtdelta &&
            "$R" delta apply m-00001-of-*.gguf p.rtdelta copy && "$R" inspect folder
            """)
        #expect(run.exitCode == 0, "\(run.text)")
    }

    @Test func aModelThatIsCutWhileItIsReadIsOneLine() async throws {
        let result = try await #require(
            processExitsWith: .exitCode(3), observing: [\.standardErrorContent]
        ) {
            Interruption.watch()
            Interruption.whenEnding { write(STDERR_FILENO, "cleaned ", 8) }
            let folder = try TemporaryFolder()
            let path = try folder.write([UInt8](repeating: 1, count: 1 << 20), as: "model.gguf")
            let file = try MappedFile(path: path)
            truncate(path, 0)
            var sum = 0
            file.bytes.withUnsafeBytes { for byte in $0 { sum += Int(byte) } }
            exit(Int32(truncatingIfNeeded: sum))
        }
        let text = String(decoding: result.standardErrorContent, as: UTF8.self)
        #expect(text.hasPrefix("cleaned rtedit: "))
        #expect(text.hasSuffix("model.gguf: was changed while it was read\n"))
    }

    @Test func anInputThatIsAFIFOIsRefusedAtOnce() throws {
        mkfifo(folder.path("fifo"), 0o600)
        for call in [
            "inspect fifo", "tokenize fifo x", "generate $M --prompt x --vector fifo",
            "extract $M --pairs fifo -o v.gguf", "merge $M fifo o.gguf",
            "delta apply $M fifo o.gguf", "eval $M --text fifo", "diff $M fifo",
        ] {
            let run = try shell("timeout 20 \"$R\" \(call)")
            #expect(run.exitCode == 3, "\(call): \(run.text)")
            #expect(run.text.contains("fifo: is not a regular file"), "\(call): \(run.text)")
        }
    }

    @Test(arguments: [
        "convert $M", "bake $M --vector v.gguf@1", "trace $M --tokens 1 -o",
        "extract $M --pairs p -o", "tune $M --vector v.gguf --data d", "delta create $M $M",
        "merge $M adapter", "diff $M $M --report",
    ])
    func anOutputThatCannotBeIsFoundOutBeforeTheInputsAreRead(call: String) throws {
        // None of the other files is there.
        func run(_ output: String) throws -> (exitCode: Int32, text: String) {
            let words = call.replacingOccurrences(of: "$M", with: "\"$M\"")
            // Positional arguments come before options.
            let parts = words.components(separatedBy: " --vector")
            let line =
                parts.count == 2
                ? "\(parts[0]) \(output) --vector\(parts[1])" : "\(words) \(output)"
            return try shell("\"$R\" \(line)")
        }
        let missing = try run("no/such/o.gguf")
        #expect(missing.exitCode == 5, "\(missing.text)")
        #expect(missing.text.contains("no/such/o.gguf: cannot create: No such file"))
        #expect(try run("''").exitCode == 2)
        symlink("/dev/null", folder.path("link.gguf"))
        for force in ["", " --force"] {
            let device = try run("link.gguf\(force)")
            #expect(device.exitCode == 5)
            #expect(device.text.contains("is not of a kind that can be replaced"))
        }
    }
}
