import TestSupport
import Testing

@testable import Formats

/// Every member of `Hyperparameters` is known to the readers and writers of both formats, to the loss check, to `diff`
/// and to `inspect`: each is really changed, written, read back and compared. A member without a row in `rows` fails by
/// its name.
@Suite struct EveryNumberTests {
    /// What becomes of a changed number in a format.
    enum Fate: Sendable {
        /// It comes back from a file of this fixture's family.
        case kept(_ family: String)
        /// No file holds it; the loss check names it so.
        case told(_ family: String, _ name: String)
        /// It is read from this format and never written to it.
        case onlyRead
    }

    struct Row: Sendable {
        let member: String
        let config: Fate
        let metadata: Fate
        /// Whether the model computes something else for it, so that `diff` says so.
        var isCompared = true
        let change: @Sendable (inout Hyperparameters) -> Void
    }

    static let rows: [Row] = [
        Row("blockCount", .kept("llama")) { $0.blockCount += 1 },
        Row("hiddenSize", .kept("llama")) { $0.hiddenSize += 8 },
        Row("feedForwardSize", .kept("llama")) { $0.feedForwardSize += 3 },
        Row("headCount", .kept("llama")) { $0.headCount *= 2 },
        Row("keyValueHeadCount", .kept("llama")) { $0.keyValueHeadCount = 1 },
        Row("headSize", .kept("llama")) {
            $0.headSize += 2
            $0.rope.dimensions += 2
        },
        Row("vocabularySize", .kept("llama")) { $0.vocabularySize += 1 },
        Row("contextLength", .kept("llama")) { $0.contextLength += 1 },
        Row("normEpsilon", .kept("llama")) { $0.normEpsilon = 0.25 },
        Row("rope.base", .kept("llama")) { $0.rope.base = 777 },
        Row("rope.dimensions", .kept("gpt_neox")) { $0.rope.dimensions = 6 },
        Row("rope.scaling", .kept("granite")) { $0.rope.scaling = .linear(factor: 3) },
        Row("tiesEmbeddings", .kept("llama")) { $0.tiesEmbeddings.toggle() },
        Row("originalContextLength", .kept("phi3"), isCompared: false) {
            // A long rope has a copy of it.
            $0.rope.scaling = .none
            $0.originalContextLength = 33
        },
        Row(
            "activation", .told("llama", "activation"), .told("llama", "activation")
        ) { $0.activation = .gelu },
        Row("isParallel", .kept("gpt_neox")) { $0.isParallel.toggle() },
        Row("attentionScale", .kept("gemma2"), .kept("granite")) { $0.attentionScale = 0.125 },
        Row("queryGrowth", .kept("ministral3")) { $0.queryGrowth = 0.25 },
        Row("scoreCap", .kept("gemma2")) { $0.scoreCap = 7 },
        Row("logitCap", .kept("gemma2")) { $0.logitCap = 9 },
        Row("blockKinds", .kept("gemma3")) { numbers in
            for block in numbers.blockKinds.indices where numbers.blockKinds[block].window != nil {
                numbers.blockKinds[block].window = 11
            }
        },
        // A pattern that follows no rule.
        Row("blockKinds", .kept("gemma3")) { numbers in
            guard let first = numbers.blockKinds.first else { return }
            numbers.blockKinds[0] = numbers.blockKinds[numbers.blockKinds.count - 1]
            numbers.blockKinds[numbers.blockKinds.count - 1] = first
        },
        Row("blockKinds", .kept("gemma3")) { numbers in
            for block in numbers.blockKinds.indices where numbers.blockKinds[block].window != nil {
                let width = min(numbers.rope.dimensions, numbers.sizes(ofBlock: block).headSize)
                numbers.blockKinds[block].rotation = .own(
                    RopeParameters(base: 555, dimensions: width))
            }
        },
        Row("blockKinds", .kept("smollm3"), .told("smollm3", "blocks without rotation")) {
            $0.blockKinds = []
        },
        Row("blockKinds", .kept("granite4")) { numbers in
            numbers.blockKinds = (0..<numbers.blockCount).map { _ in BlockKind(rotation: .none) }
        },
        Row("blockKinds", .kept("gemma4")) { numbers in
            for block in numbers.blockKinds.indices where numbers.blockKinds[block].window != nil {
                numbers.blockKinds[block].headSize = 10
                numbers.blockKinds[block].rotation = .own(
                    RopeParameters(base: 10_000, dimensions: 10))
            }
        },
        Row("blockKinds", .kept("gemma4-large")) { numbers in
            for block in numbers.blockKinds.indices where numbers.blockKinds[block].window != nil {
                numbers.blockKinds[block].keyValueHeadCount = 4
            }
        },
        Row("blockKinds", .kept("gemma4-large")) { numbers in
            for block in numbers.blockKinds.indices {
                numbers.blockKinds[block].valuesAreKeys = false
            }
            numbers.keyValueHeadCount = 2
            for block in numbers.blockKinds.indices {
                numbers.blockKinds[block].keyValueHeadCount = nil
            }
        },
        Row("perLayerInputSize", .kept("gemma4")) { $0.perLayerInputSize = 3 },
        Row("unusedStateSpace.convolutionLength", .kept("granite4"), isCompared: false) {
            $0.unusedStateSpace?.convolutionLength = 3
        },
        Row("unusedStateSpace.stateSize", .kept("granite4"), isCompared: false) {
            $0.unusedStateSpace?.stateSize = 9
        },
        Row("unusedStateSpace.groupCount", .kept("granite4"), isCompared: false) {
            $0.unusedStateSpace?.groupCount = 2
        },
        Row("unusedStateSpace.innerSize", .kept("granite4"), isCompared: false) {
            $0.unusedStateSpace?.innerSize *= 3
        },
        Row("unusedStateSpace.headCount", .kept("granite4"), isCompared: false) {
            $0.unusedStateSpace?.headCount = 3
        },
        Row(
            "unusedWindow", .told("phi3", "sliding window"), .onlyRead, isCompared: false
        ) {
            $0.blockKinds = []
            $0.unusedWindow = 9
        },
        Row("blockKinds", .kept("lfm2")) { numbers in
            numbers.blockKinds.reverse()
        },
        Row("convolutionLength", .kept("lfm2")) { $0.convolutionLength = 5 },
        Row("embeddingScale", .kept("granite")) { $0.embeddingScale = 6 },
        Row("residualScale", .kept("granite")) { $0.residualScale = 0.75 },
        Row("logitScale", .kept("granite")) { $0.logitScale = 0.125 },
        Row("blockKinds", .kept("qwen3_5")) { numbers in
            guard numbers.deltaNet != nil else { return }
            numbers.blockKinds[0].mixer = .attention
            numbers.blockKinds[numbers.blockCount - 1].mixer = .deltaNet
        },
        Row("deltaNet.keyHeads", .kept("qwen3_5")) { $0.deltaNet?.keyHeads = 3 },
        Row("deltaNet.valueHeads", .kept("qwen3_5")) { $0.deltaNet?.valueHeads = 4 },
        // llama.cpp has one size for both.
        Row("deltaNet.keySize", .kept("qwen3_5")) {
            $0.deltaNet?.keySize = 16
            $0.deltaNet?.valueSize = 16
        },
        Row("deltaNet.valueSize", .kept("qwen3_5")) {
            $0.deltaNet?.keySize = 12
            $0.deltaNet?.valueSize = 12
        },
        Row("deltaNet.taps", .kept("qwen3_5")) { $0.deltaNet?.taps = 3 },
        Row("deltaNet.statedInterval", .kept("qwen3_5"), isCompared: false) {
            $0.deltaNet?.statedInterval = 3
        },
        Row("predictionBlocks", .kept("qwen3_5"), isCompared: false) { $0.predictionBlocks = 1 },
        Row("ropeSections", .kept("qwen3_5")) { $0.ropeSections = [2, 0, 0] },
        Row("experts.count", .kept("qwen3_moe")) { $0.experts?.count = 7 },
        Row("experts.usedCount", .kept("qwen3_moe")) { $0.experts?.usedCount = 3 },
        Row("experts.feedForwardSize", .kept("qwen3_moe")) { $0.experts?.feedForwardSize = 12 },
        Row(
            "experts.normalizesShares", .kept("qwen3_moe"), .told("qwen3_moe", "shares of experts")
        ) { $0.experts?.normalizesShares = false },
        Row(
            "experts.scoring", .told("qwen3_moe", "shares of experts"),
            .told("qwen3_moe", "shares of experts")
        ) { $0.experts?.scoring = .sigmoid(epsilon: 0) },
        Row(
            "experts.shareScale", .told("qwen3_moe", "shares of experts"),
            .told("qwen3_moe", "shares of experts")
        ) { $0.experts?.shareScale = 2.5 },
        Row("experts.sharedFeedForwardSize", .kept("qwen2_moe")) {
            $0.experts?.sharedFeedForwardSize = 9
        },
        Row(
            "experts.isBesideDense", .told("qwen3_moe", "shares of experts"),
            .told("qwen3_moe", "shares of experts")
        ) { $0.experts?.isBesideDense = true },
    ]

