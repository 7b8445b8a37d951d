import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// Vector files of Python, repeng and llama.cpp, and the way between all formats.
@Suite struct VectorFormatTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private static func fixture(_ name: String) -> String {
        Samples.path("../Tests/TuningTests/Fixtures/vectors/" + name)
    }

    private static func row(_ block: Int) -> [Float] {
        (0..<6).map { (Float($0) - 2.5) * Float(block + 1) / 8 }
    }

    private static func rows(_ blocks: [Int]) -> [Int: [Float]] {
        Dictionary(uniqueKeysWithValues: blocks.map { ($0, row($0)) })
    }

    private static func vector(site: Site = .residPost, blocks: [Int]) -> SteeringVector {
        let figures = Dictionary(uniqueKeysWithValues: blocks.map { ($0, Float($0) + 0.5) })
        return SteeringVector(
            site: site, directions: rows(blocks),
            provenance: .init(
                modelHint: "llama", method: "mean", token: "last", normalization: "none",
                baseName: "Ünï", baseHash: "00ff", baseSample: [1, 2, 3], pairCount: 64,
                projectedOut: ["a.gguf", "b.gguf"], operations: ["negate c.gguf"],
                lengthLost: figures, signAgreement: figures, activationNorm: figures))
    }

    @Test(arguments: VectorFile.Format.allCases, Site.allCases)
    func everyFormatHoldsAll(format: VectorFile.Format, site: Site) throws {
        let vector = Self.vector(site: site, blocks: site == .embed ? [0] : [0, 2, 11])
        let path = folder.path("v.\(format.rawValue)")
        try VectorFile.write(vector, to: path, replacing: false)
        #expect(VectorFile.Format(ofContent: path) == format)
        #expect(try VectorFile.read(path) == vector)
        #expect(try CheckpointContent.of(path) == .steeringVector)
        let first = try bytes(ofFile: path)
        try VectorFile.write(vector, to: path, replacing: true)
        #expect(try bytes(ofFile: path) == first)
        // By its content, whatever it is called.
        let other = try folder.write(first, as: "v.other")
        #expect(try VectorFile.read(other) == vector)
    }

    @Test(arguments: ["stored.npz", "deflated.npz", "half.npz", "double.npz", "repeng.gguf"])
    func filesOfOthersAreRead(name: String) throws {
        let vector = try VectorFile.read(Self.fixture(name))
        #expect(vector.site == .residPost)
        #expect(vector.directions == Self.rows([1, 3]))
    }

    @Test func theGeneratorsFilesAreOneBlockLate() throws {
        let path = Self.fixture("generator.gguf")
        let vector = try VectorFile.read(path, convention: .generator)
        #expect(vector.directions == Self.rows([0, 1, 2]))
        #expect(try VectorFile.read(path).blocks == [1, 2, 3])
        // Written so again, it is the same.
        let copy = folder.path("g.gguf")
        try VectorFile.write(vector, to: copy, convention: .generator, replacing: false)
        #expect(try VectorFile.read(copy, convention: .generator) == vector)
        #expect(VectorFile.lost(of: vector, in: .generator).isEmpty)
        #expect(VectorFile.lost(of: Self.vector(blocks: [1]), in: .generator).count == 10)
        for path in ["v.npz", "v.safetensors"] {
            #expect(throws: VectorError.self) {
                try VectorFile.write(
                    vector, to: folder.path(path), convention: .generator, replacing: false)
            }
        }
        // Our own files say that they are not numbered so.
        for format in VectorFile.Format.allCases {
            let own = folder.path("own.\(format.rawValue)")
            try VectorFile.write(vector, to: own, replacing: false)
            #expect(throws: VectorError.otherConvention(file: own)) {
                try VectorFile.read(own, convention: .generator)
            }
        }
    }

    @Test(arguments: ["fortran.npy", "stack.safetensors"])
    func oneArrayNeedsItsFirstBlock(name: String) throws {
        let path = Self.fixture(name)
        #expect(throws: VectorError.noFirstBlock(file: path)) { try VectorFile.read(path) }
        let vector = try VectorFile.read(path, .init(site: .residMid, firstBlock: 10))
        #expect(vector.site == .residMid)
        #expect(vector.blocks == [10, 11, 12, 13])
        #expect(vector.directions[12] == Self.row(2))
        let states = try VectorFile.read(path, .init(firstBlock: -1))
        #expect(states.blocks == [0, 1, 2])
        #expect(states.directions[0] == Self.row(1))
    }

    @Test func whatContradictsTheFileIsRefused() throws {
        let path = folder.path("v.npz")
        try VectorFile.write(Self.vector(site: .residMid, blocks: [1]), to: path, replacing: false)
        #expect(throws: VectorError.otherSite(file: path, site: .residMid, wanted: .residPost)) {
            try VectorFile.read(path, .init(site: .residPost))
        }
        for name in [path, Self.fixture("repeng.gguf")] {
            #expect(throws: VectorError.blocksAreNamed(file: name)) {
                try VectorFile.read(name, .init(firstBlock: 0))
            }
        }
    }

    private func archive(_ items: [NumPyFile.Item]) throws -> String {
        let path = folder.path("a.npz")
        try NumPyFile.write(items, to: path, replacing: true)
        return path
    }

    private func refusal(_ items: [NumPyFile.Item]) throws -> String {
        let path = try archive(items)
        let error = try #require(throws: VectorError.self) { try VectorFile.read(path) }
        return String(error.description.dropFirst(path.count + 2))
    }

    @Test func namesThatSayLessAreNotGuessed() throws {
        let foreign = NumPyFile.Item.floats("layer.3", shape: [2], [1, 2])
        #expect(try refusal([foreign]).contains("'layer.3' is not called direction.N or N"))
        let vector = try VectorFile.read(archive([foreign]), .init(site: .residPost))
        #expect(vector.directions == [3: [1, 2]])
        let ours = NumPyFile.Item.floats("direction.3", shape: [2], [1, 2])
        #expect(
            try refusal([ours, .floats("4", shape: [2], [1, 2])]).contains("is called otherwise"))
        #expect(
            try refusal([ours, .floats("direction.03", shape: [2], [1, 2])])
                .contains("names block 3, which another array names too"))
        #expect(
            try refusal([ours, .floats("mean", shape: [2], [1, 2])])
                .contains("'mean' does not end in the number of a block"))
        #expect(try refusal([]).contains("no direction of any block"))
    }

    @Test func directionsThatAreNoneAreRefused() throws {
        let ours = NumPyFile.Item.floats("direction.3", shape: [2], [1, 2])
        #expect(
            try refusal([ours, .floats("direction.4", shape: [3], [1, 2, 3])])
                .contains("the direction of block 4 is 3 wide, that of block 3 2"))
        #expect(
            try refusal([.floats("direction.4", shape: [2], [1, .nan])])
                .contains("the direction of block 4 is not finite at index 1"))
        #expect(
            try refusal([ours, .floats("direction.5", shape: [1, 2], [1, 2])])
                .contains("'direction.5' has shape [1, 2]"))
        #expect(
            try refusal([.floats("direction.4", shape: [0], [])]).contains("is 0 wide"))
        #expect(
            try refusal([ours, .text("rtedit.side", "resid_post")])
                .contains("key 'rtedit.side' is none that a vector has"))
        #expect(
            try refusal([ours, .text("rtedit.site", "middle")]).contains("key 'rtedit.site'"))
        #expect(
            try refusal([ours, .text("rtedit.site", "embed")])
                .contains("has a direction of block 3"))
        #expect(
            try refusal([ours, .floats("activation_norm", shape: [2], [1, 2])])
                .contains("'activation_norm' has shape [2], but there are 1 blocks"))
    }

    @Test func otherFilesOfOursAreNamed() throws {
        let path = folder.path("o.safetensors")
        try TensorFile(
            [.floats("directions", shape: [1, 1, 2]) { [1, 2] }],
            metadata: [SafetensorsMetadata("rtedit.format", "offsets")], path: path
        ).write(to: path, replacing: false)
        let error = try #require(throws: VectorError.self) { try VectorFile.read(path) }
        #expect(error.description.contains("'extract' takes those of one"))
    }
}
