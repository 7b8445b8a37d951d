import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct OffsetScanTests {
    private let folder: TemporaryFolder
    private let fixture: ExtractionFixture
    private let prompts: [ExtractionFixture.Pair]

    init() throws {
        folder = try TemporaryFolder()
        fixture = try ExtractionFixture()
        prompts = try fixture.prompts(fixture.pairs())
    }

    @Test(arguments: [ExtractionMethod.mean, .logistic])
    func everyOffsetEqualsItsOwnExtraction(method: ExtractionMethod) throws {
        let options = Extraction.Options(method: method, normalization: .unit)
        let scan = try fixture.scan(last: 4, prompts, options)
        #expect(scan.entries.map(\.offset) == [-4, -3, -2, -1])
        for entry in scan.entries {
            var own = options
            own.position = .index(entry.offset)
            #expect(try fixture.extract(prompts, own).vector == entry.extraction.vector)
        }
    }

    @Test func memoryForOneOffsetGivesTheSame() throws {
        func vectors(_ sampleBytes: Int) throws -> [SteeringVector] {
            try Extraction.extractions(
                at: [.index(-1), .index(-3), .all], decoder: fixture.decoder, crew: fixture.crew,
                prompts: prompts, options: Extraction.Options(),
                base: BaseIdentity(modelHint: "llama"),
                sampleBytes: sampleBytes
            ).map(\.vector)
        }
        #expect(try vectors(1) == vectors(1 << 30))
    }

    @Test func theBestOffsetSeparatesBest() throws {
        let scan = try fixture.scan(last: 6, prompts)
        let best = try #require(scan.best?.bestBlock?.heldOut)
        for entry in scan.entries {
            for block in entry.extraction.blocks {
                let heldOut = try #require(block.heldOut)
                #expect(
                    (heldOut.areaUnderCurve, heldOut.effectSize)
                        <= (best.areaUnderCurve, best.effectSize))
            }
        }
        #expect(try fixture.scan(last: 2, Array(prompts.prefix(1))).best == nil)
    }

    @Test func offsetsBeyondTheShortestPromptAreRefused() throws {
        let sides = prompts.flatMap { [$0.positive, $0.negative] }
        let shortest = try #require(sides.min { $0.tokens.count < $1.tokens.count })
        let count = shortest.tokens.count
        #expect(
            throws: ExtractionError.offsets(
                wanted: count + 1, shortest: count, place: shortest.place)
        ) { try fixture.scan(last: count + 1, prompts) }
    }

    /// What comes after the prompt cannot change it.
    @Test func beforeTheCompletionIsTheEndOfThePromptAlone() throws {
        let alone = prompts.map { pair in
            func prompt(_ side: TokenSequence) -> TokenSequence {
                TokenSequence(
                    prompt: Array(side.tokens[..<side.promptCount]), place: side.place)
            }
            return (positive: prompt(pair.positive), negative: prompt(pair.negative))
        }
        let found = try fixture.extract(prompts, .init(position: .beforeCompletion(2))).vector
        let expected = try fixture.extract(alone, .init(position: .index(-2))).vector
        for block in expected.blocks {
            #expect(
                cosine(found.directions[block] ?? [], expected.directions[block] ?? []) > 0.9999)
        }
        #expect(found.provenance.token == "before-completion:2")
    }

    /// All personas of a statement are held out together.
    @Test func aStatementIsNotJudgedByItself() throws {
        let single = try fixture.prompts(fixture.pairs().suffix(1))[0]
        #expect(
            try fixture.extract([single, single, single]).blocks.allSatisfy { $0.heldOut == nil })
        let pairs = try fixture.prompts(fixture.pairs(everyPersona: true))
        #expect(try fixture.extract(pairs).blocks.allSatisfy { $0.heldOut != nil })
    }

    // MARK: - Files

    private func write(_ scan: OffsetScan) throws -> String {
        let path = folder.path("offsets.safetensors")
        try OffsetFile.write(scan, to: path, replacing: true)
        return path
    }

    @Test(arguments: [Site.residPost, .residMid])
    func everyVectorComesBackFromTheFile(site: Site) throws {
        let scan = try fixture.scan(last: 3, prompts, .init(site: site, blocks: [0, 2, 3]))
        let path = try write(scan)
        for entry in scan.entries {
            #expect(try OffsetFile.vector(at: entry.offset, in: path) == entry.extraction.vector)
        }
        #expect(
            throws: VectorError.noSuchOffset(file: path, offset: -4, available: [-3, -2, -1])
        ) { try OffsetFile.vector(at: -4, in: path) }
    }

    @Test func theFileHasTheTensorsItPromises() throws {
        let scan = try fixture.scan(last: 3, prompts, .init(blocks: [0, 2]))
        let file = try SafetensorsFile(path: write(scan))
        let width = fixture.decoder.configuration.sizes.hiddenSize
        let tensors = Dictionary(
            uniqueKeysWithValues: file.tensors.map { ($0.description.name, $0.description) })
        #expect(tensors["directions"]?.shape == [3, 2, width])
        #expect(tensors["directions"]?.type == .f32)
        #expect(tensors["offsets"]?.shape == [3])
        #expect(tensors["offsets"]?.type == .i64)
        #expect(tensors["blocks"]?.shape == [2])
    }

    @Test func filesThatContradictThemselvesAreRefused() throws {
        let metadata = [
            SafetensorsMetadata("rtedit.format", "offsets"),
            SafetensorsMetadata("rtedit.site", "resid_post"),
        ]
        func read(
            directions: [Int], offsets: Int, blocks: [Int64],
            metadata: [SafetensorsMetadata], type: ElementType = .f32, fill: UInt8 = 0
        ) throws -> SteeringVector {
            let header = try SafetensorsHeader(
                path: "x",
                tensors: [
                    TensorDescription(name: "directions", type: type, shape: directions),
                    TensorDescription(name: "offsets", type: .i64, shape: [offsets]),
                    TensorDescription(name: "blocks", type: .i64, shape: [blocks.count]),
                ], metadata: metadata)
            var bytes = header.bytes
            for placement in header.layout {
                switch placement.description.name {
                case "offsets": for offset in 0..<offsets { bytes += le(Int64(offset - offsets)) }
                case "blocks": bytes += blocks.flatMap { le($0) }
                default: bytes += [UInt8](repeating: fill, count: placement.byteCount)
                }
            }
            return try OffsetFile.vector(
                at: -1, in: folder.write(bytes, as: "bad.safetensors"))
        }
        #expect(
            try read(directions: [2, 2, 3], offsets: 2, blocks: [0, 5], metadata: metadata).width
                == 3)
        #expect(throws: VectorError.self) {
            try read(directions: [2, 2, 3], offsets: 3, blocks: [0, 5], metadata: metadata)
        }
        #expect(throws: VectorError.self) {
            try read(directions: [2, 2, 3], offsets: 2, blocks: [5, 5], metadata: metadata)
        }
        #expect(throws: VectorError.self) {
            try read(directions: [2, 2, 3], offsets: 2, blocks: [0, .max], metadata: metadata)
        }
        #expect(throws: VectorError.self) {
            try read(directions: [2, 2, 0], offsets: 2, blocks: [0, 1], metadata: metadata)
        }
        #expect(throws: VectorError.self) {
            try read(directions: [2, 0, 3], offsets: 2, blocks: [], metadata: metadata)
        }
        #expect(throws: VectorError.self) {
            try read(
                directions: [2, 2, 3], offsets: 2, blocks: [0, 1], metadata: metadata, type: .f16)
        }
        #expect(throws: VectorError.self) {
            try read(
                directions: [2, 2, 3], offsets: 2, blocks: [0, 1], metadata: metadata, fill: 0xff)
        }
        #expect(throws: VectorError.self) {
            try read(directions: [2, 2, 3], offsets: 2, blocks: [0, 1], metadata: [])
        }
    }
}
