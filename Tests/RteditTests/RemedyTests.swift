import Foundation
import TestSupport
import Testing

@testable import Formats
@testable import Transformer
@testable import Tuning

/// What is not supported, with what can be done in place of it.
@Suite struct RemedyTests {
    @Test(
        arguments: [
            CheckpointError.unsupportedArchitecture(file: "m.gguf", name: "x"),
            CheckpointError.unsupportedFeature(
                file: "m", fact: "attention of type 'x' is not supported"),
            CheckpointError.unknownTensor(file: "m", name: "t", architecture: "llama"),
            CheckpointError.quantized(file: "m", method: "hqq", kind: .unsupported),
            CheckpointError.becomesInfinite(tensor: "t", type: .f16, count: 1, of: 2, largest: 7e4),
            AdapterError.unsupportedValue(file: "a", key: "k", value: "v", meaning: "m"),
            AdapterError.unsupportedTensor(file: "a", tensor: "t", reason: "r"),
            QuantizationError.unsupported(type: .i8),
            QuantizationError.tooLarge(type: .q8_0, index: 0),
            GGUFError(path: "m", problem: .bigEndian),
            GGUFError(path: "m", problem: .obsoleteVersion(1)),
            GGUFError(path: "m", problem: .typeWithoutIdentifier(tensor: "t", type: .u8)),
            SafetensorsError(path: "m", problem: .typeWithoutName(tensor: "t", type: .q4_0)),
            TokenizerError.unsupported(file: "m", key: "k", found: "f", supported: "s"),
            PatchError.wrongVersion(path: "p", found: 9, supported: 1),
            BlendError.otherArchitecture(file: "m", found: "a", first: "n", expected: "b"),
            ChatTemplateError.none, ChatTemplateError.unsupported(line: 1, what: "w"),
            ImportanceRunError.tiedOutput(model: "m"),
            VectorError.nothingLeft(block: 1, share: 0),
            FittingError.singular(place: .init(site: .residMid, block: 1)),
            ScalingError.tooStrong(
                file: "s", place: .init(site: .residMid, block: 1), alpha: 1, beta: 2),
            DecoderError.unusedTensor(file: "m", tensor: "t"),
            WeightMatrixError.transposedBlocks(tensor: "t", type: .q4_0),
        ] as [any Failure])
    func refusalsNameAWayOut(_ failure: any Failure) {
        #expect(failure.kind == .unsupported)
        let words = [
            "--", "rtedit", "smaller", "give", "again", "inspect", "merge_and_unload", "store",
            "remove",
            "convert",
        ]
        #expect(
            words.contains {
                failure.message.dropFirst(failure.remedy == nil ? 0 : failure.description.count)
                    .contains($0)
            },
            "\(failure.message)")
        #expect(!failure.message.contains("\n"))
    }

    @Test func anUnknownArchitectureIsToldTheKnownOnesOnce() {
        let names = Architecture.allNames
        #expect(names.contains("llama") && names.count == Set(names).count)
        let error = CheckpointError.unsupportedArchitecture(file: "m", name: "x")
        #expect(error.description.components(separatedBy: " mistral,").count == 2)
    }

    /// What the words about an unknown architecture promise, done to a file of one.
    @Test func filesOfUnknownArchitecturesAreWorkedOnAllTheSame() throws {
        let folder = try TemporaryFolder()
        let (model, named) = (folder.path("model.gguf"), folder.path("named.gguf"))
        var bytes = try Data(contentsOf: URL(fileURLWithPath: Samples.tinyModel))
        let key = try #require(bytes.range(of: Data("general.architecture".utf8)))
        // After the key a type of 4 bytes and a length of 8.
        bytes.replaceSubrange(key.upperBound + 12..<key.upperBound + 17, with: Data("llamo".utf8))
        try bytes.write(to: URL(fileURLWithPath: model))
        let refused = try ProgramRun.rtedit(["generate", model, "-p", "x"])
        #expect(refused.exitCode == 4)
        #expect(
            refused.errorLine.hasSuffix(
                "; inspect, hash, metadata and delta work on it all the same"))
        for call in [
            ["inspect", model], ["hash", model],
            ["metadata", model, "--set", "general.name=n", "-o", named],
            ["delta", "create", model, named, folder.path("p.rtdelta")],
            ["delta", "apply", model, folder.path("p.rtdelta"), folder.path("again.gguf")],
        ] {
            let run = try ProgramRun.rtedit(call)
            #expect(run.exitCode == 0, "\(call): \(run.errors)")
        }
        #expect(
            try Data(contentsOf: URL(fileURLWithPath: folder.path("again.gguf")))
                == Data(contentsOf: URL(fileURLWithPath: named)))
    }
}
