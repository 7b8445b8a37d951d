import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

@Suite struct VectorArithmeticTests {
    private func term(
        _ name: String, _ directions: [Int: [Float]], scale: Float = 1, site: Site = .residPost,
        hint: String = "llama"
    ) -> VectorTerm {
        VectorTerm(
            name: name, scale: scale,
            vector: SteeringVector(
                site: site, directions: directions, provenance: .init(modelHint: hint)))
    }

    @Test func aSumIsWhatTheVectorsDoTogether() throws {
        let a = term("a:2", [1: [1, 2], 2: [3, 4]], scale: 2)
        let b = term("b:-0.5@2-3", [2: [2, 8], 3: [1, 1]], scale: -0.5)
        let sum = try SteeringVector.sum([a, b])
        #expect(sum.directions == [1: [2, 4], 2: [5, 4], 3: [-0.5, -0.5]])
        #expect(sum.provenance.operations == ["add a:2 b:-0.5@2-3"])
        #expect(sum.provenance.normalization == "none")
        // Rounded once: 2²⁴ + 1 − 2²⁴ is 1.
        let large = term("l", [1: [0x1p24]])
        let one = term("o", [1: [1]])
        let minus = term("m", [1: [0x1p24]], scale: -1)
        #expect(try SteeringVector.sum([large, one, minus]).directions == [1: [1]])
    }

    @Test func whatDoesNotBelongTogetherIsRefused() throws {
        let a = term("a", [1: [1, 2]])
        #expect(throws: VectorError.otherWidth(file: "b", width: 3, other: "a", wanted: 2)) {
            try SteeringVector.sum([a, term("b", [1: [1, 2, 3]])])
        }
        #expect(throws: VectorError.otherSite(file: "b", site: .residMid, wanted: .residPost)) {
            try SteeringVector.sum([a, term("b", [1: [1, 2]], site: .residMid)])
        }
        #expect(throws: VectorError.beyondFloat(block: 1, index: 1, value: 2 * Double(Float(3e38))))
        {
            try SteeringVector.sum([term("a", [1: [1, 3e38]]), term("b", [1: [1, 3e38]])])
        }
        #expect([a, term("b", [1: [1, 2]], hint: "gpt2")].otherBases.count == 1)
        #expect([a, term("b", [1: [1, 2]], hint: "")].otherBases.isEmpty)
    }

    @Test func scalingAndNegating() throws {
        var vector = term("a", [1: [3, 4], 2: [0, 2]]).vector
        vector.provenance.signAgreement = [1: 1, 2: 0.5]
        vector.provenance.normalization = "unit"
        let negated = try vector.scaled(by: -1, name: "a")
        #expect(negated.directions == [1: [-3, -4], 2: [0, -2]])
        #expect(negated.provenance.signAgreement.isEmpty)
        #expect(negated.provenance.normalization == "unit")
        #expect(negated.provenance.operations == ["negate a"])
        let half = try vector.scaled(by: 0.5, name: "a")
        #expect(half.directions == [1: [1.5, 2], 2: [0, 1]])
        #expect(half.provenance.signAgreement == [1: 1, 2: 0.5])
        #expect(half.provenance.normalization == "none")
        let unit = try vector.withLength(1, name: "a")
        #expect(unit.directions == [1: [0.6, 0.8], 2: [0, 1]])
        #expect(throws: VectorError.noLength(file: "z", block: 1)) {
            try term("z", [1: [0, 0]]).vector.withLength(1, name: "z")
        }
        #expect(throws: VectorError.self) { try vector.scaled(by: 1e38, name: "a") }
    }

    @Test func theSpanOfOthersIsTakenOutAsOne() throws {
        var generator = SeededGenerator(seed: 9)
        func random() -> [Float] {
            (0..<40).map { _ in Float.random(in: -1...1, using: &generator) }
        }
        let (x, y, z) = (random(), random(), random())
        // Nearly the same direction twice, of very different lengths.
        let near = zip(x, y).map { 1000 * ($0 + 0.01 * $1) }
        let a = term("a", [1: z, 2: z])
        let result = try Orthogonalization(a, against: [term("x", [1: x]), term("n", [1: near])])
        let rest = try #require(result.vector.directions[1])
        for other in [x, y, near] { #expect(abs(rest.cosine(with: other)) < 1e-5) }
        for other in [x, near] { #expect(abs(rest.cosine(with: other)) < 1e-7) }
        #expect(result.vector.directions[2] == z)
        #expect(result.blocks.map(\.spanned) == [2, 0])
        #expect(result.blocks[1].share == 1)
        #expect(abs(result.blocks[0].share - rest.norm / z.norm) < 1e-12)
        #expect(result.vector.provenance.projectedOut == ["x", "n"])
        let lost = Double(result.vector.provenance.lengthLost[1] ?? 0)
        #expect(abs(lost - (1 - result.blocks[0].share)) < 1e-6)
        #expect(result.vector.provenance.lengthLost[2] == 0)
        // In another order, the same.
        let turned = try Orthogonalization(a, against: [term("n", [1: near]), term("x", [1: x])])
        #expect(turned.vector.directions == result.vector.directions)
        let nothing = #expect(throws: VectorError.self) {
            try Orthogonalization(
                term("s", [1: zip(x, y).map { $0 + $1 }]),
                against: [term("x", [1: x]), term("y", [1: y])])
        }
        #expect(
            nothing?.description.contains("nothing is left of the direction of block 1") ?? false)
        #expect(throws: VectorError.noCommonBlock(file: "a", blocks: [1, 2], others: [3])) {
            try Orthogonalization(a, against: [term("x", [3: x])])
        }
    }

    @Test func comparisonFindsANumberingThatIsOff() throws {
        var generator = SeededGenerator(seed: 4)
        let rows = (0..<6).map { _ in
            (0..<32).map { _ in Float.random(in: -1...1, using: &generator) }
        }
        let right = Dictionary(uniqueKeysWithValues: (1..<5).map { ($0, rows[$0]) })
        let late = Dictionary(
            uniqueKeysWithValues: right.map { ($0.key + 1, $0.value.map { 2 * $0 }) })
        let comparison = try VectorComparison([
            term("a", right), term("b", late), term("c", right.mapValues { $0.map { -3 * $0 } }),
        ])
        #expect(comparison.blocks == [1, 2, 3, 4, 5])
        #expect(comparison.bestShift(.init(first: 0, second: 1)) == 1)
        #expect(comparison.bestShift(.init(first: 0, second: 2)) == 0)
        let opposite = try #require(comparison.meanCosine(.init(first: 0, second: 2)))
        #expect(abs(opposite + 1) < 1e-12)
        #expect(comparison.cosine(.init(first: 0, second: 1), block: 1) == nil)
        #expect(comparison.norm(1, block: 2).map { abs($0 - 2 * rows[1].norm) < 1e-9 } == true)
        let next = try #require(comparison.cosineWithNext(0, block: 1))
        #expect(abs(next - rows[1].cosine(with: rows[2])) < 1e-12)
        #expect(comparison.cosineWithNext(0, block: 4) == nil)
        #expect(throws: VectorError.self) {
            try VectorComparison([term("a", right), term("w", [1: [1]])])
        }
    }
}