    /// The names and values of all members, those of the values inside under names with points.
    static func members(_ numbers: Any, prefix: String = "") -> [(name: String, value: String)] {
        Mirror(reflecting: numbers).children.flatMap { child -> [(name: String, value: String)] in
            let name = prefix + (child.label ?? "")
            let whole = Mirror(reflecting: child.value)
            let inner: Any? =
                whole.displayStyle == .optional ? whole.children.first?.value : child.value
            guard let value = inner, Mirror(reflecting: value).displayStyle == .struct else {
                return [(name, "\(child.value)")]
            }
            return members(value, prefix: name + ".")
        }
    }

    /// The numbers of a fixture, and of another family's for values inside that it does not have.
    private func numbers(_ family: String) throws -> Hyperparameters {
        try FamilyFixture(family).open().hyperparameters()
    }

    private func value(_ member: String, of numbers: Hyperparameters) -> String? {
        Self.members(numbers).first { $0.name == member }?.value
    }

    @Test func everyMemberHasARow() throws {
        var full = try numbers("gemma3")
        full.experts = try numbers("qwen2_moe").experts
        full.deltaNet = try numbers("qwen3_5").deltaNet
        full.unusedStateSpace = try numbers("granite4").unusedStateSpace
        let known = Set(Self.rows.map(\.member))
        for member in Self.members(full) {
            #expect(known.contains(member.name), "'\(member.name)' has no row in this test")
        }
        #expect(known.subtracting(Self.members(full).map(\.name)) == [])
    }

