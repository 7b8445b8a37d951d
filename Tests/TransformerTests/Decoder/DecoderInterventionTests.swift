import Formats
import Testing

@testable import Transformer

@Suite struct DecoderInterventionTests {
    static let tokens = [3, 14, 15, 9, 26]

    static func vector(_ seed: UInt64) -> [Float] {
        var random = Xoshiro256(seed: seed)
        return (0..<SmallModel.sizes.hiddenSize).map { _ in Float(random.nextUnit() - 0.5) }
    }

    static let places: [(Site, Int)] = [
        (.embed, 0), (.residMid, 0), (.residMid, 2), (.residPost, 0), (.residPost, 1),
        (.residPost, 2),
    ]

    @Test(arguments: places, [Intervention.Operation.add, .ablate, .scale, .ablateOutput])
    func everySiteAndOperationEqualsTheTwin(
        _ place: (Site, Int), _ operation: Intervention.Operation
    ) throws {
        let model = try SmallModel()
        let intervention = Intervention(
            site: place.0, block: place.1, operation: operation,
            vector: operation == .scale ? [] : Self.vector(1), strength: 1.5)
        let twin = DecoderTwin(model, tokens: Self.tokens, interventions: [intervention])
        let trace = try Trace(
            of: Self.tokens, in: try model.decoder(), interventions: [intervention])
        for entry in trace.entries {
            let expected = try #require(twin.arrays[entry.name])
            #expect(
                relativeDifference(entry.values, expected) < DecoderForwardTests.bound,
                Comment(rawValue: entry.name))
        }
    }

    /// What a sub-layer adds is scaled before anything else is done at its site, whatever the order of the call.
    @Test(arguments: places.dropFirst()) func aScaledOutputEqualsTheTwin(
        _ place: (Site, Int)
    ) throws {
        let model = try SmallModel()
        let scalings = [0.4, -1.5].map { strength in
            Intervention(
                site: place.0, block: place.1, operation: .scaleOutput, vector: [],
                strength: Float(strength))
        }
        let add = Intervention(site: place.0, block: place.1, vector: Self.vector(2))
        let last = place == (.residPost, 2)
        for interventions in [[scalings[0]], [scalings[0], add, scalings[1]]] {
            let twin = DecoderTwin(model, tokens: Self.tokens, interventions: interventions)
            let decoder = try model.decoder()
            let trace = try Trace(of: Self.tokens, in: decoder, interventions: interventions)
            let plain = try Trace(of: Self.tokens, in: decoder)
            for entry in trace.entries {
                let expected = try #require(twin.arrays[entry.name])
                #expect(
                    relativeDifference(entry.values, expected) < DecoderForwardTests.bound,
                    Comment(rawValue: entry.name))
            }
            #expect(trace["logits"] != plain["logits"])
            #expect(last || trace["resid_post.2"] != plain["resid_post.2"])
        }
        var none = scalings[0]
        none.strength = 0
        let decoder = try model.decoder()
        #expect(
            try Trace(of: Self.tokens, in: decoder, interventions: [none]).entries
                == Trace(of: Self.tokens, in: decoder).entries)
    }

    @Test func noOutputIsScaledBeforeBlockZero() throws {
        let model = try SmallModel()
        #expect(throws: ForwardError.interventionWithoutSubLayer(site: .embed)) {
            try Trace(
                of: Self.tokens, in: try model.decoder(),
                interventions: [
                    Intervention(site: .embed, block: 0, operation: .scaleOutput, vector: [])
                ])
        }
    }

    @Test func severalAtOneSiteActInOrder() throws {
        let model = try SmallModel()
        let add = Intervention(block: 1, vector: Self.vector(2), strength: 3)
        let ablate = Intervention(block: 1, operation: .ablate, vector: Self.vector(2))
        for interventions in [[add, ablate], [ablate, add]] {
            let twin = DecoderTwin(model, tokens: Self.tokens, interventions: interventions)
            let trace = try Trace(
                of: Self.tokens, in: try model.decoder(), interventions: interventions)
            let expected = try #require(twin.arrays["resid_post.1"])
            #expect(
                relativeDifference(trace["resid_post.1"]?.values ?? [], expected)
                    < DecoderForwardTests.bound)
        }
    }

    @Test func neighbouringAblationsRemoveTheSpanInAnyOrder() throws {
        let model = try SmallModel()
        // Far from orthogonal, so that one after the other would leave something of the first.
        let first = Self.vector(2)
        let second = zip(first, Self.vector(7)).map { $0 + 0.5 * $1 }
        let ablations = [first, second, first.map { -3 * $0 }].map {
            Intervention(block: 2, operation: .ablate, vector: $0, strength: 0.7)
        }
        let base = try #require(try Trace(of: Self.tokens, in: try model.decoder())["resid_post.2"])
        // The twin: λ V (VᵀV)⁻¹ Vᵀ h, with the inverse of two by two written out.
        func dot(_ a: [Double], _ b: [Double]) -> Double {
            zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
        }
        let (v, w) = (first.map(Double.init), second.map(Double.init))
        let (vv, vw, ww) = (dot(v, v), dot(v, w), dot(w, w))
        var expected: [Float] = []
        for row in 0..<base.rows {
            let h = base.values[(row * 20)..<((row + 1) * 20)].map(Double.init)
            let (vh, wh) = (dot(v, h), dot(w, h))
            let x = (ww * vh - vw * wh) / (vv * ww - vw * vw)
            let y = (vv * wh - vw * vh) / (vv * ww - vw * vw)
            expected += h.indices.map { Float(h[$0] - 0.7 * (x * v[$0] + y * w[$0])) }
        }
        let found = try [ablations, ablations.reversed()].map { order in
            try #require(
                try Trace(of: Self.tokens, in: try model.decoder(), interventions: order)[
                    "resid_post.2"]
            ).values
        }
        #expect(relativeDifference(found[0], expected) < DecoderForwardTests.bound)
        #expect(found[0].map(\.bitPattern) == found[1].map(\.bitPattern))
    }

    @Test func ablationsWithAnAdditionBetweenActOneAfterTheOther() throws {
        let model = try SmallModel()
        let interventions = [
            Intervention(block: 1, operation: .ablate, vector: Self.vector(2)),
            Intervention(block: 1, vector: Self.vector(8), strength: 3),
            Intervention(block: 1, operation: .ablate, vector: Self.vector(7)),
        ]
        let twin = DecoderTwin(model, tokens: Self.tokens, interventions: interventions)
        let trace = try Trace(
            of: Self.tokens, in: try model.decoder(), interventions: interventions)
        let expected = try #require(twin.arrays["resid_post.1"])
        #expect(
            relativeDifference(trace["resid_post.1"]?.values ?? [], expected)
                < DecoderForwardTests.bound)
    }

    @Test func anAdditionIsTheStrengthTimesTheVectorToTheBit() throws {
        let model = try SmallModel()
        let vector = Self.vector(3)
        let base = try Trace(of: Self.tokens, in: try model.decoder())
        let steered = try Trace(
            of: Self.tokens, in: try model.decoder(),
            interventions: [Intervention(block: 2, vector: vector, strength: 0.3)])
        let (before, after) = (
            base["resid_post.2"]?.values ?? [], steered["resid_post.2"]?.values ?? []
        )
        let expected = before.indices.map { before[$0] + 0.3 * vector[$0 % vector.count] }
        #expect(after == expected)
    }

    @Test(arguments: [Intervention.Operation.add, .ablate])
    func strengthZeroLeavesEveryBit(_ operation: Intervention.Operation) throws {
        let model = try SmallModel()
        let interventions = Self.places.map {
            Intervention(
                site: $0.0, block: $0.1, operation: operation, vector: Self.vector(4), strength: 0)
        }
        let base = try Trace(of: Self.tokens, in: try model.decoder())
        let steered = try Trace(
            of: Self.tokens, in: try model.decoder(), interventions: interventions)
        for (one, other) in zip(base.entries, steered.entries) {
            #expect(one.values.map(\.bitPattern) == other.values.map(\.bitPattern))
        }
    }

    @Test func ablationRemovesTheDirectionWhateverTheVectorsLength() throws {
        let model = try SmallModel()
        let vector = Self.vector(5).map { $0 * 1e-3 }
        let trace = try Trace(
            of: Self.tokens, in: try model.decoder(),
            interventions: [Intervention(block: 0, operation: .ablate, vector: vector)])
        let stream = try #require(trace["resid_post.0"])
        for row in 0..<stream.rows {
            let values = stream.values[row * 20..<(row + 1) * 20]
            let projection = zip(values, vector).reduce(0) { $0 + $1.0 * $1.1 } / 1e-3
            #expect(abs(projection) < 1e-5)
        }
    }

    @Test func cachedTokensAreSteeredToo() throws {
        let model = try SmallModel()
        let decoder = try model.decoder()
        let steering = [Intervention(block: 0, vector: Self.vector(6), strength: 2)]
        let whole = try Trace(of: Self.tokens, in: decoder, interventions: steering)
        let cache = SequenceCache(model.configuration)
        var last: [Float] = []
        let receiver = LogitsReceiver(scope: .last) { _, _, row in
            last = row.withUnsafeBufferPointer { Array($0) }
        }
        for token in Self.tokens {
            try decoder.forward(
                [DecoderSlice([token], cache: cache)], interventions: steering, logits: receiver)
        }
        let expected = try #require(whole["logits"]).values.suffix(37)
        #expect(relativeDifference(last, Array(expected)) < DecoderCacheTests.bound)
    }

    @Test func senselessInterventionsAreRefused() throws {
        let decoder = try SmallModel().decoder()
        func expect(_ error: ForwardError, _ intervention: Intervention) {
            #expect(throws: error) {
                try decoder.forward([DecoderSlice([1])], interventions: [intervention])
            }
        }
        let vector = Self.vector(7)
        expect(.interventionBlock(block: 3, blockCount: 3), Intervention(block: 3, vector: vector))
        expect(
            .interventionBlock(block: -1, blockCount: 3), Intervention(block: -1, vector: vector))
        expect(
            .interventionBlock(block: 1, blockCount: 1),
            Intervention(site: .embed, block: 1, vector: vector))
        expect(
            .interventionWidth(block: 0, site: .residPost, expected: 20, found: 19),
            Intervention(block: 0, vector: Array(vector.dropLast())))
        expect(
            .interventionNotFinite(block: 0, site: .residMid),
            Intervention(site: .residMid, block: 0, vector: vector.map { $0 / 0 }))
        expect(
            .interventionNotFinite(block: 0, site: .residPost),
            Intervention(block: 0, vector: vector, strength: .nan))
        expect(
            .interventionWithoutDirection(block: 0, site: .residPost),
            Intervention(block: 0, operation: .ablate, vector: vector.map { _ in 0 }))
    }
}
