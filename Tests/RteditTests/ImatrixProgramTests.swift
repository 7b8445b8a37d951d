import Foundation
import TestSupport
import Testing

/// `imatrix` as a user calls it, on the small trained checkpoint.
@Suite struct ImatrixProgramTests {
    private let folder: TemporaryFolder
    private let text: String

    init() throws {
        folder = try TemporaryFolder()
        let story = String(repeating: "The sun was shining and Tom began to sing. ", count: 40)
        text = try folder.write(Array(story.utf8), as: "story.txt")
    }

    private func imatrix(_ arguments: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(["imatrix"] + arguments)
    }

    private func measure(_ output: String, _ arguments: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(
            ["imatrix", Samples.tinyModel, "--text", text, "--context", "32", "-o", output]
                + arguments)
    }

    private func refused(_ exitCode: Int32, _ words: String, _ run: ProgramRun) {
        #expect(run.exitCode == exitCode)
        #expect(run.output.isEmpty)
        #expect(run.errorLine.contains(words), "\(run.errorLine)")
    }

    @Test func aMatrixIsMeasuredTheSameForEveryNumberOfThreads() throws {
        let (first, second) = (folder.path("a.gguf"), folder.path("b.gguf"))
        let run = try measure(first, "--chunks", "3", "--json", "--threads", "1")
        #expect(run.exitCode == 0, "\(run.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        let report = try #require(object as? [String: Any])
        #expect(report["chunks"] as? Int == 3 && report["chunk_size"] as? Int == 32)
        #expect(report["texts"] as? [String] == [text])
        #expect((report["unreached"] as? [Any])?.isEmpty == true)
        #expect(try measure(second, "--chunks", "3", "--threads", "2").exitCode == 0)
        #expect(try bytes(ofFile: first) == bytes(ofFile: second))
    }

    @Test func aRunGoesOnWithTheSameBytes() throws {
        let (whole, part) = (folder.path("whole.gguf"), folder.path("part.gguf"))
        #expect(try measure(whole, "--chunks", "5").exitCode == 0)
        #expect(try measure(part, "--chunks", "2", "--resume").exitCode == 0)
        let again = try measure(part, "--chunks", "5", "--resume")
        #expect(again.errors.contains("2 chunks were read before"))
        #expect(try bytes(ofFile: whole) == bytes(ofFile: part))
        refused(
            3, "was not begun by this call",
            try ProgramRun.rtedit([
                "imatrix", Samples.tinyModel, "--text", text, "--context", "16", "-o", part,
                "--resume",
            ]))
        #expect(try bytes(ofFile: whole) == bytes(ofFile: part))
    }

    @Test func filesAreAddedToAndCombined() throws {
        let (one, two, both) = (folder.path("1.gguf"), folder.path("2.gguf"), folder.path("3.gguf"))
        #expect(try measure(one, "--chunks", "1").exitCode == 0)
        #expect(try measure(two, "--chunks", "2", "--in", one).output.contains("chunks: 3"))
        let combined = try imatrix("--in", one, "--in", two, "-o", both)
        #expect(combined.exitCode == 0)
        #expect(combined.output.contains("chunks: 4 of 32 tokens"))
    }

    @Test func expertsThatNoTokenReachedAreNamed() throws {
        let same = String(repeating: "the ", count: 60)
        let words = try folder.write(Array(same.utf8), as: "words.txt")
        let call = [
            "imatrix", Families.folder("qwen3_moe"), "--text", words, "--context", "16", "--chunks",
            "1", "--force", "-o", folder.path("experts.gguf"),
        ]
        let lines = try ProgramRun.rtedit(call).output.split(separator: "\n")
        #expect(lines.first?.hasSuffix("weights: 16, chunks: 1 of 16 tokens") == true)
        #expect(lines.contains("blk.0.ffn_up_exps.weight: no token reached 1 of 5 experts: 4"))
        let run = try ProgramRun.rtedit(call + ["--json"])
        let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        let unreached = try #require(object as? [String: Any])["unreached"] as? [[String: Any]]
        #expect(unreached?.count == lines.count - 1)
    }

    @Test func wrongCallsAreRefused() throws {
        let output = folder.path("out.gguf")
        refused(2, "--text, --in", try imatrix("-o", output))
        refused(2, "MODEL", try imatrix("--text", text, "-o", output))
        refused(
            2, "--chunks: needs --text", try imatrix("--in", text, "--chunks", "1", "-o", output))
        refused(2, "'8' is not", try measure(output, "--context", "8"))
        refused(
            2, "context of", try measure(output, "--context", "1000000"))
        refused(3, "it is plain text", try imatrix("--in", text, "-o", output))
        let short = try folder.write(Array("The sun".utf8), as: "short.txt")
        refused(
            3, "do not fill a chunk",
            try imatrix(Samples.tinyModel, "--text", short, "-o", output))
        #expect(try folder.names() == ["short.txt", "story.txt"])
    }

    @Test func anOutputIsKeptWithoutForce() throws {
        let output = try folder.write([1, 2, 3], as: "out.gguf")
        refused(5, "exists already", try measure(output))
        refused(3, "the number of entries needs 4 bytes", try measure(output, "--resume"))
        #expect(try bytes(ofFile: output) == [1, 2, 3])
        #expect(try measure(output, "--chunks", "1", "--force").exitCode == 0)
    }
}
