import Formats
import Foundation
import TestSupport
import Testing

@testable import Transformer

/// Compares with transformers in f32 on the same weights (samples/*/reference.json and the scripts beside them).
@Suite struct DecoderReferenceTests {
    /// The largest error of a logit, relative to the largest logit.
    static let bound = 1e-4

    private static let samples = URL(filePath: Samples.path(""))

    private static func reference<Reference: Decodable>(
        _ folder: String, as type: Reference.Type
    ) throws -> Reference {
        let url = samples.appending(path: folder).appending(path: "reference.json")
        return try JSONDecoder().decode(type, from: Data(contentsOf: url))
    }

    private static func decoder(_ path: String) throws -> Decoder {
        try Decoder(checkpoint: Checkpoint.open(path), crew: WorkCrew(threads: 2))
    }

    /// The logits of the last token, and the residual stream of one position at each site.
    private static func run(
        _ decoder: Decoder, _ tokens: [Int], _ interventions: [Intervention] = []
    ) throws -> [Float] {
        var last: [Float] = []
        let receiver = LogitsReceiver(scope: .last) { _, _, row in
            last = row.withUnsafeBufferPointer { Array($0) }
        }
        try decoder.forward([DecoderSlice(tokens)], interventions: interventions, logits: receiver)
        return last
    }

    private static func greedy(
        _ decoder: Decoder, _ tokens: [Int], count: Int, _ interventions: [Intervention] = []
    ) throws -> [Int] {
        var generator = try TextGenerator(
            decoder, options: .init(maximumTokens: count, interventions: interventions))
        return try generator.generate(from: tokens).tokens
    }

    // MARK: - The small trained checkpoint in samples/tiny

    private struct TinyReference: Decodable {
        let cases: [Case]
        let interventions: [Steered]

        struct Case: Decodable {
            let name: String
            let tokens: [Int]
            let logits: [Float]
            let greedy: [Int]
            let residuals: [Residuals]?
        }

        struct Steered: Decodable {
            let name: String
            let site: String
            let block: Int
            let operation: String
            let strength: Float
            let vector: [Float]
            let `case`: Int
            let logits: [Float]
            let greedy: [Int]

            func intervention() throws -> Intervention {
                Intervention(
                    site: try #require(Site(rawValue: site)), block: block,
                    operation: try #require(Intervention.Operation(rawValue: operation)),
                    vector: vector, strength: strength)
            }
        }

        /// The streams at one position, by site.
        struct Residuals: Decodable {
            var position = 0
            var streams: [String: [Float]] = [:]

            private struct Key: CodingKey {
                let stringValue: String
                var intValue: Int? { nil }
                init(stringValue: String) { self.stringValue = stringValue }
                init?(intValue: Int) { nil }
            }

            init(from decoder: any Swift.Decoder) throws {
                let container = try decoder.container(keyedBy: Key.self)
                for key in container.allKeys {
                    if key.stringValue == "position" {
                        position = try container.decode(Int.self, forKey: key)
                    } else {
                        streams[key.stringValue] = try container.decode([Float].self, forKey: key)
                    }
                }
            }
        }
    }

    private static let tinyModel = samples.appending(path: "tiny/tiny-mood.gguf").path
    private static let hasTinyModel = FileManager.default.fileExists(atPath: tinyModel)

