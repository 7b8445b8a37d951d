import Formats
import Foundation
import TestSupport
import Testing
import Transformer

@testable import Tuning
@testable import rtedit

/// Certificates as people make and check them: the built program on the small checkpoint.
@Suite struct CertificateProgramTests {
    private let folder: TemporaryFolder
    private let vector: String
    private let edited: String
    private let prompts: String
    private let proof: String

    init() throws {
        folder = try TemporaryFolder()
        vector = folder.path("mood.gguf")
        edited = folder.path("edited.gguf")
        proof = folder.path("proof.json")
        prompts = try folder.write(
            Array("{\"prompt\": \"The dog is\"}\n{\"prompt\": \"The cat sat on\"}\n".utf8),
            as: "prompts.jsonl")
        try Self.write(vector, seed: 1)
        let bake = try ProgramRun.rtedit([
            "bake", Samples.tinyModel, edited, "--vector", vector + "@2-3",
        ])
        #expect(bake.exitCode == 0, "\(bake.errors)")
    }

    private static func write(_ path: String, seed: UInt64) throws {
        let width = try Checkpoint.open(Samples.tinyModel).hyperparameters().hiddenSize
        var generator = SeededGenerator(seed: seed)
        let directions = [2, 3].map { block in
            (block, (0..<width).map { _ in Float.random(in: -0.3...0.3, using: &generator) })
        }
        try VectorFile.write(
            SteeringVector(
                site: .residPost, directions: Dictionary(uniqueKeysWithValues: directions),
                provenance: .init(modelHint: "llama")),
            to: path, replacing: true)
    }

    private func verify(
        _ more: String..., edited: String? = nil, spec: String? = nil, prompts: String? = nil,
        environment: [String: String] = [:]
    ) throws -> ProgramRun {
        try ProgramRun.rtedit(
            [
                "verify", Samples.tinyModel, edited ?? self.edited, "--vector",
                spec ?? vector + "@2-3", "--prompts", prompts ?? self.prompts,
            ] + more, environment: environment)
    }

    private func certify() throws {
        let run = try verify("--certificate", proof, "--max-tokens", "3")
        #expect(run.exitCode == 0, "\(run.output)\(run.errors)")
        #expect(run.output.hasSuffix("\(proof): the certificate\n"))
    }

    /// The certificate with a change, signed anew or not.
    private func change(
        signing: Bool = true, _ change: (inout JSONObject) throws -> Void
    ) throws -> String {
        var object = try #require(JSONReader.parse(bytes(ofFile: proof), source: proof).object)
        try change(&object)
        if signing { object["digest"] = .string(Certificate.digest(of: object)) }
        return try folder.write(
            JSONWriter(.indented, sortsKeys: true).bytes(.object(object)), as: "changed.json")
    }

    private func path(_ keys: String...) -> (inout JSONObject, JSONValue) -> Void {
        func set(_ object: inout JSONObject, _ keys: ArraySlice<String>, _ value: JSONValue) {
            guard let first = keys.first else { return }
            guard keys.count > 1 else {
                object[first] = value
                return
            }
            var inner = object[first]?.object ?? JSONObject()
            set(&inner, keys.dropFirst(), value)
            object[first] = .object(inner)
        }
        return { set(&$0, keys[...], $1) }
    }

    // MARK: - Making and checking

    @Test func aCertificateHoldsWhereNothingChanged() throws {
        try certify()
        let check = try verify("--check", proof, "--threads", "1")
        #expect(check.exitCode == 0, "\(check.output)\(check.errors)")
        #expect(check.output.contains("\nCERTIFICATE HOLDS: \(proof): all files and all "))
        #expect(check.output.contains("to the last bit"))
        let json = try verify("--check", proof, "--json").output
        #expect(json.hasPrefix("{\"equal\":true"))
        #expect(json.contains("\"holds\":true,\"exact\":true"))
        #expect(json.contains("\"different_inputs\":[],\"different_figures\":[]"))
    }

