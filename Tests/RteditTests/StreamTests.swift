import Foundation
import Glibc
import Testing

@testable import rtedit

/// What the program does when its streams are terminals, closed, full or blocked.
struct StreamTests {
    @Test func outputNobodyReadsEndsTheProgramQuietly() throws {
        let output = Pipe()
        let errors = Pipe()
        try output.fileHandleForReading.close()
        let process = try ProgramRun.start(["help"], output: output, errors: errors)
        process.waitUntilExit()
        #expect(process.terminationStatus == 128 + SIGPIPE)
        #expect(process.terminationReason == .exit)
        #expect(errors.fileHandleForReading.readDataToEndOfFile().isEmpty)
    }

    @Test func outputThatCannotBeWrittenIsExitCode5() throws {
        let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
        let errors = Pipe()
        let process = try ProgramRun.start(["help"], output: full, errors: errors)
        let message = errors.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 5)
        #expect(
            String(decoding: message, as: UTF8.self)
                == "rtedit: standard output: cannot write: No space left on device\n")
    }

    @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGXCPU])
    func aSignalEndsTheProgramQuietlyAsInterrupted(signal: Int32) throws {
        // A pipe that is full keeps the program waiting for as long as the test wants.
        let output = Pipe()
        let descriptor = output.fileHandleForWriting.fileDescriptor
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        while write(descriptor, [0], 1) == 1 {}
        let errors = Pipe()
        let process = try ProgramRun.start(["help"], output: output, errors: errors)
        // Until the program watches for signals it ends by them; it does within milliseconds.
        usleep(500_000)
        kill(process.processIdentifier, signal)
        process.waitUntilExit()
        #expect(process.terminationStatus == 130)
        #expect(process.terminationReason == .exit)
        #expect(errors.fileHandleForReading.readDataToEndOfFile().isEmpty)
    }

    @Test func theCleanUpIsDoneBeforeASignalEndsTheProgram() async throws {
        let result = try await #require(
            processExitsWith: .exitCode(130), observing: [\.standardErrorContent]
        ) {
            Interruption.watch()
            Interruption.whenEnding { write(STDERR_FILENO, "first ", 6) }
            Interruption.whenEnding { write(STDERR_FILENO, "second", 6) }
            kill(getpid(), SIGTERM)
            while true { pause() }
        }
        #expect(String(decoding: result.standardErrorContent, as: UTF8.self) == "first second")
    }

    @Test func colorIsForTerminalsWhoseUserWantsIt() throws {
        let colored = "\u{1B}[1;31mrtedit:\u{1B}[0m 'x' is not a command"
        #expect(try errorsOnTerminal().hasPrefix(colored))
        for environment in [["NO_COLOR": "1"], ["TERM": "dumb"]] {
            #expect(try errorsOnTerminal(environment).hasPrefix("rtedit: 'x' is not a command"))
        }
        #expect(try errorsOnTerminal(["NO_COLOR": ""]).hasPrefix(colored))
        #expect(try ProgramRun.rtedit(["x"]).errors.hasPrefix("rtedit: 'x'"))
    }

    /// What `rtedit x` writes when standard error is a terminal.
    private func errorsOnTerminal(_ environment: [String: String] = [:]) throws -> String {
        // Linux's own way to a pseudo-terminal; the requests are TIOCSPTLCK and TIOCGPTN, which Swift does not import.
        let controller = open("/dev/ptmx", O_RDWR | O_NOCTTY)
        var locked: Int32 = 0
        var number: UInt32 = 0
        try #require(ioctl(controller, 0x4004_5431, &locked) == 0)
        try #require(ioctl(controller, 0x8004_5430, &number) == 0)
        let terminal = open("/dev/pts/\(number)", O_RDWR | O_NOCTTY)
        try #require(terminal >= 0)
        defer { close(controller) }
        let process = try ProgramRun.start(
            ["x"], environment: environment, output: FileHandle.nullDevice,
            errors: FileHandle(fileDescriptor: terminal, closeOnDealloc: true))
        process.waitUntilExit()
        var bytes = [UInt8](repeating: 0, count: 4096)
        let count = read(controller, &bytes, bytes.count)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
    }
}