    @Test(arguments: rows)
    func aDifferenceIsSaid(row: Row) throws {
        guard let family = row.config.family else { return }
        let source = try FamilyFixture(family).open()
        let base = try source.hyperparameters()
        var changed = base
        row.change(&changed)
        #expect(value(row.member, of: base) != value(row.member, of: changed))
        let table = try source.requireArchitecture().numbers
        #expect(
            !row.isCompared || !SettingComparison.differences(base, changed, table).isEmpty,
            "'\(row.member)' is unknown to diff")
        let architecture = try source.requireArchitecture()
        let (before, after) = (architecture.facts(of: base), architecture.facts(of: changed))
        #expect(
            !row.isCompared || before.map(\.text) != after.map(\.text),
            "'\(row.member)' is unknown to inspect")
    }

    @Test(arguments: rows, [FileFormat.safetensors, .gguf])
    func aFileKeepsItOrItIsTold(row: Row, format: FileFormat) throws {
        let fate = format == .gguf ? row.metadata : row.config
        guard let family = fate.family else { return }
        let source = try FamilyFixture(family).open()
        let base = try source.hyperparameters()
        var changed = base
        row.change(&changed)
        let trip = try RoundTrip(source, format)
        switch fate {
        case .kept:
            for numbers in [base, changed] {
                let back = value(row.member, of: try trip.read(numbers))
                #expect(
                    back == value(row.member, of: numbers),
                    "'\(row.member)' does not come back from \(format)")
            }
        case .told(_, let name):
            #expect(
                trip.notes(changed).contains { $0.contains(name) },
                "'\(row.member)' is lost in \(format) and nothing says so")
        case .onlyRead: break
        }
    }

    /// What no file of a family keeps is told or refused, whichever number and whichever family it is.
    @Test(arguments: rows, [FileFormat.safetensors, .gguf])
    func noFamilyLosesItInSilence(row: Row, format: FileFormat) throws {
        guard row.isCompared else { return }
        for family in Families.convertible {
            let source = try FamilyFixture(family).open()
            let base = try source.hyperparameters()
            var changed = base
            row.change(&changed)
            let table = try source.requireArchitecture().numbers
            guard SettingComparison.differences(base, changed, table) != [] else { continue }
            let trip = try RoundTrip(source, format)
            let notes = trip.notes(changed)
            guard notes == trip.notes(base) else { continue }
            let back = value(row.member, of: try trip.read(changed))
            #expect(
                back == value(row.member, of: changed),
                "'\(row.member)' of a '\(family)' is lost in \(format) and nothing says so")
        }
    }
}

