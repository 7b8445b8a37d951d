import TestSupport
import Testing
import Transformer
import Tuning

@testable import Formats

/// `vector` as a user calls it.
@Suite struct VectorProgramTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        func write(_ name: String, site: Site = .residPost, _ values: [Int: [Float]]) throws {
            try VectorFile.write(
                SteeringVector(
                    site: site, directions: values,
                    provenance: .init(
                        modelHint: "llama", method: "mean",
                        activationNorm: values.mapValues { _ in 10 })),
                to: folder.path(name), replacing: false)
        }
        try write("a.gguf", [1: [3, 4, 0], 2: [1, 0, 0]])
        try write("b.npz", [1: [0, 1, 0], 2: [0, 0, 2]])
        try write("mid.safetensors", site: .residMid, [1: [1, 0, 0]])
    }

    private func vector(_ arguments: String...) throws -> ProgramRun {
        try ProgramRun.rtedit(["vector"] + arguments)
    }

    private func json(_ run: ProgramRun) throws -> JSONObject {
        let path = try folder.write(Array(run.output.utf8), as: "report.json")
        return try #require(try JSONReader.parse(MappedFile(path: path).bytes).object)
    }

    private func path(_ name: String) -> String { folder.path(name) }

    @Test func showTellsOfEveryFile() throws {
        let run = try vector("show", path("a.gguf"), path("b.npz"))
        #expect(run.exitCode == 0, "\(run.errors)")
        for word in ["resid_post", "1-2 (2)", "5.0000", "50.0 %", "NumPy", "control vector"] {
            #expect(run.output.contains(word), "\(word)")
        }
        let report = try json(vector("show", path("b.npz"), "--json"))
        let first = try #require(report["vectors"]?.array?.first?.object)
        #expect(first["format"]?.string == "npz")
        let block = try #require(first["blocks"]?.array?.last?.object)
        #expect(block["norm"]?.number == 2)
        #expect(block["relative_norm"]?.number == 0.2)
    }

    @Test func inspectShowsEveryFormat() throws {
        for (name, kind) in [
            ("a.gguf", "gguf"), ("b.npz", "npz"), ("mid.safetensors", "safetensors"),
        ] {
            let report = try json(try ProgramRun.rtedit(["inspect", path(name), "--json"]))
            #expect(report["kind"]?.string == "vector")
            #expect(report["format"]?.string == kind)
        }
        let run = try ProgramRun.rtedit(["inspect", path("b.npz"), "--tensors"])
        #expect(run.exitCode == 0 && run.errors.contains("--tensors says nothing"))
        let tensors = try ProgramRun.rtedit(["inspect", path("mid.safetensors"), "--tensors"])
        #expect(tensors.output.contains("direction.1"))
    }

    @Test func arithmeticWritesEveryFormat() throws {
        let sum = try vector("add", path("a.gguf:2"), path("b.npz:-1@1"), "-o", path("s.npz"))
        #expect(sum.exitCode == 0, "\(sum.errors)")
        #expect(sum.errors.contains("has no direction of blocks 2"))
        let found = try VectorFile.read(path("s.npz"))
        #expect(found.directions == [1: [6, 7, 0], 2: [2, 0, 0]])
        #expect(found.provenance.method == "mean")
        #expect(
            try vector("scale", path("a.gguf@1"), "--by", "-0.5", "-o", path("h.gguf")).exitCode
                == 0)
        #expect(try VectorFile.read(path("h.gguf")).directions == [1: [-1.5, -2, 0]])
        #expect(
            try vector("scale", path("a.gguf"), "--length", "2", "-o", path("l.gguf")).exitCode
                == 0)
        #expect(
            try VectorFile.read(path("l.gguf")).directions == [1: [1.2, 1.6, 0], 2: [2, 0, 0]])
        let negated = try vector("negate", path("a.gguf"), "-o", path("n.safetensors"))
        #expect(negated.exitCode == 0 && negated.output.contains("n.safetensors: 2 directions"))
        #expect(
            try VectorFile.read(path("n.safetensors")).directions == [
                1: [-3, -4, 0], 2: [-1, 0, 0],
            ])
        let rest = try vector(
            "orthogonalise", path("a.gguf"), "--against", path("b.npz"), "-o", path("o.gguf"))
        #expect(rest.exitCode == 0 && rest.output.contains("60.0 %"), "\(rest.errors)")
        #expect(try VectorFile.read(path("o.gguf")).directions == [1: [3, 0, 0], 2: [1, 0, 0]])
        let kept = try vector("negate", path("a.gguf"), "-o", path("o.gguf"))
        #expect(kept.exitCode == 5 && kept.errorLine.contains("--force"))
    }

    @Test func compareTellsCosines() throws {
        let run = try vector("compare", path("a.gguf"), path("b.npz"), path("mid.safetensors"))
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.errors.contains("act at different sites"))
        for word in ["cos 1-2", "0.8000", "0.6000", "mean cosine", "next 1"] {
            #expect(run.output.contains(word), "\(word)")
        }
        let report = try json(vector("compare", path("a.gguf"), path("b.npz"), "--json"))
        let pair = try #require(report["pairs"]?.array?.first?.object)
        #expect(pair["cosines"]?.object?["1"]?.number == 0.8)
        #expect(pair["mean_cosine"]?.number == 0.4)
    }

    @Test func convertGoesEveryWayAndNamesWhatIsLost() throws {
        for name in ["c.npz", "c.safetensors", "c.gguf"] {
            let run = try vector("convert", path("a.gguf"), path(name))
            #expect(run.exitCode == 0 && run.errors.isEmpty, "\(run.errors)")
            #expect(try VectorFile.read(path(name)) == VectorFile.read(path("a.gguf")))
        }
        let generator = try vector(
            "convert", path("a.gguf"), path("g.gguf"), "--to-convention", "generator")
        #expect(generator.exitCode == 0 && generator.errors.contains("does not hold method"))
        #expect(
            try VectorFile.read(path("g.gguf"), convention: .generator).directions
                == VectorFile.read(path("a.gguf")).directions)
        let back = try vector(
            "convert", path("g.gguf"), path("back.npz"), "--vector-convention", "generator")
        #expect(back.exitCode == 0, "\(back.errors)")
        #expect(
            try VectorFile.read(path("back.npz")).directions
                == VectorFile.read(path("a.gguf")).directions)
        let states = Samples.path("../Tests/TuningTests/Fixtures/vectors/fortran.npy")
        #expect(try vector("convert", states, path("h.gguf")).exitCode == 2)
        let rows = try vector("convert", states, path("h.gguf"), "--first-block", "-1")
        #expect(rows.exitCode == 0 && rows.errors.contains("is left out"), "\(rows.errors)")
        #expect(try VectorFile.read(path("h.gguf")).blocks == [0, 1, 2])
    }

    @Test func lensListsTokens() throws {
        let width = try Checkpoint.open(Samples.tinyModel).hyperparameters().hiddenSize
        try VectorFile.write(
            SteeringVector(
                site: .residPost,
                directions: [
                    1: (0..<width).map { Float($0 % 7) - 3 },
                    2: [Float](repeating: 1, count: width),
                ], provenance: .init(modelHint: "llama")),
            to: path("wide.npz"), replacing: false)
        let run = try vector("lens", path("wide.npz"), Samples.tinyModel, "--top", "3")
        #expect(run.exitCode == 0, "\(run.errors)")
        #expect(run.output.contains("block 2: mean") && run.output.contains("away from"))
        let report = try json(
            vector(
                "lens", path("wide.npz"), Samples.tinyModel, "--top", "3", "--blocks", "1", "--json"
            ))
        let blocks = try #require(report["blocks"]?.array)
        #expect(blocks.count == 1)
        #expect(blocks[0].object?["top"]?.array?.count == 3)
        let narrow = try vector("lens", path("a.gguf"), Samples.tinyModel)
        #expect(narrow.exitCode == 2 && narrow.errorLine.contains("are 3 wide"))
        #expect(
            try vector("lens", path("wide.npz"), Samples.tinyModel, "--blocks", "3").exitCode == 2)
    }

    /// Every command that takes a vector reads every format.
    @Test func otherCommandsReadEveryFormat() throws {
        let width = try Checkpoint.open(Samples.tinyModel).hyperparameters().hiddenSize
        let vector = SteeringVector(
            site: .residPost, directions: [1: [Float](repeating: 0.1, count: width)],
            provenance: .init(modelHint: "llama"))
        let outputs = try ["v.gguf", "v.npz", "v.safetensors"].map { name in
            try VectorFile.write(vector, to: path(name), replacing: false)
            let output = path(name + ".baked.gguf")
            let run = try ProgramRun.rtedit(
                ["bake", Samples.tinyModel, output, "--vector", path(name) + ":2@1", "--no-note"])
            #expect(run.exitCode == 0, "\(run.errors)")
            return try bytes(ofFile: output)
        }
        #expect(outputs[0] == outputs[1] && outputs[0] == outputs[2])
    }

    @Test func refusalsAreOneLineAndLeaveNothing() throws {
        let names = try folder.names()
        let (a, b, out) = (path("a.gguf"), path("b.npz"), path("out.gguf"))
        let calls: [(words: [String], code: Int32, text: String)] = [
            (["show"], 2, "FILE is missing"), (["shout", a], 2, "ACTION"),
            (["add", a, b], 2, "--output"),
            (["add", a, path("mid.safetensors"), "-o", out], 2, "acts at"),
            (["add", a + ":0x", "-o", out], 2, "finite scale; the form is FILE[:SCALE][@BLOCKS]"),
            (["add", a + "@7", "-o", out], 2, "block 7"),
            (["scale", a, "-o", out], 2, "--by, --length"),
            (["scale", a, "--by", "0", "-o", out], 2, "--by"),
            (["scale", a, "--by", "2", "--length", "1", "-o", out], 2, "only one of"),
            (["scale", a, b, "--by", "2", "-o", out], 2, "one argument too many"),
            (["scale", a, "2", "-o", out], 2, "'2'; did you mean '--by 2'?"),
            (
                ["convert", a, "-o", out], 2,
                "the output is the last word: rtedit vector convert FILE OUT"
            ),
            (["negate", a, "--by", "2", "-o", out], 2, "needs 'vector scale'"),
            (["orthogonalise", a, "-o", out], 2, "--against"),
            (["orthogonalise", a, "--against", a + ":-2", "-o", out], 4, "nothing is left"),
            (["convert", a], 2, "OUT is missing"),
            (["convert", a, out, "--site", "embed"], 2, "not at embed"),
            (["convert", a, out, "--first-block", "0"], 2, "names its blocks itself"),
            (["convert", b, out, "--vector-convention", "generator"], 2, "written by rtedit"),
            (["convert", b, path("o.npz"), "--to-convention", "generator"], 4, "GGUF"),
            (["convert", path("none"), out], 3, "cannot open"),
            (["lens", a], 2, "MODEL is missing"),
            (["lens", a, Samples.tinyModel, "--top", "0"], 2, "--top"),
            (["compare", Samples.tinyModel], 3, "is not a steering vector"),
        ]
        for call in calls {
            let run = try ProgramRun.rtedit(["vector"] + call.words)
            #expect(run.exitCode == call.code, "\(call.words): \(run.errors)")
            #expect(run.errorLine.contains(call.text), "\(call.words): \(run.errors)")
            #expect(run.errors.split(separator: "\n").count == 1, "\(run.errors)")
        }
        #expect(try folder.names() == names)
    }
}
