import Formats
import Foundation
import TestSupport
import Testing
import Transformer
import Tuning

@testable import rtedit

/// Help offers what exists: every option that a text names, every example, and every name in a list.
struct HelpPromiseTests {
    private static let commands = CommandRegistry.commands

    /// The words of a text that are written as options.
    private func options(in text: String) -> [String] {
        text.split { !($0.isLetter || $0.isNumber || $0 == "-") }
            .filter { $0.hasPrefix("--") && $0.count > 2 }.map { String($0.dropFirst(2)) }
    }

    @Test func everyOptionThatHelpNamesIsOneOfTheCommand() {
        for command in Self.commands {
            let own = Set(command.allOptions.map(\.name))
            let texts =
                [command.summary, command.details] + command.allOptions.map(\.help)
                + command.positionals.map(\.help)
            for name in texts.flatMap(options) {
                #expect(
                    own.contains(name), "\(command.name) names --\(name), which it does not take")
            }
        }
    }

    @Test func everyExampleParses() throws {
        for command in Self.commands {
            for example in command.examples {
                let words = example.call.split(separator: " ").map(String.init)
                guard let start = words.firstIndex(of: command.name) else { continue }
                let call = words[(start + 1)...].prefix { !["|", ">", "&&"].contains($0) }
                    .map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "\"')")) }
                #expect(throws: Never.self, "\(example.call)") {
                    // A quoted text of several words is one argument.
                    let isQuoted = example.call.contains("\"")
                    if !isQuoted { _ = try ArgumentParser(command: command).parse(call) }
                }
            }
        }
    }

    @Test func everyStandardIsOneOfTheAllowedValues() {
        for command in Self.commands {
            for value in command.allOptions.compactMap(\.value) where !value.allowed.isEmpty {
                #expect(Set(value.allowed).count == value.allowed.count)
                if let standard = value.standard { #expect(value.allowed.contains(standard)) }
            }
        }
    }

    /// A resumed run must have every option that has a say in the result; of a new one somebody has to say which it is.
    @Test func everyOptionOfTuneDecidesOrDoesNot() {
        let known = (TuneOptions.deciding + TuneOptions.neutral).map(\.name)
        #expect(Set(known).count == known.count)
        #expect(Set(known) == Set(TuneOptions.sections.flatMap(\.options).map(\.name)))
    }

    /// Options whose values a command reads itself, and what reads them.
    @Test func everyNameThatHelpListsIsRead() throws {
        let words = TuneOptions.objective.option.help.split { !$0.isLetter && $0 != "-" }
        for kind in ObjectiveTerm.Kind.allCases {
            #expect(words.contains { $0 == kind.rawValue }, "\(kind)")
        }
        for weight in TunedWeight.allCases {
            #expect(TuneOptions.weights.option.help.contains(weight.rawValue))
        }
        for name in ["before-completion:1", "-3", "last", "prompt", "completion", "all", "mean"] {
            #expect(Position(name) != nil)
        }
    }

    /// A route that does not fit the model or the vector says so itself; the option is never what is refused.
    @Test(arguments: BakeCommand.method.value?.allowed ?? [])
    func everyMethodOfBakeBakes(method: String) throws {
        let folder = try TemporaryFolder()
        let vector = try Self.vector(in: folder)
        // The one that needs a text.
        let text = folder.path("text.txt")
        try String(repeating: "The sun is warm and the day is long. ", count: 100)
            .write(toFile: text, atomically: true, encoding: .utf8)
        let run = try ProgramRun.rtedit(
            [
                "bake", Samples.tinyModel, folder.path("out.gguf"), "--vector", vector, "--method",
                method, "--dry-run",
            ] + (method == "fit" ? ["--calibration", text] : []))
        let takes = ["auto", "bias", "fit"]
        let refuses = takes.contains(method) ? [0] : [0, ExitCode.unsupported.rawValue]
        #expect(refuses.contains(run.exitCode), "\(run.errors)")
    }

    @Test func theDryRunOfBakeShowsEveryRoute() throws {
        let folder = try TemporaryFolder()
        let call = [
            "bake", Samples.tinyModel, folder.path("out.gguf"), "--vector",
            try Self.vector(in: folder), "--dry-run",
        ]
        let text = try ProgramRun.rtedit(call).output
        let json = try ProgramRun.rtedit(call + ["--json"]).output
        for route in BakeRoutes.all {
            #expect(text.contains("\n\(route.name) "))
            #expect(BakeCommand().details.contains("Route \(route.name): \(route.summary)"))
        }
        #expect(
            json.contains(
                """
                {"for":"add at resid_post","route":"bias","chosen":true,"refusal":null,"extra_bytes":512,\
                "extra_multiply_adds":128,"error":5.960464477539063e-08,"runtimes":["llama.cpp"]}
                """))
    }

    @Test(arguments: [
        ["--method", "distill"], ["--method", "tune"],
        ["--imatrix", "x.gguf"],
        ["--type", "iq2_xs"],
    ])
    func whatBakeDoesNotDoIsNotAnOption(words: [String]) throws {
        let folder = try TemporaryFolder()
        let run = try ProgramRun.rtedit(
            ["bake", Samples.tinyModel, folder.path("out.gguf"), "--vector", "v.gguf"] + words)
        #expect(run.exitCode == 2)
        #expect(run.errorLine.contains(words[0]))
    }

    @Test(arguments: [
        (["--method", "fit"], "--calibration"), (["--max-error", "0.1"], "--calibration"),
        (["--calibration-tokens", "9"], "--calibration"),
        (["--calibration", "x.txt"], "--max-error"),
        (["--method", "bias", "--max-error", "0.1", "--calibration", "x.txt"], "--max-error"),
    ])
    func whatFitNeedsIsSaid(words: [String], named: String) throws {
        let folder = try TemporaryFolder()
        let run = try ProgramRun.rtedit(
            ["bake", Samples.tinyModel, folder.path("out.gguf"), "--vector", "v.gguf"] + words)
        #expect(run.exitCode == 2)
        #expect(run.errorLine.contains(named), "\(run.errorLine)")
    }

    @Test(arguments: TypePolicy.names)
    func everyTypeOfConvertConverts(type: String) throws {
        #expect((TypeOptions.type.help + ConvertCommand().details).contains(type))
        let folder = try TemporaryFolder()
        let run = try ProgramRun.rtedit([
            "convert", Samples.tinyModel, folder.path("out.gguf"), "--type", type, "--dry-run",
        ])
        #expect(run.exitCode == 0, "\(run.errors)")
    }

    @Test(arguments: CheckpointOutput.storedTypes)
    func everyStoredTypeTakesAMerge(type: String) throws {
        let folder = try TemporaryFolder()
        let run = try ProgramRun.rtedit([
            "merge", Samples.tinyModel,
            Samples.path("../Tests/FormatsTests/Fixtures/Adapters/plain"),
            folder.path("out.gguf"), "--type", type, "--dry-run",
        ])
        // The adapter belongs to another shape of model; the type is not what is refused.
        #expect(!run.errors.contains("--type"))
    }

    private static func vector(in folder: TemporaryFolder) throws -> String {
        let path = folder.path("v.gguf")
        try VectorFile.write(
            SteeringVector(
                site: .residPost, directions: [2: [Float](repeating: 0.1, count: 128)],
                provenance: .init(modelHint: "llama")),
            to: path, replacing: false)
        return path
    }
}
