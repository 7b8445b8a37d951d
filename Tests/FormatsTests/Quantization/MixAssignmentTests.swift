import Foundation
import Testing

@testable import Formats

/// The types of matrices against those of `llama-quantize`: see `Fixtures/Quantization/make_mixes.py`.
@Suite struct MixAssignmentTests {
    @Test(arguments: try MixFixture.models())
    func typesAreThoseOfLlamaQuantize(_ fixture: MixFixture) throws {
        #expect(fixture.lines.count > 60)
        var last: [ElementType] = []
        for line in fixture.lines {
            guard line.types != "refused" else { continue }
            let mix = try #require(QuantizationMix(named: line.mix), "\(line.mix)")
            let matrices = fixture.matrices
            var assignment = MixAssignment(
                mix, fixture.model, matrices: matrices, head: nil, hasImportance: line.isWeighted)
            let types = matrices.map {
                assignment.type(of: $0).fitting(columns: $0.columns)
            }
            let expected = line.types == "same" ? last : try fixture.types(line.types)
            last = expected
            for (index, matrix) in matrices.enumerated() where types[index] != expected[index] {
                Issue.record(
                    "\(fixture.name) \(line.mix) \(matrix.name): \(types[index].name), expected \(expected[index].name)"
                )
            }
        }
    }

    @Test func everyMixOfLlamaQuantizeIsThere() throws {
        let fixture = try #require(try MixFixture.models().first)
        let names = Set(fixture.lines.map(\.mix))
        let own = Set(QuantizationMix.all.map(\.name)).union(["q3_k", "q4_k", "q5_k"])
        // Those that llama.cpp's converter alone writes, or nobody under one name.
        #expect(own.subtracting(names) == ["mxfp4", "nvfp4"])
        #expect(names.isSubset(of: own))
    }

    /// A router of one expert that every token goes through is a row, which ggml counts as a vector.
    @Test func whatGgmlCountsAsAVectorIsNotQuantised() {
        let name = "blk.0.ffn_gate_inp_shexp.weight"
        for shape in [[256], [1, 256], [1, 1, 256]] {
            #expect(!QuantizableTensor.isQuantizable(name, shape: shape))
        }
        #expect(QuantizableTensor.isQuantizable(name, shape: [2, 256]))
        #expect(QuantizableTensor.isQuantizable(name, shape: [256, 1]))
    }

    @Test func numbersOfFilesTellMixes() {
        for mix in QuantizationMix.all {
            let names = QuantizationMix.mixes(ofFileType: mix.fileType).map(\.name)
            #expect(names.contains(mix.name))
            #expect(names.count == (mix.fileType == 38 ? 2 : 1), "\(names)")
        }
    }

    @Test func widthsThatNoTypeFitsAreStoredInSixteenBits() {
        for mix in QuantizationMix.all {
            #expect(mix.base.fitting(columns: 17) == .f16)
            #expect(mix.base.fitting(columns: 512) == mix.base)
        }
    }
}

/// One model of the fixture: its numbers, its matrices, and lines of types.
struct MixFixture: CustomTestStringConvertible, Sendable {
    struct Line: Sendable {
        let mix: String
        let isWeighted: Bool
        let types: String
    }

    let name: String
    let model: MixModel
    private(set) var matrices: [MixAssignment.Matrix] = []
    private(set) var lines: [Line] = []
    private let blocks: Int
    private var kinds: [(name: String, shape: [Int])] = []

    var testDescription: String { name }

    private init(_ words: [Substring]) {
        var numbers: [String: Int] = [:]
        for word in words.dropFirst(3) {
            let parts = word.split(separator: "=")
            numbers[String(parts[0])] = Int(parts[1])
        }
        name = String(words[1])
        blocks = numbers["blocks"] ?? 0
        let family = String(words[2])
        func entry(_ key: String, _ name: String) -> GGUFMetadata.Entry {
            .init("\(family).\(key)", .u32(UInt32(numbers[name] ?? 0)))
        }
        model = MixModel(
            GGUFMetadata([
                .init("general.architecture", .string(ByteString(family))),
                entry("block_count", "blocks"), entry("attention.head_count", "heads"),
                entry("attention.head_count_kv", "groups"), entry("expert_count", "experts"),
            ]))
    }

    /// The types of a line, in the order of the matrices.
    func types(_ text: String) throws -> [ElementType] {
        var byName: [String: [ElementType]] = [:]
        for (kind, part) in zip(sortedKinds, text.split(separator: ";")) {
            byName[kind.name] = try part.split(separator: " ").flatMap { run in
                let parts = run.split(
                    separator: "x", maxSplits: 1, omittingEmptySubsequences: false)
                // Names of types have an x themselves.
                if let type = ElementType(rawValue: String(run)) { return [type] }
                let place = try #require(run.lastIndex(of: "x"), "\(run) of \(parts)")
                let type = try #require(ElementType(rawValue: String(run[..<place])))
                return [ElementType](
                    repeating: type, count: try #require(Int(run[run.index(after: place)...])))
            }
        }
        return try matrices.map { matrix in
            let name = matrix.block.map {
                matrix.name.replacingOccurrences(of: "blk.\($0).", with: "blk.*.")
            }
            return try #require(byName[name ?? matrix.name]?[matrix.block ?? 0])
        }
    }

    private var sortedKinds: [(name: String, shape: [Int])] {
        kinds.sorted {
            let (left, right) = ($0.name.hasPrefix("blk."), $1.name.hasPrefix("blk."))
            return left == right ? $0.name < $1.name : !left
        }
    }

    private mutating func complete() {
        let (inBlocks, others) = (
            sortedKinds.filter { $0.name.hasPrefix("blk.") },
            sortedKinds.filter { !$0.name.hasPrefix("blk.") }
        )
        matrices = others.map { .init(name: $0.name, shape: $0.shape) }
        for block in 0..<blocks {
            matrices += inBlocks.map {
                .init(
                    name: $0.name.replacingOccurrences(of: "blk.*.", with: "blk.\(block)."),
                    shape: $0.shape)
            }
        }
        matrices.removeAll {
            !QuantizableTensor.isQuantizable($0.name, shape: $0.shape)
        }
    }

    static func models() throws -> [MixFixture] {
        let text = String(decoding: try QuantizationFixture.bytes("mixes.txt"), as: UTF8.self)
        var models: [MixFixture] = []
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            switch words[0] {
            case "model": models.append(MixFixture(words))
            case "matrix":
                models[models.count - 1].kinds.append(
                    (String(words[1]), words[2].split(separator: "x").compactMap { Int($0) }))
            default:
                models[models.count - 1].lines.append(
                    Line(
                        mix: String(words[0]), isWeighted: words[1] == "weighted",
                        types: words.dropFirst(2).joined(separator: " ")))
            }
        }
        for index in models.indices { models[index].complete() }
        return models
    }
}
