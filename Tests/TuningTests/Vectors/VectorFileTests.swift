import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct VectorFileTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func vector(site: Site = .residPost, blocks: [Int]) -> SteeringVector {
        SteeringVector(
            site: site,
            directions: Dictionary(
                uniqueKeysWithValues: blocks.map { block in
                    (block, (0..<6).map { Float($0) + Float(block) / 8 })
                }),
            provenance: .init(
                modelHint: "llama", method: "mean", token: "last", normalization: "none",
                baseHash: "00ff", pairCount: 64,
                signAgreement: Dictionary(uniqueKeysWithValues: blocks.map { ($0, 0.75) }),
                activationNorm: Dictionary(uniqueKeysWithValues: blocks.map { ($0, 12.5) })))
    }

    private func gguf(
        architecture: String = "controlvector", type: ElementType = .f32, shape: [Int] = [2],
        name: String = "direction.3", values: [Float] = [1, 2]
    ) throws -> String {
        let header = try GGUFHeader(
            path: "x",
            metadata: GGUFMetadata([
                .init("general.architecture", .string(ByteString(architecture)))
            ]),
            tensors: [TensorDescription(name: name, type: type, shape: shape)])
        var bytes = header.bytes + values.withUnsafeBytes { Array($0) }
        bytes += [UInt8](repeating: 0, count: max(0, header.fileSize - bytes.count))
        return try folder.write(Array(bytes.prefix(header.fileSize)), as: "vector.gguf")
    }

    @Test(arguments: [("direction.1", "direction.01"), ("direction.2", "direction.+2")])
    func aBlockThatIsNamedTwiceIsRefused(names: (String, String)) throws {
        let header = try GGUFHeader(
            path: "x",
            metadata: GGUFMetadata([
                .init("general.architecture", .string(ByteString("controlvector")))
            ]),
            tensors: [names.0, names.1].map {
                TensorDescription(name: $0, type: .f32, shape: [2])
            })
        let zeros = [UInt8](repeating: 0, count: header.fileSize - header.bytes.count)
        let path = try folder.write(header.bytes + zeros, as: "vector.gguf")
        let error = try #require(throws: VectorError.self) { try VectorFile.read(path) }
        #expect(error.description.contains("'\(names.1)' names block"))
    }

    @Test(arguments: Site.allCases)
    func whatIsWrittenReadsBack(site: Site) throws {
        let vector = vector(site: site, blocks: site == .embed ? [0] : [0, 1, 5])
        let path = folder.path("v.gguf")
        try VectorFile.write(vector, to: path, replacing: false)
        #expect(try VectorFile.read(path) == vector)
        let first = try bytes(ofFile: path)
        try VectorFile.write(vector, to: path, replacing: true)
        #expect(try bytes(ofFile: path) == first)
    }

    @Test func llamaCppSeesOnlyWhatItWouldApplyRightly() throws {
        let path = folder.path("v.gguf")
        try VectorFile.write(vector(blocks: [0, 1, 5]), to: path, replacing: false)
        let names = try GGUFFile.open(path).tensors.map(\.description.name)
        #expect(names == ["direction.1", "direction.5"])
        try VectorFile.write(vector(site: .residMid, blocks: [1, 5]), to: path, replacing: true)
        #expect(try GGUFFile.open(path).tensors.isEmpty)
    }

    @Test func filesOfTheGeneratorAreOneBlockLate() throws {
        let path = try gguf()
        #expect(try VectorFile.read(path).blocks == [3])
        #expect(try VectorFile.read(path, convention: .generator).blocks == [2])
    }

    @Test func otherFilesAreRefused() throws {
        #expect(throws: VectorError.self) { try VectorFile.read(try gguf(architecture: "llama")) }
        #expect(throws: VectorError.self) { try VectorFile.read(try gguf(name: "direction.x")) }
        #expect(throws: VectorError.self) { try VectorFile.read(try gguf(name: "direction.0")) }
        #expect(throws: VectorError.self) { try VectorFile.read(try gguf(name: "direction.-1")) }
        #expect(throws: VectorError.self) {
            try VectorFile.read(try gguf(name: "direction.99999999999999999999"))
        }
        #expect(throws: VectorError.self) { try VectorFile.read(try gguf(type: .f16)) }
        #expect(throws: VectorError.self) { try VectorFile.read(try gguf(shape: [2, 1])) }
        #expect(throws: VectorError.self) { try VectorFile.read(try gguf(values: [1, .nan])) }
        #expect(throws: VectorError.self) { try VectorFile.read(Samples.tinyModel) }
    }
}

@Suite struct VectorSpecificationTests {
    @Test(arguments: [
        ("v.gguf", "v.gguf", Float(1), [Int]?.none), ("v.gguf:2.5", "v.gguf", 2.5, nil),
        ("v.gguf@12", "v.gguf", 1, [12]),
        ("a/b.gguf:-1e-1@8,10-12", "a/b.gguf", -0.1, [8, 10, 11, 12]),
        ("/tmp/x:y/v.gguf:3@0", "/tmp/x:y/v.gguf", 3, [0]),
        ("/tmp/@home/v.gguf", "/tmp/@home/v.gguf", 1, nil),
    ])
    func readsFileScaleAndBlocks(text: String, file: String, scale: Float, blocks: [Int]?) throws {
        let found = try VectorSpecification(text)
        #expect(found.file == file)
        #expect(found.scale == scale)
        #expect(found.blocks == blocks)
    }

    @Test(arguments: [
        "", ":2", "v.gguf:", "v.gguf:x", "v.gguf:inf", "v.gguf@", "v.gguf@3-1", "v.gguf@1,,2",
        "v@-1", "@3",
    ])
    func refusesMalformedOnes(text: String) {
        #expect(throws: VectorError.self) { try VectorSpecification(text) }
    }

    @Test func blockSetsAreWrittenShort() {
        #expect(BlockSet.text([8, 10, 11, 12]) == "8,10-12")
        #expect(BlockSet.text([]) == "none")
        #expect(BlockSet.parse("3,1-2,2") == [1, 2, 3])
        #expect(BlockSet.parse("0-99999999") == nil)
    }
}
