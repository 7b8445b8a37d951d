import Formats
import Testing

@testable import Transformer

@Suite struct DecoderRefusalTests {
    @Test func senselessPassesAreRefused() throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        #expect(throws: ForwardError.noSlices) { try decoder.forward([]) }
        #expect(throws: ForwardError.noTokens(slice: 1)) {
            try decoder.forward([DecoderSlice([1]), DecoderSlice([])])
        }
        for token in [-1, 37, Int.max, Int.min] {
            #expect(
                throws: ForwardError.tokenOutOfRange(
                    slice: 0, index: 1, token: token, vocabularySize: 37)
            ) {
                try decoder.forward([DecoderSlice([0, token])])
            }
        }
        #expect(throws: ForwardError.blocks(0..<4, blockCount: 3)) {
            try decoder.forward([DecoderSlice([0])], blocks: 0..<4)
        }
        #expect(throws: ForwardError.blocks(1..<1, blockCount: 3)) {
            try decoder.forward([DecoderSlice([0])], blocks: 1..<1)
        }
        #expect(throws: ForwardError.entryCount(slice: 0, expected: 20, found: 0)) {
            try decoder.forward([DecoderSlice([0])], blocks: 1..<3)
        }
        #expect(throws: ForwardError.entryCount(slice: 0, expected: 0, found: 20)) {
            try decoder.forward([DecoderSlice([0], entry: [Float](repeating: 0, count: 20))])
        }
        #expect(throws: ForwardError.logitsAfterStop(block: 1)) {
            try decoder.forward(
                [DecoderSlice([0])], blocks: 0..<2,
                logits: LogitsReceiver(scope: .all) { _, _, _ in })
        }
    }

    @Test func theContextIsNeverOverrun() throws {
        var sizes = SmallModel.sizes
        sizes.contextLength = 8
        let model = try SmallModel(sizes)
        let decoder = try model.decoder()
        #expect(throws: ForwardError.contextOverflow(slice: 0, positions: 9, limit: 8)) {
            try decoder.forward([DecoderSlice(model.tokens(9))])
        }
        let cache = SequenceCache(model.configuration)
        try decoder.forward([DecoderSlice(model.tokens(8), cache: cache)])
        #expect(throws: ForwardError.contextOverflow(slice: 0, positions: 9, limit: 8)) {
            try decoder.forward([DecoderSlice([1], cache: cache)])
        }
        #expect(cache.length == 8)
    }

    @Test func cachesBelongToOneSliceAndOneModel() throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        let cache = SequenceCache(model.configuration)
        #expect(throws: ForwardError.sharedCache(slices: [0, 1])) {
            try decoder.forward([DecoderSlice([1], cache: cache), DecoderSlice([1], cache: cache)])
        }
        var sizes = SmallModel.sizes
        sizes.blockCount = 2
        let foreign = SequenceCache(try SmallModel(sizes).configuration)
        #expect(throws: ForwardError.foreignCache(slice: 0, expected: [3, 480], found: [2, 320])) {
            try decoder.forward([DecoderSlice([1], cache: foreign)])
        }
    }

    @Test func everyMissingWeightIsNamed() throws {
        let model = try SmallModel()
        for role in model.matrices.keys {
            var incomplete = model
            incomplete.matrices[role] = nil
            #expect(throws: DecoderError.missingWeight(file: "small", role: role)) {
                try incomplete.decoder()
            }
        }
        for role in model.vectors.keys where role.part == .weight {
            var incomplete = model
            incomplete.vectors[role] = nil
            #expect(throws: DecoderError.missingWeight(file: "small", role: role)) {
                try incomplete.decoder()
            }
        }
    }

    @Test func everyWrongShapeIsNamedWithBothShapes() throws {
        let model = try SmallModel()
        for (role, matrix) in model.matrices {
            var wrong = model
            wrong.matrices[role] = SmallModel.Matrix(
                rows: matrix.columns, columns: matrix.rows, values: matrix.values)
            if matrix.rows == matrix.columns { continue }
            #expect(
                throws: DecoderError.wrongShape(
                    file: "small", tensor: role.description,
                    expected: [matrix.rows, matrix.columns],
                    found: [matrix.columns, matrix.rows])
            ) {
                try wrong.decoder()
            }
        }
        for (role, vector) in model.vectors {
            var wrong = model
            wrong.vectors[role] = vector + [0]
            #expect(
                throws: DecoderError.wrongShape(
                    file: "small", tensor: role.description, expected: [vector.count],
                    found: [vector.count + 1])
            ) {
                try wrong.decoder()
            }
        }
    }

    @Test func rotaryParametersThatGiveNoFrequenciesAreRefused() throws {
        let bad = [
            RopeParameters(base: 1, dimensions: 10), RopeParameters(base: .nan, dimensions: 10),
            RopeParameters(
                base: 10_000, dimensions: 10, scaling: .dynamic(factor: 0.5, originalContext: 9)),
            RopeParameters(
                base: 10_000, dimensions: 2, scaling: .dynamic(factor: 2, originalContext: 9)),
            RopeParameters(base: 10_000, dimensions: 10, scaling: .divisors([1, 2])),
        ]
        for rope in bad {
            var sizes = SmallModel.sizes
            sizes.rope = rope
            #expect(throws: DecoderError.self) {
                try DecoderConfiguration(
                    sizes, architecture: .llama, format: .safetensors, file: "small")
            }
        }
    }

    @Test func anEnormousDynamicFactorDoesNotOverflow() throws {
        var sizes = SmallModel.sizes
        sizes.rope.scaling = .dynamic(factor: 1e300, originalContext: 100)
        let configuration = try DecoderConfiguration(
            sizes, architecture: .llama, format: .safetensors, file: "small")
        #expect(configuration.positionLimit == Int(Int32.max))
    }
}