/// The logit lens against f64 on transformers' weights (`make_vectors.py`).
@Suite struct VectorLensTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let family: String
        let direction: [Float]
        let values: [Double]

        var testDescription: String { family }
    }

    static let cases: [Case] = {
        let path = Samples.path("../Tests/TuningTests/Fixtures/vectors/lens.json")
        let file = try? MappedFile(path: path)
        let values = file.flatMap { try? JSONReader.parse($0.bytes, source: path).array } ?? []
        return values.compactMap(\.object).map { object in
            func numbers(_ key: String) -> [Double] {
                object[key]?.array?.compactMap(\.number) ?? []
            }
            return Case(
                family: object["family"]?.string ?? "",
                direction: numbers("direction").map { Float($0) }, values: numbers("values"))
        }
    }()

    @Test func theFixtureIsThere() { #expect(Self.cases.count == 5) }

    @Test(arguments: cases)
    func isThatOfTransformers(_ sample: Case) throws {
        let decoder = try Decoder(
            checkpoint: Checkpoint.open(Families.folder(sample.family)),
            crew: WorkCrew(threads: 2))
        let term = VectorTerm(
            name: "v",
            vector: SteeringVector(
                site: .residPost,
                directions: [0: sample.direction, 1: sample.direction.map { -2 * $0 }],
                provenance: .init(modelHint: "")))
        let count = sample.values.count
        let lens = try VectorLens(term, decoder: decoder, tokenCount: count, count: count)
        let scale = sample.values.map(abs).max() ?? 0
        for (row, factor) in zip(lens.rows, [1.0, -2.0]) {
            #expect(row.top.count == count && row.bottom.count == count)
            for entry in row.top {
                let error = abs(Double(entry.value) - factor * sample.values[entry.token])
                #expect(error < 1e-5 * abs(factor) * scale)
            }
            #expect(zip(row.top, row.top.dropFirst()).allSatisfy { $0.value >= $1.value })
            #expect(zip(row.bottom, row.bottom.dropFirst()).allSatisfy { $0.value <= $1.value })
            #expect(Set(row.top.map(\.token)).count == count)
            let mean = factor * sample.values.reduce(0, +) / Double(count)
            #expect(abs(row.mean - mean) < 1e-5 * abs(factor) * scale)
        }
        // Fewer tokens than rows of the head: those behind are no tokens.
        let few = try VectorLens(term, decoder: decoder, tokenCount: 5, count: 10)
        #expect(few.rows.allSatisfy { $0.top.count == 5 && $0.top.allSatisfy { $0.token < 5 } })
        let wide = VectorTerm(
            name: "w",
            vector: SteeringVector(
                site: .residPost, directions: [0: [1]], provenance: .init(modelHint: "")))
        #expect(
            throws: VectorError.wrongWidth(file: "w", width: 1, model: sample.direction.count)
        ) {
            try VectorLens(wide, decoder: decoder, tokenCount: 5, count: 1)
        }
    }
}
