import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct ScalingFileTests {
    private let folder: TemporaryFolder
    private let scaling = ActivationScaling(
        attention: [0, 0.25, -0.5], feedForward: [0.125, 0, 2],
        base: BaseIdentity(
            modelHint: "llama", name: "Tiny", hash: "00ff", sample: [1, -2, 0.5]),
        notes: ["probe": "mood.jsonl", "method": "activation scaling"])

    init() throws { folder = try TemporaryFolder() }

    private func write(
        _ tensors: [TensorFile.Tensor],
        _ metadata: [(String, String)] = [("rtedit.format", "scaling")]
    ) throws -> String {
        let path = folder.path("file.safetensors")
        try TensorFile(
            tensors, metadata: metadata.map { SafetensorsMetadata($0.0, $0.1) }, path: path
        ).write(to: path, replacing: true)
        return path
    }

    private func floats(_ name: String, _ values: [Float]) -> TensorFile.Tensor {
        .floats(name, shape: [values.count]) { values }
    }

    @Test func whatIsWrittenIsReadBackAndTheBytesAreTheSame() throws {
        let paths = ["a", "b"].map { folder.path($0 + ".safetensors") }
        for path in paths { try ScalingFile.write(scaling, to: path, replacing: false) }
        #expect(try ScalingFile.read(paths[0]) == scaling)
        #expect(try bytes(ofFile: paths[0]) == bytes(ofFile: paths[1]))
        #expect(throws: FileError.self) {
            try ScalingFile.write(scaling, to: paths[0], replacing: false)
        }
    }

    @Test func aSpecificationAsksForTheScalesOfItsBlocks() throws {
        let path = folder.path("s.safetensors")
        try ScalingFile.write(scaling, to: path, replacing: false)
        func asked(_ text: String) throws -> [Intervention] {
            try VectorSpecification(path + text).scalings(blockCount: 3)
        }
        func scale(_ site: Site, _ block: Int, _ strength: Float) -> Intervention {
            Intervention(
                site: site, block: block, operation: .scaleOutput, vector: [], strength: strength)
        }
        #expect(
            try asked("") == [
                scale(.residPost, 0, 0.125), scale(.residMid, 1, 0.25), scale(.residMid, 2, -0.5),
                scale(.residPost, 2, 2),
            ])
        #expect(try asked(":-2@1-1") == [scale(.residMid, 1, -0.5)])
        #expect(throws: ScalingError.missingBlock(file: path, block: 3, blockCount: 3)) {
            try asked("@2-3")
        }
        #expect(throws: ScalingError.otherBlockCount(file: path, count: 3, model: 4)) {
            try VectorSpecification(path).scalings(blockCount: 4)
        }
        #expect(throws: ScalingError.self) { try asked(":3e38") }
        var one = scaling
        one.feedForward = [0, 0, 0]
        try ScalingFile.write(one, to: path, replacing: true)
        #expect(throws: ScalingError.nothing(file: path, blocks: [0])) { try asked("@0") }
    }

    @Test func whatIsNoScalingIsRefusedByName() throws {
        let (a, f) = (floats("attention", [1, 0]), floats("feed_forward", [0, 1]))
        func refusal(
            _ tensors: [TensorFile.Tensor],
            _ metadata: [(String, String)] = [("rtedit.format", "scaling")]
        ) throws -> String {
            let path = try write(tensors, metadata)
            do {
                _ = try ScalingFile.read(path)
                return ""
            } catch let error as ScalingError {
                return String("\(error)".dropFirst(path.count + 2))
            }
        }
        #expect(try refusal([a, f]).isEmpty)
        #expect(try refusal([a]) == "holds no scaling: it has no tensor 'feed_forward'")
        #expect(
            try refusal([a, floats("feed_forward", [1])])
                == "holds no scaling: 'attention' has 2 values and 'feed_forward' 1, one for each block"
        )
        #expect(
            try refusal([a, f, floats("head", [1])])
                == "tensor 'head' is none that a scaling has")
        #expect(
            try refusal([a, floats("feed_forward", [0, .nan])])
                == "tensor 'feed_forward' is not finite at index 1")
        #expect(
            try refusal([a, .integers("feed_forward", [1, 2])])
                == "tensor 'feed_forward' is i64 of shape [2], not f32 of one dimension")
        #expect(
            try refusal([a, f], []) == "holds no scaling: its metadata has no rtedit.format")
        #expect(
            try refusal([a, f], [("rtedit.format", "vector")])
                == "holds no scaling: its rtedit.format is 'vector'")
        #expect(
            try refusal([a, f], [("rtedit.format", "scaling"), ("rtedit.position", "last")])
                == "key 'rtedit.position' is none that a scaling has")
    }

    @Test func aVectorIsNotTakenForOne() throws {
        let path = try write([floats("attention", [1]), floats("feed_forward", [1])])
        #expect(throws: VectorError.self) { try VectorFile.read(path) }
    }
}
