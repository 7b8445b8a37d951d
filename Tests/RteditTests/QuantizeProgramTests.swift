import Formats
import Foundation
import TestSupport
import Testing

/// `convert --type` with quantised types and mixes, and what proves where they come from, as a user runs them.
@Suite struct QuantizeProgramTests {
    private let folder: TemporaryFolder
    private let wide: String

    init() throws {
        folder = try TemporaryFolder()
        wide = folder.path("wide")
        try WideModel.write(to: wide)
    }

    private func rtedit(_ words: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(words)
    }

    private func types(_ path: String) throws -> [String: ElementType] {
        Dictionary(
            uniqueKeysWithValues: try Checkpoint.open(path).tensors.map { ($0.name, $0.type) })
    }

    @Test func aFolderBecomesAMixInOneStep() throws {
        let path = folder.path("small.gguf")
        let run = try rtedit("convert", wide, path, "--type", "Q4_K_M")
        #expect(run.exitCode == 0, "\(run.errors)")
        let types = try types(path)
        #expect(types["blk.0.attn_q.weight"] == .q4K)
        #expect(types["output.weight"] == .q6K)
        #expect(types["blk.0.attn_norm.weight"] == .f32)
    }

    @Test func everyThreadCountWritesTheSameBytes() throws {
        let files = try ["1", "2", "5"].map { threads in
            let path = folder.path("threads-\(threads).gguf")
            let run = try rtedit(
                "convert", wide, path, "--type", "iq3_s", "--threads", threads)
            #expect(run.exitCode == 0, "\(run.errors)")
            return try bytes(ofFile: path)
        }
        #expect(files[0] == files[1] && files[1] == files[2])
    }

    @Test func singleMatricesGetTheirTypes() throws {
        let path = folder.path("out.gguf")
        let run = try rtedit(
            "convert", wide, path, "--type", "q4_0", "--tensor-type", "attn_[qk]=q8_0",
            "--tensor-type", "attn=q5_1", "--output-tensor-type", "q5_k",
            "--token-embedding-type", "q3_k")
        #expect(run.exitCode == 0, "\(run.errors)")
        let types = try types(path)
        #expect(types["blk.1.attn_q.weight"] == .q8_0)
        #expect(types["blk.1.attn_v.weight"] == .q5_1)
        #expect(types["output.weight"] == .q5K)
        #expect(types["token_embd.weight"] == .q3K)
        #expect(types["blk.1.ffn_up.weight"] == .q4_0)
    }

    @Test func aDryRunSaysSizesAndWritesNothing() throws {
        let run = try rtedit(
            "convert", wide, folder.path("out.gguf"), "--type", "iq2_xs", "--dry-run")
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.contains("bits a weight"))
        #expect(run.errors.contains("needs") || run.errors.contains("importance matrix"))
        #expect(try folder.names() == ["wide"])
    }

    @Test func theBestMixOfASizeIsTaken() throws {
        let (small, large) = (folder.path("small.gguf"), folder.path("large.gguf"))
        #expect(try rtedit("convert", wide, large, "--type", "q8_0").exitCode == 0)
        let limit = try bytes(ofFile: large).count
        let best = try rtedit("convert", wide, folder.path("b.gguf"), "--max-size", "\(limit)")
        #expect(best.exitCode == 0, "\(best.errors)")
        #expect(try bytes(ofFile: folder.path("b.gguf")) == bytes(ofFile: large))
        let half = try rtedit("convert", wide, small, "--max-size", "\(limit / 2)")
        #expect(half.exitCode == 0, "\(half.errors)")
        #expect(try bytes(ofFile: small).count <= limit / 2)
        let none = try rtedit("convert", wide, folder.path("n.gguf"), "--max-size", "1000")
        #expect(none.exitCode == 4)
        #expect(none.errorLine.contains("no mix of types is as small as 1000 bytes"))
    }

    @Test(arguments: [
        (["--type", "q9"], 2, "--type"), (["--tensor-type", "attn_q"], 2, "PATTERN=TYPE"),
        (["--tensor-type", "(=q8_0"], 2, "regular expression"),
        (["--tensor-type", "attn_q=q9"], 2, "--tensor-type"),
        (["--tensor-type", "nothing=q8_0"], 4, "finds no matrix"),
        (["--pure"], 2, "--pure"), (["--type", "iq2_xs"], 4, "importance matrix"),
        (["--type", "q2_k_s"], 4, "--imatrix"), (["--imatrix", "nowhere.gguf"], 2, "--imatrix"),
        (["--type", "q4_0", "--imatrix", "nowhere.gguf"], 3, "nowhere.gguf"),
        (["--type", "q4_0", "--max-size", "1MB"], 2, "--max-size"),
    ])
    func wrongCallsAreOneLineAndLeaveNothing(words: [String], exitCode: Int32, named: String) throws
    {
        let run = try ProgramRun.rtedit(["convert", wide, folder.path("out.gguf")] + words)
        #expect(run.exitCode == exitCode, "\(run.errors)")
        #expect(run.errorLine.contains(named), "\(run.errorLine)")
        #expect(try folder.names() == ["wide"])
    }

    @Test func whatIsQuantisedIsQuantisedAnewOnlyWhereAllowed() throws {
        let (first, second) = (folder.path("first.gguf"), folder.path("second.gguf"))
        #expect(try rtedit("convert", wide, first, "--type", "q8_0").exitCode == 0)
        let refused = try rtedit("convert", first, second, "--type", "q4_0")
        #expect(refused.exitCode == 4)
        #expect(refused.errorLine.contains("--allow-requantize"))
        let allowed = try rtedit(
            "convert", first, second, "--type", "q4_0", "--allow-requantize")
        #expect(allowed.exitCode == 0, "\(allowed.errors)")
    }

    @Test func filesAreHeldAgainstTheirSource() throws {
        let (own, other) = (folder.path("own.gguf"), folder.path("other.gguf"))
        #expect(try rtedit("convert", wide, own, "--type", "q5_k_s").exitCode == 0)
        let diff = try rtedit("diff", wide, own, "--explain")
        #expect(diff.output.contains("is exactly what quantising \(wide) as q5_k_s gives"))
        let verify = try rtedit("verify", wide, own)
        #expect(verify.output.contains("is exactly what quantising"), "\(verify.errors)")
        #expect(
            try rtedit(
                "convert", own, other, "--type", "q4_0", "--allow-requantize"
            ).exitCode == 0)
        let second = try rtedit("diff", wide, other, "--explain", "--json")
        #expect(second.output.contains("\"exact\":false"))
    }
}
