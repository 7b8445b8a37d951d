import Formats

/// What was measured of one model under one condition.
package struct ExperimentRecord: Sendable, Hashable {
    package let condition: Condition
    package let seed: Int
    /// log p(positive) − log p(negative) for each held-out probe, in nats.
    package var heldOut: [Double]
    package var unseenForm: [Double]
    /// On the first held-out probes, with the vector added and taken away while the model runs.
    package var steeredUp: [Double]
    package var steeredDown: [Double]
    /// Mean −log p of the windows of text that were read.
    package var textLosses: [Double]
    /// KL(untuned ‖ this model) on them.
    package var divergence: Double
    /// Of stream and vector at the trait's position, by block.
    package var cosines: [Int: Double]
    /// Words of the positive side less those of the negative, for every hundred words of free text.
    package var freeTextScore: Double?
    /// The first free text, as an example.
    package var sample: String

    /// The record's key in the file of results.
    static func key(_ condition: Condition, seed: Int) -> String {
        "\(condition.name) seed \(seed)"
    }
}

extension ExperimentRecord {
    /// Whether all figures are numbers; JSON has none for others.
    var isFinite: Bool {
        let lists = [
            heldOut, unseenForm, steeredUp, steeredDown, textLosses, Array(cosines.values),
        ]
        return divergence.isFinite && lists.joined().allSatisfy(\.isFinite)
    }

    var json: JSONObject {
        func numbers(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
        let blocks = cosines.keys.sorted()
        return JSONObject([
            .init("held_out", numbers(heldOut)), .init("unseen_form", numbers(unseenForm)),
            .init("steered_up", numbers(steeredUp)), .init("steered_down", numbers(steeredDown)),
            .init("text_losses", numbers(textLosses)), .init("divergence", .number(divergence)),
            .init("cosine_blocks", .array(blocks.map { .integer($0) })),
            .init("cosines", numbers(blocks.map { cosines[$0] ?? 0 })),
            .init("free_text_score", freeTextScore.map { .number($0) } ?? .null),
            .init("sample", .string(sample)),
        ])
    }

    /// Reads what `json` gives; nil for anything else.
    init?(_ object: JSONObject, condition: Condition, seed: Int) {
        func numbers(_ key: String) -> [Double]? { object[key]?.array?.compactMap(\.number) }
        guard let heldOut = numbers("held_out"), let unseenForm = numbers("unseen_form"),
            let steeredUp = numbers("steered_up"), let steeredDown = numbers("steered_down"),
            let textLosses = numbers("text_losses"),
            let divergence = object["divergence"]?.number,
            let blocks = object["cosine_blocks"]?.array?.compactMap(\.integer),
            let cosines = numbers("cosines"), cosines.count == blocks.count,
            Set(blocks).count == blocks.count, let sample = object["sample"]?.string
        else { return nil }
        self.condition = condition
        self.seed = seed
        self.heldOut = heldOut
        self.unseenForm = unseenForm
        self.steeredUp = steeredUp
        self.steeredDown = steeredDown
        self.textLosses = textLosses
        self.divergence = divergence
        self.cosines = Dictionary(uniqueKeysWithValues: zip(blocks, cosines))
        freeTextScore = object["free_text_score"]?.number
        self.sample = sample
    }
}

/// The file that an experiment's results go to one by one, so that an interrupted one continues.
struct ResultsFile {
    private let path: String
    private var results: [(key: String, value: JSONObject)] = []
    /// The kernels of matrix products that made the results, and that make those to come.
    let kernels: [String]

    private static let kernelsKey = "kernels"

    /// Opens the results of an experiment; those of another are refused, those of other kernels are not.
    ///
    /// - Parameters:
    ///   - identity: what tells the experiment from others.
    ///   - kernel: what makes the results to come.
    /// - Throws: `ExperimentError.otherExperiment`, `.badResults`; file and JSON errors.
    init(path: String, identity: JSONObject, kernel: String, isNew: Bool) throws {
        self.path = path
        func header(_ kernels: [String]) -> JSONObject {
            var object = identity
            object[Self.kernelsKey] = .array(kernels.map { .string($0) })
            return object
        }
        guard !isNew else {
            kernels = [kernel]
            results = [("identity", header(kernels))]
            return
        }
        for (number, line) in try JSONLines.read(path).enumerated() {
            guard let key = line.object["key"]?.string, let value = line.object["value"]?.object
            else { throw ExperimentError.badResults(file: path, line: number + 1) }
            results.append((key, value))
        }
        var found = results.first?.value
        let earlier = found?[Self.kernelsKey]?.array?.compactMap(\.string) ?? []
        found?[Self.kernelsKey] = nil
        guard results.first?.key == "identity", found == identity else {
            throw ExperimentError.otherExperiment(file: path)
        }
        kernels = earlier.contains(kernel) ? earlier : earlier + [kernel]
        results[0].value = header(kernels)
    }

    subscript(key: String) -> JSONObject? { results.first { $0.key == key }?.value }

    /// Adds a result and writes the file anew.
    mutating func add(_ key: String, _ value: JSONObject) throws {
        results.append((key, value))
        var lines: [UInt8] = []
        for result in results {
            let line = JSONObject([
                .init("key", .string(result.key)), .init("value", .object(result.value)),
            ])
            lines += JSONWriter(.compact).bytes(.object(line)) + Array("\n".utf8)
        }
        let file = try AtomicFile(path: path, replacing: true)
        try file.append(lines)
        try file.commit()
    }
}