    @Test func aCertificateDependsOnThreadsOnlyInTheirNumber() throws {
        let files = try ["1", "2"].map { threads in
            let path = folder.path("\(threads).json")
            let run = try verify(
                "--certificate", path, "--max-tokens", "2", "--threads", threads)
            #expect(run.exitCode == 0)
            return String(decoding: try bytes(ofFile: path), as: UTF8.self)
        }
        let lines = files.map { $0.split(separator: "\n") }
        let different = zip(lines[0], lines[1]).filter { $0 != $1 }.map(\.0)
        #expect(lines[0].count == lines[1].count)
        #expect(different.count == 2)
        #expect(different.contains { $0.contains("\"threads\": 1") })
        #expect(different.contains { $0.contains("\"digest\": ") })
        // No path of this machine, and nothing of the time.
        #expect(!files[0].contains(folder.path) && !files[0].contains(Samples.path("")))
        #expect(files[0].contains("\"sha256\": \"\(try MappedFile(path: edited).sha256())\""))
    }

    @Test(arguments: KernelProgramTests.kernels)
    func aCertificateHoldsOnOtherKernels(kernel: String) throws {
        try certify()
        let check = try verify(
            "--check", proof, environment: [KernelChoice.variable: kernel])
        #expect(check.exitCode == 0, "\(check.output)\(check.errors)")
        #expect(check.output.contains("CERTIFICATE HOLDS"))
    }

    /// What is not equal is certified too, and the check of it is no proof of equality.
    @Test func aCertificateOfInequalityHoldsAndEndsWithOne() throws {
        let run = try verify("--certificate", proof, "-n", "1", edited: Samples.tinyModel)
        #expect(run.exitCode == 1)
        let check = try verify("--check", proof, edited: Samples.tinyModel)
        #expect(check.exitCode == 1)
        #expect(check.output.contains("CERTIFICATE HOLDS"))
        #expect(check.output.contains("NOT EQUAL"))
    }

    // MARK: - What differs is named

    private func expectRefusal(_ run: ProgramRun, naming words: String) {
        #expect(run.exitCode == 1, "\(run.errors)")
        #expect(run.output.contains(words), "\(run.output)")
        #expect(run.output.contains("CERTIFICATE DOES NOT HOLD"))
        #expect(!run.output.contains("EQUAL"), "nothing is measured")
    }

    @Test func oneByteOfTheEditedFileIsNamedWithBothHashes() throws {
        try certify()
        var content = try bytes(ofFile: edited)
        let old = try MappedFile(path: edited).sha256()
        content[content.count - 200] ^= 1
        let changed = try folder.write(content, as: "other.gguf")
        let run = try verify("--check", proof, edited: changed)
        expectRefusal(
            run,
            naming:
                "edited file other.gguf: the certificate has \(content.count) bytes, SHA-256 \(old)"
        )
        #expect(run.output.contains(try MappedFile(path: changed).sha256()))
        let json = try verify("--check", proof, "--json", edited: changed)
        #expect(json.exitCode == 1)
        #expect(json.output.hasPrefix("{\"equal\":false,\"certificate\":{"))
    }

    @Test func anotherVectorAndOtherPromptsAreNamed() throws {
        try certify()
        let other = folder.path("other.gguf")
        try Self.write(other, seed: 2)
        expectRefusal(
            try verify("--check", proof, spec: other + "@2-3"), naming: "vector other.gguf: ")
        let texts = try folder.write(Array("{\"prompt\": \"The dog\"}\n".utf8), as: "o.jsonl")
        expectRefusal(try verify("--check", proof, prompts: texts), naming: "prompts o.jsonl: ")
    }

