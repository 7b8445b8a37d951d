import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct NuisanceTests {
    private let folder: TemporaryFolder
    private let fixture: ExtractionFixture

    init() throws {
        folder = try TemporaryFolder()
        fixture = try ExtractionFixture()
    }

    private var width: Int { fixture.decoder.configuration.sizes.hiddenSize }
    private var blockCount: Int { fixture.decoder.configuration.sizes.blockCount }

    /// A vector file with pseudo-random directions.
    private func write(
        _ name: String, blocks: [Int], seed: UInt64, site: Site = .residPost, scale: Float = 1
    ) throws -> [Int: [Float]] {
        var numbers = Xoshiro256(seed: seed)
        var directions: [Int: [Float]] = [:]
        for block in blocks {
            directions[block] = (0..<width).map { _ in scale * Float(numbers.nextUnit() - 0.3) }
        }
        let vector = SteeringVector(
            site: site, directions: directions, provenance: .init(modelHint: "llama"))
        try VectorFile.write(vector, to: folder.path(name), replacing: true)
        return directions
    }

    private func nuisance(_ specifications: String...) throws -> Nuisance {
        try Nuisance(
            specifications.map(folder.path), site: .residPost, hiddenSize: width,
            blockCount: blockCount)
    }

    @Test(arguments: ExtractionMethod.allCases)
    func directionsThatAreNotOrthogonalAreBothGone(method: ExtractionMethod) throws {
        let first = try write("a.gguf", blocks: [1, 2], seed: 1)
        let second = try write("b.gguf", blocks: [1, 2, 3], seed: 2, scale: 100)
        #expect(cosine(first[1] ?? [], second[1] ?? []) > 0.2)
        let prompts = try fixture.prompts(fixture.pairs())
        var options = Extraction.Options(method: method, blocks: [0, 1, 2, 3])
        let plain = try fixture.extract(prompts, options)
        options.nuisance = try nuisance("a.gguf", "b.gguf:-3@1-2")
        let found = try fixture.extract(prompts, options)
        for block in [1, 2] {
            let direction = try #require(found.vector.directions[block])
            #expect(abs(cosine(direction, first[block] ?? [])) < 1e-6)
            #expect(abs(cosine(direction, second[block] ?? [])) < 1e-6)
        }
        // Where nothing is to be taken out, nothing changes.
        for block in [0, 3] {
            #expect(found.vector.directions[block] == plain.vector.directions[block])
        }
        #expect(found.blocks.map { $0.lengthLost == nil } == [true, false, false, true])
        let provenance = found.vector.provenance
        #expect(provenance.projectedOut == ["a.gguf", "b.gguf:-3@1-2"])
        #expect(provenance.lengthLost[0] == 0)
        #expect(provenance.lengthLost[1] ?? 0 > 0)
    }

    @Test func theLengthLostIsThatOfTheMeanDifference() throws {
        let other = try write("a.gguf", blocks: [2], seed: 3)
        let prompts = try fixture.prompts(fixture.pairs())
        var options = Extraction.Options(blocks: [2])
        let plain = try #require(fixture.extract(prompts, options).vector.directions[2])
        options.nuisance = try nuisance("a.gguf")
        let found = try fixture.extract(prompts, options)
        let rest = try #require(found.vector.directions[2])
        let share = rest.norm / plain.norm
        #expect(abs(1 - share - (found.blocks[0].lengthLost ?? 9)) < 1e-5)
        let part = cosine(plain, other[2] ?? [])
        #expect(abs(share - (1 - part * part).squareRoot()) < 1e-5)
    }

    @Test func whatIsProjectedOutIsKeptInTheFile() throws {
        _ = try write("a.gguf", blocks: [1, 2], seed: 4)
        let prompts = try fixture.prompts(fixture.pairs())
        let options = Extraction.Options(nuisance: try nuisance("a.gguf"))
        let vector = try fixture.extract(prompts, options).vector
        try VectorFile.write(vector, to: folder.path("v.gguf"), replacing: false)
        #expect(try VectorFile.read(folder.path("v.gguf")) == vector)
    }

    @Test func aDirectionThatIsAllNuisanceIsRefused() throws {
        let prompts = try fixture.prompts(fixture.pairs())
        let vector = try fixture.extract(prompts).vector
        try VectorFile.write(vector, to: folder.path("v.gguf"), replacing: false)
        let options = Extraction.Options(blocks: [2], nuisance: try nuisance("v.gguf"))
        #expect(throws: ExtractionError.nothingLeft(block: 2, position: .index(-1))) {
            try fixture.extract(prompts, options)
        }
    }

    @Test func unfitVectorsAreRefused() throws {
        _ = try write("mid.gguf", blocks: [1], seed: 5, site: .residMid)
        #expect(
            throws: ExtractionError.nuisanceSite(
                file: folder.path("mid.gguf"), found: .residMid, expected: .residPost)
        ) { try nuisance("mid.gguf") }
        _ = try write("zero.gguf", blocks: [1], seed: 5, scale: 0)
        #expect(throws: ExtractionError.zeroNuisance(file: folder.path("zero.gguf"), block: 1)) {
            try nuisance("zero.gguf")
        }
        _ = try write("late.gguf", blocks: [99], seed: 5)
        #expect(throws: VectorError.self) { try nuisance("late.gguf") }
        #expect(throws: (any Error).self) { try nuisance("nowhere.gguf") }
    }
}
