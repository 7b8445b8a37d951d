import TestSupport
import Testing

@testable import Formats

/// Patches changed at random: applying either gives the target or throws. It never traps, and leaves nothing behind.
@Suite struct PatchMutationTests {
    private let fixture: PatchFixture
    private let base: String
    private let target: String

    init() throws {
        fixture = try PatchFixture()
        base = try fixture.folder.write(Self.weights(seed: 1), as: "base.safetensors")
        target = try fixture.folder.write(Self.weights(seed: 2), as: "target.safetensors")
    }

    /// A matrix of small numbers and a vector; three quarters do not depend on the seed.
    private static func weights(seed: UInt64) -> [UInt8] {
        let header = """
            {"a":{"dtype":"BF16","shape":[32,32],"data_offsets":[0,2048]},\
            "b":{"dtype":"F32","shape":[50],"data_offsets":[2048,2248]}}
            """
        var bytes = safetensorsFile(header, data: 2248)
        let start = bytes.count - 2248
        var numbers = Numbers(seed: 5)
        for index in 0..<2248 { bytes[start + index] = UInt8(numbers.below(64)) }
        var own = Numbers(seed: seed)
        for index in 0..<500 { bytes[start + index] &+= UInt8(own.below(3)) }
        return bytes
    }

    private func changed(_ original: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &generator) where !bytes.isEmpty {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            switch Int.random(in: 0..<8, using: &generator) {
            case 0: bytes.remove(at: place)
            case 1: bytes.insert(bytes[place], at: place)
            case 2: bytes[place] = [0, 1, 0x7F, 0x80, 0xFF][place % 5]
            default: bytes[place] = UInt8.random(in: .min ... .max, using: &generator)
            }
        }
        return bytes
    }

    /// Applies mutants of a patch; returns how many were refused.
    private func refusals(rounds: Int, _ mutant: (inout SeededGenerator) -> [UInt8]) throws -> Int {
        var generator = SeededGenerator(seed: 21)
        let expected = try bytes(ofFile: target)
        var refused = 0
        for _ in 0..<rounds {
            let path = try fixture.folder.write(mutant(&generator), as: "mutant.rtdelta")
            do {
                let result = try fixture.apply(path, to: base)
                #expect(try bytes(ofFile: result) == expected)
            } catch let failure as any Failure {
                refused += 1
                #expect(!failure.description.contains { $0.isNewline })
            }
        }
        let leftOver = try fixture.folder.names().filter { $0.hasPrefix(".") }
        #expect(leftOver == [])
        return refused
    }

    @Test func aChangedPatchIsRefused() throws {
        let patch = try bytes(ofFile: fixture.create(base, target))
        let refused = try refusals(rounds: 3000) { changed(patch, &$0) }
        #expect(refused > 2900)
    }

    /// Behind right hashes, where only the checks of the directory itself help.
    @Test func aChangedDirectoryIsRefused() throws {
        let path = try fixture.create(base, target)
        let directory = try PatchFile(path: path).directory.bytes
        let patch = try PatchFile(path: path)
        let payloads = patch.payloads.withUnsafeBytes { Array($0) }
        let refused = try refusals(rounds: 4000) { generator in
            let mutant = changed(directory, &generator)
            return PatchHead.bytes(
                directoryOffset: PatchHead.size + payloads.count, stored: mutant,
                rawSize: mutant.count) + payloads + mutant
        }
        #expect(refused > 3000)
    }

    /// Every prediction there is, with numbers that do not fit.
    @Test func aPredictionThatDoesNotFitIsRefused() throws {
        let patch = try PatchFile(path: try fixture.create(base, target)).directory
        let orders: [RowOrder] = [
            .same, .interleavingHeads(headSize: 3), .interleavingHeads(headSize: 0),
            .splittingHeads(headSize: 64), .gatheringParts(heads: 5, headSize: 7),
            .spreadingParts(heads: 0, headSize: 0), .gatheringParts(heads: .max, headSize: .max),
        ]
        for order in orders {
            for (expert, isTransposed) in [(nil, false), (nil, true), (7, false)] as [(Int?, Bool)]
            {
                for (type, shape) in [
                    (ElementType.f16, [32, 32]), (.q8_0, [32, 32]), (.f32, [64, 16]),
                ] {
                    let part = Prediction.Part(
                        source: 0, expert: expert,
                        change: StorageForm(
                            rows: order, isTransposed: isTransposed, shift: .infinity))
                    let description = TensorDescription(name: "a", type: type, shape: shape)
                    let size = description.byteCount ?? 0
                    let tensor = PatchDirectory.Tensor(
                        description: description,
                        prediction: Prediction(parts: [part, part], rows: .max), frameSize: size,
                        frames: [
                            PatchDirectory.Frame(
                                coding: .copy, isSparse: false,
                                stored: PatchDirectory.Stored(payloadSize: 0, hash: 0))
                        ])
                    let file = PatchDirectory.File(
                        name: "x", size: size, digest: [UInt8](repeating: 0, count: 32),
                        segments: [.tensor(tensor)])
                    let directory = PatchDirectory(
                        isFolder: false, sources: patch.sources, files: [file]
                    ).bytes
                    let bytes =
                        PatchHead.bytes(
                            directoryOffset: PatchHead.size, stored: directory,
                            rawSize: directory.count) + directory
                    let path = try fixture.folder.write(bytes, as: "mutant.rtdelta")
                    #expect(throws: PatchError.self) { try fixture.apply(path, to: base) }
                }
            }
        }
    }
}
