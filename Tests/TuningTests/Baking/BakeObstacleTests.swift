import Formats
import Foundation
import TestSupport
import Testing
import Transformer
import Tuning

/// What `inspect` promises is what `bake` does.
@Suite struct BakeObstacleTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    /// A family's small model with text put before the first member of its `config.json`, and without some files.
    private func model(
        _ family: String, config: String = "", without removed: [String] = []
    ) throws -> Checkpoint {
        let path = folder.path(UUID().uuidString)
        try FileManager.default.copyItem(atPath: Families.folder(family), toPath: path)
        let file = URL(fileURLWithPath: path + "/config.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        try ("{" + config + text.dropFirst()).write(to: file, atomically: true, encoding: .utf8)
        for name in removed { try FileManager.default.removeItem(atPath: path + "/" + name) }
        return try Checkpoint.open(path)
    }

    private func obstacles(
        _ checkpoint: Checkpoint, _ format: FileFormat
    ) -> [Site: any Error] {
        BiasRoute().obstacles(at: [.residPost, .residMid], in: checkpoint, format: format)
    }

    @Test func aModelThatTakesBothBiasesHasNone() throws {
        let llama = try model("llama")
        #expect(obstacles(llama, .gguf).isEmpty && obstacles(llama, .safetensors).isEmpty)
    }

    @Test func aQuantisedFolderHasTheMethodAsItsObstacle() throws {
        let packed = try model(
            "llama", config: #""quantization_config": {"quant_method": "gptq"},"#)
        for format in [FileFormat.gguf, .safetensors] {
            for site in [Site.residPost, .residMid] {
                let obstacle = obstacles(packed, format)[site] as? any Failure
                #expect(obstacle?.kind == .unsupported)
                #expect(obstacle?.description.contains("gptq") == true)
            }
        }
    }

    /// What can be read takes biases; changed matrices where its configuration can say that they are not packed.
    @Test func aPackedFolderTakesWhatItCanHold() throws {
        for method in PackedModel.Method.allCases {
            let home = try TemporaryFolder()
            defer { withExtendedLifetime(home) {} }
            let packed = try PackedModel.write(to: home, method).packed
            for format in [FileFormat.gguf, .safetensors] {
                #expect(obstacles(packed, format).isEmpty)
                let isRefused = method == .gptq && format == .safetensors
                let refusal = AblationRoute().refusal(
                    of: .ablate, at: .embed, in: packed, format: format)
                #expect((refusal != nil) == isRefused, "\(method) \(format)")
            }
        }
    }

    @Test func anOutputThatCannotBePlannedIsAnObstacle() throws {
        let bare = try model(
            "llama", without: ["tokenizer.json", "tokenizer_config.json"])
        #expect(obstacles(bare, .gguf).count == 2)
        #expect(obstacles(bare, .safetensors).isEmpty)
    }

    @Test func aFamilyThatIsNotKnownKeepsTheRuntimesRefusal() throws {
        let path = folder.path("other")
        try FileManager.default.copyItem(atPath: Families.folder("llama"), toPath: path)
        let file = URL(fileURLWithPath: path + "/config.json")
        let text = try String(contentsOf: file, encoding: .utf8)
        try text.replacingOccurrences(of: "\"llama\"", with: "\"cohere\"")
            .write(to: file, atomically: true, encoding: .utf8)
        let other = try Checkpoint.open(path)
        #expect(obstacles(other, .safetensors)[.residPost] is BiasRoute.Refusal)
    }

    @Test func aDecoderRefusesQuantisedWeightsBeforeAnythingElse() throws {
        let packed = try model(
            "llama", config: #""quantization": {"group_size": 32, "bits": 4},"#)
        let failure = #expect(throws: (any Error).self) {
            _ = try Decoder(checkpoint: packed, crew: WorkCrew(threads: 1))
        }
        #expect("\(String(describing: failure))".contains("quantised with mlx"))
    }
}
