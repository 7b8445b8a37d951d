import Foundation
import TestSupport
import Testing

/// `diff` as a user calls it: the built program on the small checkpoint and edits of it.
@Suite struct DiffProgramTests {
    private let folder: TemporaryFolder
    private let adapter = Samples.path("../Tests/FormatsTests/Fixtures/Adapters/plain")

    init() throws {
        folder = try TemporaryFolder()
    }

    private func rtedit(_ arguments: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(arguments)
    }

    private func merged() throws -> String {
        let path = folder.path("merged.gguf")
        #expect(try rtedit("merge", Samples.tinyModel, adapter, path).exitCode == 0)
        return path
    }

    @Test func theSameModelInAnotherFormatEndsWithZero() throws {
        let hub = folder.path("hub")
        #expect(try rtedit("convert", Samples.tinyModel, hub).exitCode == 0)
        let run = try rtedit("diff", Samples.tinyModel, hub)
        #expect(run.exitCode == 0, "\(run.output)")
        #expect(run.output.contains("SAME"))
    }

    @Test func aMergedAdapterIsListedExplainedAndExtracted() throws {
        let merged = try merged()
        let run = try rtedit(
            "diff", Samples.tinyModel, merged, "--explain", "--extract-adapter",
            folder.path("lora.gguf"), "--rank", "2")
        #expect(run.exitCode == 1)
        #expect(run.output.contains("3 changed"))
        #expect(run.output.contains("Low-rank update"))
        let again = folder.path("again.gguf")
        #expect(
            try rtedit("merge", Samples.tinyModel, folder.path("lora.gguf"), again).exitCode == 0)
        let rest = try rtedit("diff", merged, again, "--tensors")
        #expect(rest.output.contains("56 tensors"))
    }

    @Test func jsonHoldsEverythingAndDoesNotDependOnThreads() throws {
        let merged = try merged()
        let runs = try ["1", "3"].map { threads in
            try rtedit(
                "diff", Samples.tinyModel, merged, "--json", "--explain", "--threads", threads)
        }
        #expect(runs[0].output == runs[1].output)
        #expect(runs[0].exitCode == 1)
        let json = try #require(
            JSONSerialization.jsonObject(with: Data(runs[0].output.utf8)) as? [String: Any])
        #expect(json["same"] as? Bool == false)
        #expect((json["tensors"] as? [Any])?.count == 56)
        let explanation = try #require(json["explanation"] as? [String: Any])
        #expect(explanation["verdict"] as? [String] == ["rank-k update"])
        let findings = try #require(explanation["findings"] as? [[String: Any]])
        let finding = try #require(findings.first)
        #expect(finding["kind"] as? String == "rank-k update")
        let names = try #require(finding["names"] as? [String])
        #expect(finding["tensor_count"] as? Int == 3 && names.count == 3)
        let ranks = ["least_rank", "median_rank", "rank"].compactMap { finding[$0] as? Int }
        #expect(ranks.count == 3 && ranks == ranks.sorted() && ranks[0] >= 1)
        #expect((finding["share"] as? Double ?? 0) >= 0.99)
        #expect((finding["blocks"] as? [Int])?.isEmpty == false)
        #expect((finding["summary"] as? String)?.contains("rank \(ranks[2])") == true)
    }

    @Test func theReportStandsAloneAndEscapesHostileNames() throws {
        let name = "<script>alert(1)</script>&\\\""
        let header =
            "{\"\(name)\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}"
        let a = try folder.write(safetensorsFile(header, data: 8), as: "a.safetensors")
        let b = try folder.write(
            safetensorsFile(header) + le(Float(1).bitPattern) + le(Float(2).bitPattern),
            as: "b.safetensors")
        let page = folder.path("page.html")
        #expect(try rtedit("diff", a, b, "--report", page).exitCode == 1)
        let text = String(decoding: try bytes(ofFile: page), as: UTF8.self)
        #expect(!text.contains("<script"))
        #expect(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;&amp;"))
        for address in ["http://", "https://", "src=", "url("] {
            let rest = text.replacingOccurrences(of: "http://www.w3.org/2000/svg", with: "")
            #expect(!rest.contains(address))
        }
        // A page that exists is kept.
        #expect(try rtedit("diff", a, b, "--report", page).exitCode == 5)
        #expect(try rtedit("diff", a, b, "--report", page, "--force").exitCode == 1)
    }

    @Test func theReportDrawsBlocksAndSpectra() throws {
        let page = folder.path("page.html")
        _ = try rtedit("diff", Samples.tinyModel, try merged(), "--report", page)
        let text = String(decoding: try bytes(ofFile: page), as: UTF8.self)
        #expect(text.contains("Change by block and kind"))
        #expect(text.contains("<title>block 0 attentionQuery"))
        #expect(text.contains("<polyline"))
        #expect(text.contains("prefers-color-scheme: dark"))
    }

    @Test func refusalsAreOneLineAndLeaveNothing() throws {
        let missing = try rtedit("diff", Samples.tinyModel, folder.path("none.gguf"))
        #expect(missing.exitCode == 3)
        #expect(missing.errors.split(separator: "\n").count == 1)
        let vector = try rtedit(
            "diff", Samples.tinyModel, try merged(), "--recover-vector", folder.path("v.gguf"))
        #expect(vector.exitCode == 4)
        #expect(vector.errorLine.contains("no vector can be recovered"))
        #expect(try folder.names() == ["merged.gguf"])
        #expect(try rtedit("diff", Samples.tinyModel).exitCode == 2)
    }
}