/// Writes the numbers of a model to a format and reads them back.
private struct RoundTrip {
    let architecture: Architecture
    let format: FileFormat
    let lacksFeedForwardNorm: Bool

    init(_ source: Checkpoint, _ format: FileFormat) throws {
        architecture = try source.requireArchitecture()
        self.format = format
        lacksFeedForwardNorm = source.tensor(.block(0, .feedForwardNorm)) == nil
    }

    func read(_ numbers: Hyperparameters) throws -> Hyperparameters {
        switch format {
        case .safetensors:
            try Hyperparameters(
                config: config(numbers), architecture: architecture, file: "config.json")
        case .gguf:
            try numbers.readBack(
                metadata(numbers), architecture, file: "m.gguf",
                lacksFeedForwardNorm: lacksFeedForwardNorm)
        }
    }

    /// What the loss check says, be it a refusal.
    func notes(_ numbers: Hyperparameters) -> [String] {
        do {
            switch format {
            case .safetensors:
                return try ConversionLoss.notes(of: numbers, in: config(numbers), architecture)
            case .gguf:
                return try ConversionLoss.notes(
                    of: numbers, in: metadata(numbers), architecture, file: "m.gguf",
                    lacksFeedForwardNorm: lacksFeedForwardNorm)
            }
        } catch {
            return ["\(error)"]
        }
    }

    private func config(_ numbers: Hyperparameters) -> JSONObject {
        numbers.config(architecture: architecture, biasFlags: [:], type: .f32, tokenizer: nil)
    }

    private func metadata(_ numbers: Hyperparameters) throws -> GGUFMetadata {
        GGUFMetadata(try numbers.metadata(architecture: architecture))
    }
}

extension EveryNumberTests.Row {
    init(
        _ member: String, _ config: EveryNumberTests.Fate, _ metadata: EveryNumberTests.Fate? = nil,
        isCompared: Bool = true, change: @escaping @Sendable (inout Hyperparameters) -> Void
    ) {
        self.init(
            member: member, config: config, metadata: metadata ?? config, isCompared: isCompared,
            change: change)
    }
}

extension EveryNumberTests.Row: CustomTestStringConvertible {
    var testDescription: String { member }
}

extension EveryNumberTests.Fate {
    var family: String? {
        switch self {
        case .kept(let family), .told(let family, _): family
        case .onlyRead: nil
        }
    }
}
