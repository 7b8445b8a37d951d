import Foundation
import TestSupport
import Testing

/// `compare-types` as a user calls it, on the small trained checkpoint.
@Suite struct CompareTypesProgramTests {
    private let folder: TemporaryFolder
    private let text: String
    /// Where the files go that are measured.
    private let scratch: String

    init() throws {
        folder = try TemporaryFolder()
        let story = String(repeating: "The sun was shining and Tom began to sing. ", count: 30)
        text = try folder.write(Array(story.utf8), as: "story.txt")
        scratch = folder.path("scratch")
        try FileManager.default.createDirectory(
            atPath: scratch, withIntermediateDirectories: false)
    }

    private func compare(_ model: String, _ arguments: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(
            ["compare-types", model, "--window", "64"] + arguments,
            environment: ["TMPDIR": scratch])
    }

    private func object(_ run: ProgramRun) throws -> [String: Any] {
        #expect(run.exitCode == 0, "\(run.errors)")
        let object = try JSONSerialization.jsonObject(with: Data(run.output.utf8))
        return try #require(object as? [String: Any])
    }

    private func refused(_ exitCode: Int32, _ words: String, _ run: ProgramRun) {
        #expect(run.exitCode == exitCode)
        #expect(run.output.isEmpty)
        #expect(run.errors.contains(words), "\(run.errors)")
    }

    private func left() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: scratch)
    }

    private func wideModel() throws -> String {
        let path = folder.path("wide")
        try WideModel.write(to: path)
        return path
    }

    /// Each figure is the one that the commands give which do the steps one by one.
    @Test func figuresAreThoseOfConvertAndEval() throws {
        let report = try object(
            compare(Samples.tinyModel, "--text", text, "--types", "Q8_0, q4_k", "--json"))
        #expect(try left().isEmpty)
        let rows = try #require(report["types"] as? [[String: Any]])
        #expect(rows.map { $0["type"] as? String } == ["q8_0", "q4_k_m"])
        for row in rows {
            let type = try #require(row["type"] as? String)
            let file = folder.path("\(type).gguf")
            let written = try object(
                ProgramRun.rtedit(
                    ["convert", Samples.tinyModel, file, "--type", type, "--json"]))
            #expect(row["bytes"] as? Int == (try bytes(ofFile: file)).count)
            let rounding = try #require(written["rounding"] as? [String: Any])
            #expect(row["relative_error"] as? Double == rounding["relative_error"] as? Double)
            let measured = try object(
                ProgramRun.rtedit([
                    "eval", file, "--text", text, "--window", "64", "--against",
                    Samples.tinyModel, "--json",
                ]))
            let divergence = try #require(measured["divergence"] as? [String: Any])
            try expectEqual(row["kl_mean"], divergence["kl_mean"])
            try expectEqual(row["top1_agreement"], divergence["top1_agreement"])
            try expectEqual(row["perplexity"], measured["perplexity"], within: 1e-5)
            let interval = try #require(row["kl_interval"] as? [Double])
            let mean = try #require(row["kl_mean"] as? Double)
            #expect(interval[0] < mean && mean < interval[1])
            #expect(row["front"] as? Bool == true)
        }
        let source = try object(
            ProgramRun.rtedit([
                "eval", Samples.tinyModel, "--text", text, "--window", "64", "--json",
            ]))
        try expectEqual(report["perplexity"], source["perplexity"])
        #expect(report["windows"] as? Int == source["windows"] as? Int)
    }

    private func expectEqual(_ one: Any?, _ other: Any?, within bound: Double = 1e-6) throws {
        let (one, other) = (try #require(one as? Double), try #require(other as? Double))
        #expect(abs(one - other) <= bound * max(1, abs(other)), "\(one), \(other)")
    }

    @Test func aFolderIsComparedInAllUsualTypesAndDrawn() throws {
        let (model, page) = (try wideModel(), folder.path("types.html"))
        let run = try compare(model, "--text", text, "--report", page)
        #expect(run.exitCode == 0, "\(run.errors)")
        let lines = run.output.split(separator: "\n")
        #expect(lines.count == 16)
        #expect(lines.contains { $0.hasPrefix("q8_0 ") && $0.hasSuffix("*") })
        let html = try String(contentsOfFile: page, encoding: .utf8)
        for type in ["q8_0", "iq4_xs", "q2_k"] { #expect(html.contains(">\(type)</text>")) }
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(names.sorted() == ["scratch", "story.txt", "types.html", "wide"])
        refused(5, "exists already", try compare(model, "--text", text, "--report", page))
    }

    @Test func typesThatNeedAMatrixAreRefusedByNameWithoutOne() throws {
        let model = try wideModel()
        refused(
            4, "iq2_xs: tensor",
            try compare(model, "--text", text, "--types", "q8_0,iq2_xs"))
        let matrix = folder.path("imatrix.gguf")
        let measured = try ProgramRun.rtedit([
            "imatrix", model, "--text", text, "--context", "32", "-o", matrix,
        ])
        #expect(measured.exitCode == 0, "\(measured.errors)")
        let report = try object(
            compare(
                model, "--text", text, "--types", "iq2_xs,f16", "--imatrix", matrix, "--json"))
        #expect(report["imatrix"] as? String == matrix)
        let rows = try #require(report["types"] as? [[String: Any]])
        #expect(rows.map { $0["type"] as? String } == ["iq2_xs", "f16"])
        #expect(try left().isEmpty)
    }

    @Test func aQuantisedSourceIsRefusedUnlessAllowed() throws {
        let model = folder.path("q4_0.gguf")
        let written = try ProgramRun.rtedit([
            "convert", Samples.tinyModel, model, "--type", "q4_0",
        ])
        #expect(written.exitCode == 0)
        refused(
            4, "--allow-requantize", try compare(model, "--text", text, "--types", "q5_0"))
        let allowed = try compare(
            model, "--text", text, "--types", "q5_0", "--allow-requantize")
        #expect(allowed.exitCode == 0, "\(allowed.errors)")
    }

    @Test func wrongCallsAreRefused() throws {
        let model = Samples.tinyModel
        refused(2, "--text is missing", try compare(model))
        refused(
            2, "'q4_k_x' is not one of", try compare(model, "--text", text, "--types", "q4_k_x"))
        refused(2, "'keep' is not one of", try compare(model, "--text", text, "--types", "keep"))
        refused(2, "'' is not one of", try compare(model, "--text", text, "--types", "q8_0,"))
        refused(
            2, "'q4_k' is not named once",
            try compare(model, "--text", text, "--types", "q4_k_m,q4_k"))
        refused(3, "cannot open", try compare(model, "--text", folder.path("nowhere")))
        refused(3, "cannot open", try compare(model, "--text", text, "--imatrix", "nowhere"))
        refused(2, "window of 100000", try compare(model, "--text", text, "--window", "100000"))
        #expect(try left().isEmpty)
    }

    @Test func anInterruptedRunLeavesNothing() throws {
        let long = String(repeating: "The sun was shining and Tom began to sing. ", count: 20_000)
        let file = try folder.write(Array(long.utf8), as: "long.txt")
        let process = try ProgramRun.start(
            ["compare-types", Samples.tinyModel, "--text", file, "--stride", "1"],
            environment: ["TMPDIR": scratch], output: FileHandle.nullDevice,
            errors: FileHandle.nullDevice)
        while try left().isEmpty, process.isRunning { usleep(10_000) }
        process.interrupt()
        process.waitUntilExit()
        #expect(process.terminationStatus == 130)
        #expect(try left().isEmpty)
    }
}