    @Test(.enabled(if: hasTinyModel, "samples/tiny/tiny-mood.gguf is not there"))
    func theTinyModelAgreesWithTransformers() throws {
        let reference = try Self.reference("tiny", as: TinyReference.self)
        let decoder = try Self.decoder(Self.tinyModel)
        #expect(reference.cases.count >= 10)
        for expected in reference.cases {
            let logits = try Self.run(decoder, expected.tokens)
            #expect(
                relativeDifference(logits, expected.logits) < Self.bound,
                Comment(rawValue: expected.name))
            let greedy = try Self.greedy(decoder, expected.tokens, count: expected.greedy.count)
            #expect(greedy == expected.greedy, Comment(rawValue: expected.name))
            for residuals in expected.residuals ?? [] {
                let trace = try Trace(of: expected.tokens, in: decoder)
                #expect(residuals.streams.count == trace.entries.count - 1)
                for (name, stream) in residuals.streams {
                    let entry = try #require(trace[name])
                    let start = residuals.position * entry.columns
                    let found = Array(entry.values[start..<start + entry.columns])
                    #expect(
                        relativeDifference(found, stream) < Self.bound,
                        Comment(rawValue: "\(expected.name), \(name)"))
                }
            }
        }
    }

    @Test(.enabled(if: hasTinyModel, "samples/tiny/tiny-mood.gguf is not there"))
    func theTinyModelIsSteeredAsTransformersIs() throws {
        let reference = try Self.reference("tiny", as: TinyReference.self)
        let decoder = try Self.decoder(Self.tinyModel)
        #expect(!reference.interventions.isEmpty)
        for expected in reference.interventions {
            let tokens = reference.cases[expected.case].tokens
            let steering = [try expected.intervention()]
            let logits = try Self.run(decoder, tokens, steering)
            #expect(
                relativeDifference(logits, expected.logits) < Self.bound,
                Comment(rawValue: expected.name))
            let greedy = try Self.greedy(decoder, tokens, count: expected.greedy.count, steering)
            #expect(greedy == expected.greedy, Comment(rawValue: expected.name))
        }
    }

    // MARK: - SmolLM2-135M-Instruct, which is not in the repository

    private struct SmolLM2Reference: Decodable {
        let probedIds: [Int]
        let cases: [Case]

        struct Case: Decodable {
            let name: String
            let tokens: [Int]
            let maxAbsoluteLogit: Double
            let topIds: [Int]
            let topLogits: [Float]
            let probedLogits: [Float]
            let residualNorms: [Double]
            let greedy: [Int]
        }
    }

    private static let model = ProcessInfo.processInfo.environment["RTEDIT_MODEL"]

    @Test(.enabled(if: model != nil, "RTEDIT_MODEL does not name SmolLM2-135M-Instruct.Q4_1.gguf"))
    func smolLM2AgreesWithTransformers() throws {
        let reference = try Self.reference("smollm2", as: SmolLM2Reference.self)
        let decoder = try Self.decoder(try #require(Self.model))
        var (largestLogitError, largestNormError, equalTexts) = (0.0, 0.0, 0)
        for expected in reference.cases {
            var norms: [Double] = []
            var logits: [Float] = []
            let observer = StreamObserver(sites: [.residPost], scope: .last) { _, row in
                let squares = row.withUnsafeBufferPointer { row in
                    row.reduce(0) { $0 + Double($1) * Double($1) }
                }
                norms.append(squares.squareRoot())
            }
            let receiver = LogitsReceiver(scope: .last) { _, _, row in
                logits = row.withUnsafeBufferPointer { Array($0) }
            }
            try decoder.forward(
                [DecoderSlice(expected.tokens)], observer: observer, logits: receiver)
            let ids = expected.topIds + reference.probedIds
            let values = expected.topLogits + expected.probedLogits
            let error = zip(ids, values).reduce(0) { max($0, abs(Double(logits[$1.0] - $1.1))) }
            largestLogitError = max(largestLogitError, error / expected.maxAbsoluteLogit)
            for (found, norm) in zip(norms, expected.residualNorms) {
                largestNormError = max(largestNormError, abs(found - norm) / norm)
            }
            let greedy = try Self.greedy(decoder, expected.tokens, count: expected.greedy.count)
            if greedy == expected.greedy { equalTexts += 1 }
        }
        #expect(largestLogitError <= Self.bound)
        #expect(largestNormError <= Self.bound)
        #expect(equalTexts >= reference.cases.count - 1)
        print(
            "SmolLM2 against transformers: logits \(largestLogitError), norms \(largestNormError),",
            "greedy texts equal: \(equalTexts) of \(reference.cases.count)")
    }
}
