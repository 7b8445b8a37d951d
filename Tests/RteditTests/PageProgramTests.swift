import Formats
import Foundation
import TestSupport
import Testing

@testable import rtedit

/// What every page has in common; `make pages` loads them in a browser.
@Suite struct PageProgramTests {
    private let folder: TemporaryFolder
    private let vector: String
    private let model = Samples.tinyModel
    private let probe = Samples.path("tiny/probe.jsonl")

    init() throws {
        folder = try TemporaryFolder()
        vector = folder.path("mood.gguf")
        _ = try page("extract", model, "--pairs", Samples.tinyPairs, "--limit", "16", "-o", vector)
    }

    /// The page of a call that ends well, or with what a check says.
    private func page(_ arguments: String...) throws -> String {
        let path = folder.path("page-\(arguments[0]).html")
        let run = try ProgramRun.rtedit(arguments + ["--report", path, "--force"])
        #expect(run.exitCode <= 1, "\(run.errors)")
        let isNew = arguments[0] != "extract"
        #expect(!isNew || run.output.hasSuffix("the report\n") || run.output.contains(path))
        return try String(contentsOfFile: path, encoding: .utf8)
    }

    private func count(_ part: String, in page: String) -> Int {
        page.components(separatedBy: part).count - 1
    }

    /// The elements of a kind, as they are written.
    private func elements(_ name: String, in page: String) -> [Substring] {
        page.components(separatedBy: "<\(name)").dropFirst().map { $0.prefix { $0 != ">" } }
    }

    private func check(_ page: String, inputs: [String]) throws {
        #expect(page.hasPrefix("<!DOCTYPE html>\n<html lang=\"en\">"))
        #expect(page.contains("name=\"viewport\""))
        #expect(page.contains("prefers-color-scheme: dark"))
        #expect(page.contains("default-src 'none'"))
        #expect(!page.contains("<script") && !page.contains("<link") && !page.contains("<img"))
        let rest = page.replacingOccurrences(of: "http://www.w3.org/2000/svg", with: "")
        for address in ["http://", "https://", "src=", "url("] { #expect(!rest.contains(address)) }
        // One first heading, and second ones under it.
        #expect(elements("h1", in: page).count == 1)
        #expect(count("<section", in: page) <= elements("h2", in: page).count)
        for level in 3...6 { #expect(elements("h\(level)", in: page).isEmpty) }
        for drawing in elements("svg", in: page) {
            #expect(drawing.contains("role=\"img\"") && drawing.contains("aria-label=\""))
            #expect(!drawing.contains("aria-label=\"\""))
        }
        #expect(elements("table", in: page).count == elements("caption", in: page).count)
        for heading in elements("th ", in: page) { #expect(heading.contains("scope=\"col\"")) }
        #expect(count("tabindex", in: page) == count("role=\"region\"", in: page))
        // Colours are those that the page's style gives for both grounds.
        let body = page.components(separatedBy: "<body>").last ?? ""
        #expect(!body.contains("\"#") && !body.contains(":#"))
        for ink in SVG.Ink.all where body.contains(ink.use) {
            #expect(count("\(ink.name): \(ink.light)", in: page) >= 1)
            #expect(count("\(ink.name): \(ink.dark)", in: page) >= 1)
        }
        // The call and the hashes of what it read, and no folder of whoever made it.
        #expect(page.contains("<code>rtedit "))
        for input in inputs {
            let hash: String = try MappedFile(path: input).sha256()
            #expect(page.contains(hash), "\(input)")
        }
        #expect(!page.contains(folder.path))
    }

    @Test func pagesOfMeasurementsStandAlone() throws {
        try check(
            page(
                "extract", model, "--pairs", Samples.tinyPairs, "--limit", "16", "-o", vector,
                "--offsets", "3"), inputs: [model, Samples.tinyPairs])
        let prompts = try folder.write(
            Array("{\"prompt\": \"<b>One day\"}\n".utf8), as: "prompts.jsonl")
        let sweep = try page(
            "sweep", model, "--vector", vector, "--probe", probe, "--blocks", "2 3 2-4",
            "--strengths", "5%,-2", "--prompts", prompts, "--max-tokens", "4")
        try check(sweep, inputs: [model, vector, probe, prompts])
        #expect(sweep.contains("&lt;b&gt;One day"))
        #expect(count("<polyline", in: sweep) == 2 * 2 * 3)
        try check(
            page(
                "eval", model, "--probe", probe, "--vector", vector + ":2@3", "--against", model),
            inputs: [model, vector, probe])
        let story = try folder.write(
            Array(String(repeating: "The sun was shining on the lake. ", count: 20).utf8),
            as: "story.txt")
        let text = try page("eval", model, "--text", story, "--window", "32")
        try check(text, inputs: [model, story])
        #expect(text.contains("Loss along the text"))
    }

    @Test func pagesOfEditsStandAlone() throws {
        let data = try folder.write(
            Array(
                String(
                    repeating:
                        "{\"prompt\": \"How was your day?\", \"completion\": \" So happy!\"}\n",
                    count: 8
                ).utf8), as: "data.jsonl")
        let tuned = folder.path("tuned.gguf")
        let tune = try page(
            "tune", model, tuned, "--vector", vector + "@3", "--data", data, "--epochs", "2",
            "--validation-share", "0.25")
        try check(tune, inputs: [model, vector, data])
        #expect(tune.contains("Every validation"))
        try check(page("diff", model, tuned), inputs: [model, tuned])
        try check(
            page("verify", model, tuned, "--vector", vector + ":1@3", "-n", "2"),
            inputs: [model, tuned, vector])
    }

    /// WCAG 2.1: 4.5 to 1 for text, 3 to 1 for what is drawn.
    @Test func inksAreReadOnBothGrounds() throws {
        func luminance(_ color: String) throws -> Double {
            let number = try #require(Int(color.dropFirst(), radix: 16))
            let parts = [16, 8, 0].map { shift -> Double in
                let share = Double(number >> shift & 255) / 255
                return share <= 0.04045 ? share / 12.92 : pow((share + 0.055) / 1.055, 2.4)
            }
            return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
        }
        func contrast(_ one: String, _ other: String) throws -> Double {
            let both = try [luminance(one), luminance(other)].sorted()
            return (both[1] + 0.05) / (both[0] + 0.05)
        }
        for (value, ground) in [
            (\SVG.Ink.light, SVG.Ink.ground.light), (\.dark, SVG.Ink.ground.dark),
        ] {
            for ink in [SVG.Ink.ink, .muted] {
                #expect(try contrast(ink[keyPath: value], ground) >= 4.5, "\(ink.name)")
            }
            for ink in SVG.Ink.series + [.heat, .mark] {
                #expect(try contrast(ink[keyPath: value], ground) >= 3, "\(ink.name)")
            }
        }
    }

    @Test func shellsReadQuotedWordsAsTheyAre() throws {
        #expect(ShellWord.quoted("mood.gguf:-1.5@10-15") == "mood.gguf:-1.5@10-15")
        #expect(ShellWord.quoted("") == "''")
        #expect(ShellWord.quoted("it's 5 o'clock") == "'it'\\''s 5 o'\\''clock'")
    }
}