    @Test func aFileOfAFolderIsNamed() throws {
        let hub = folder.path("hub")
        #expect(try ProgramRun.rtedit(["convert", Samples.tinyModel, hub]).exitCode == 0)
        let words = ["verify", Samples.tinyModel, hub, "-n", "1", "--positions", "3"]
        #expect(try ProgramRun.rtedit(words + ["--certificate", proof]).exitCode == 0)
        let file = hub + "/tokenizer_config.json"
        try Data(bytes(ofFile: file) + [UInt8(ascii: "\n")]).write(to: URL(fileURLWithPath: file))
        let run = try ProgramRun.rtedit([
            "verify", Samples.tinyModel, hub, "--check", proof,
        ])
        expectRefusal(run, naming: "edited file tokenizer_config.json: ")
        #expect(!run.output.contains("file model.safetensors"))
    }

    @Test func aChangedFigureIsNamed() throws {
        try certify()
        let changed = try change { object in
            path("figures", "logits", "max_logit")(&object, .number(4.5))
            path("figures", "compared_positions")(&object, .integer(3))
        }
        let run = try verify("--check", changed)
        #expect(run.exitCode == 1)
        #expect(
            run.output.contains("\nfigure compared_positions: the certificate has 3; here it is "))
        #expect(
            run.output.contains("\nfigure logits.max_logit: the certificate has 4.5; here it is "))
        #expect(run.output.contains("CERTIFICATE DOES NOT HOLD: \(changed): 2 of "))
    }

    /// On other kernels a figure may be where rounding can move it, and no further.
    @Test func elsewhereFiguresAreComparedUpToRounding() throws {
        try certify()
        func check(_ factor: Double) throws -> ProgramRun {
            let changed = try change { object in
                path("machine", "kernels")(&object, .string("Zen of OpenBLAS 0.3.26"))
                let logits = object["figures"]?.object?["logits"]?.object
                let largest = try #require(logits?["max_logit"]?.number)
                path("figures", "logits", "max_logit")(&object, .number(largest * factor))
            }
            return try verify("--check", changed)
        }
        let near = try check(1 + 1e-6)
        #expect(near.exitCode == 0, "\(near.output)")
        #expect(near.output.contains("up to rounding, since it was measured with rtedit "))
        #expect(near.output.contains("Zen of OpenBLAS 0.3.26"))
        let far = try check(1 + 1e-3)
        #expect(far.exitCode == 1)
        #expect(far.output.contains("\nfigure logits.max_logit: the certificate has "))
        #expect(far.output.contains(", more than "))
        #expect(far.output.contains(" apart\nCERTIFICATE DOES NOT HOLD"))
    }

    // MARK: - Options

    @Test func optionsThatContradictAreMistakes() throws {
        try certify()
        for (option, fact) in [
            (["--tolerance", "0.1"], "--tolerance: the certificate was made without it"),
            (["--positions", "2"], "--positions: the certificate was made without it"),
            (["-n", "4"], "--max-tokens: the certificate was made with --max-tokens 3"),
            (["--chat"], "--chat: the certificate was made without it"),
            (
                ["--vector-convention", "generator"],
                "--vector-convention: the certificate was made with --vector-convention llama.cpp"
            ),
            (
                ["--vector", vector],
                "--check: the certificate was made with --vector mood.gguf@2-3, which must be given again"
            ),
            (["--certificate", "x.json"], "only one of --certificate, --check can be given"),
        ] {
            let run = try ProgramRun.rtedit(
                [
                    "verify", Samples.tinyModel, edited, "--vector", vector + "@2-3", "--prompts",
                    prompts, "--check", proof,
                ] + option)
            #expect(run.exitCode == 2, "\(option)")
            #expect(run.errorLine.hasPrefix("rtedit: \(fact)"), "\(run.errorLine)")
        }
        let scaled = try verify("--check", proof, spec: vector + ":2@2-3")
        #expect(scaled.exitCode == 2)
        #expect(
            scaled.errorLine.contains(
                "mood.gguf:2@2-3: the certificate was made with --vector mood.gguf@2-3"))
        let without = try ProgramRun.rtedit([
            "verify", Samples.tinyModel, edited, "--vector", vector + "@2-3", "--check", proof,
        ])
        #expect(without.exitCode == 2)
        #expect(without.errorLine.contains("--prompts prompts.jsonl, which must be given again"))
    }

    // MARK: - Files that are no certificates

    @Test func damagedCertificatesAreRefusedInOneLine() throws {
        try certify()
        let whole = try bytes(ofFile: proof)
        func refuse(_ path: String, _ words: String) throws {
            let run = try verify("--check", path)
            #expect(run.exitCode == 3, "\(run.output)")
            #expect(run.errors.split(separator: "\n").count == 1)
            #expect(run.errorLine.hasPrefix("rtedit: \(path): "), "\(run.errorLine)")
            #expect(run.errorLine.contains(words), "\(run.errorLine)")
            #expect(run.output.isEmpty)
        }
        try refuse(folder.write(Array(whole.prefix(whole.count / 2)), as: "cut.json"), "byte ")
        try refuse(folder.write(Array("[]".utf8), as: "list.json"), "it is no JSON object")
        try refuse(folder.write(Array("{}".utf8), as: "none.json"), "its key 'schema' is not")
        try refuse(
            change(signing: false) { path("figures", "equal")(&$0, .bool(false)) },
            "was changed after it was written")
        try refuse(
            change { path("schema_version")(&$0, .integer(2)) },
            "is a certificate of schema version 2; this program reads version 1")
        try refuse(
            change { path("settings", "speed")(&$0, .integer(2)) },
            "key 'settings.speed' is none of a certificate's")
        try refuse(
            change { path("figures", "luck")(&$0, .integer(2)) }, "key 'figures.luck' is none")
        try refuse(
            change { $0["machine"] = nil }, "key 'machine' is missing")
        try refuse(
            change { path("settings", "tolerance")(&$0, .integer(2)) },
            "key 'settings.tolerance' is not a number from 0.0 to 1.0 or null")
        try refuse(
            change { path("settings", "date")(&$0, .string("2026-13-01")) },
            "key 'settings.date' is not a day")
        try refuse(folder.path("nowhere.json"), "cannot open")
    }

    // MARK: - Outputs

    @Test func outputsAreKeptUnlessForced() throws {
        let path = try folder.write([1], as: "proof.json")
        let refused = try verify("--certificate", path, "-n", "1")
        #expect(refused.exitCode == 5)
        #expect(refused.output.isEmpty)
        #expect(try bytes(ofFile: path) == [1])
        #expect(try verify("--certificate", path, "-n", "1", "--force").exitCode == 0)
        let both = try verify("--certificate", folder.path("a"), "--report", folder.path("a"))
        #expect(both.exitCode == 2)
    }

    @Test func thePageStandsAlone() throws {
        let page = folder.path("page.html")
        let run = try verify("--report", page, "-n", "2")
        #expect(run.exitCode == 0, "\(run.errors)")
        let text = String(decoding: try bytes(ofFile: page), as: UTF8.self)
        #expect(text.contains("<h1>EQUAL: the edited checkpoint is the base steered online</h1>"))
        #expect(text.contains("prefers-color-scheme: dark"))
        // The edited model and both controls that are measured by block.
        #expect(text.components(separatedBy: "<polyline").count == 4)
        #expect(text.contains("control: the vectors one block off must fail"))
        #expect(text.contains("tolerance "))
        #expect(text.contains(try MappedFile(path: edited).sha256()))
        #expect(text.contains("mood.gguf@2-3"))
        #expect(!text.contains("<script") && !text.contains(folder.path))
        let rest = text.replacingOccurrences(of: "http://www.w3.org/2000/svg", with: "")
        for address in ["http://", "https://", "src=", "url("] { #expect(!rest.contains(address)) }
        #expect(try verify("--report", page, "-n", "2").exitCode == 5)
    }
}
