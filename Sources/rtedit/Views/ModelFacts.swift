import Formats
import Transformer
import Tuning

/// What there is to say about a checkpoint at a glance.
///
/// What cannot be found out is said so in its line; a file that is only partly understood can still be inspected.
struct ModelFacts {
    private(set) var lines: [(name: String, value: String)] = []
    private(set) var json = JSONObject([.init("kind", .string("model"))])
    /// What makes the model one that every other command refuses: impossible or contradicting numbers.
    private(set) var contradiction: (any Failure)?

    init(_ checkpoint: Checkpoint) {
        findContradiction(checkpoint)
        addFiles(checkpoint)
        addQuantization(checkpoint)
        addNumbers(checkpoint)
        addTypes(checkpoint)
        addTokenizer(checkpoint)
        addHistory(checkpoint)
        addRoutes(checkpoint)
    }

    private mutating func add(_ name: String, _ value: String) { lines.append((name, value)) }

    private mutating func findContradiction(_ checkpoint: Checkpoint) {
        do {
            try checkpoint.validate()
        } catch {
            contradiction = error as? any Failure
            json["problem"] = .string("\(error)")
        }
    }

    private mutating func addFiles(_ checkpoint: Checkpoint) {
        let format =
            switch checkpoint.source {
            case .gguf(let gguf):
                "GGUF version \(gguf.version)"
                    + (gguf.shards.count > 1 ? ", \(gguf.shards.count) files" : "")
            case .huggingFace(let files):
                "safetensors" + (files.shards.count > 1 ? ", \(files.shards.count) files" : "")
            }
        add("format", format)
        json["format"] = .string(checkpoint.format.rawValue)
        switch checkpoint.source {
        case .gguf(let gguf):
            json["gguf_version"] = .integer(Int(gguf.version))
            json["files"] = .integer(max(gguf.shards.count, 1))
        case .huggingFace(let files): json["files"] = .integer(files.shards.count)
        }
        let name = checkpoint.architectureName
        add(
            "architecture",
            (name ?? "not named")
                + (checkpoint.architecture == nil ? " (not one rtedit knows)" : ""))
        json["architecture"] = name.map { .string($0) } ?? .null
        json["supported"] = .bool(checkpoint.architecture != nil)
        addWrapper(checkpoint)
    }

    /// What else is in a multimodal folder.
    private mutating func addWrapper(_ checkpoint: Checkpoint) {
        guard checkpoint.wrapper != nil, let family = checkpoint.architecture else { return }
        let carried = checkpoint.carriedTensors.count
        add("text decoder", "of \(family), \(carried) tensors carried")
        json["text_decoder"] = .string(family.huggingFaceModelType)
        json["carried_tensors"] = .integer(carried)
    }

    private mutating func addQuantization(_ checkpoint: Checkpoint) {
        guard let quantization = checkpoint.quantization else { return }
        add(
            "quantised",
            "\(quantization)"
                + (quantization.problem == nil ? "" : "; it can be copied and patched"))
        json["quantization"] = .object(
            JSONObject([
                .init("method", .string(quantization.method)),
                .init("evidence", .string(quantization.evidence)),
                .init("problem", quantization.problem.map { .string($0.fact) } ?? .null),
            ]))
    }

    private mutating func addNumbers(_ checkpoint: Checkpoint) {
        do {
            let numbers = try checkpoint.storedHyperparameters()
            add("blocks", "\(numbers.blockCount)")
            let inner = numbers.feedForwardSize
            add("width", "\(numbers.hiddenSize)" + (inner > 0 ? ", feed-forward \(inner)" : ""))
            add(
                "attention",
                "\(numbers.headCount) heads of \(numbers.headSize), \(numbers.keyValueHeadCount) key/value heads"
            )
            add(
                "vocabulary",
                "\(numbers.vocabularySize)\(numbers.tiesEmbeddings ? ", head tied to the embedding" : "")"
            )
            add("context", "\(numbers.contextLength)")
            addPositions(checkpoint, numbers)
            let members: [(String, Int)] = [
                ("blocks", numbers.blockCount), ("hidden_size", numbers.hiddenSize),
                ("feed_forward_size", numbers.feedForwardSize), ("heads", numbers.headCount),
                ("key_value_heads", numbers.keyValueHeadCount), ("head_size", numbers.headSize),
                ("vocabulary", numbers.vocabularySize), ("context", numbers.contextLength),
            ]
            for (key, value) in members { json[key] = .integer(value) }
            json["tied_embeddings"] = .bool(numbers.tiesEmbeddings)
            let facts = checkpoint.architecture?.facts(of: numbers) ?? []
            for fact in facts where !Self.told.contains(fact.name) { add(fact.name, fact.text) }
            json["numbers"] = .object(JSONObject(facts.map { .init($0.name, .string($0.text)) }))
            json["values"] = .object(
                JSONObject(facts.map { .init($0.name, Self.value($0.text)) }))
            let unread = checkpoint.unreadKeys
            if !unread.isEmpty { add("not read", unread.joined(separator: ", ")) }
            json["not_read"] = .array(unread.map { .string($0) })
            if let contradiction { add("numbers", "unusable: \(contradiction)") }
        } catch {
            // Of a family that is not known, the line above says all there is to say; a wrapper's names the cause.
            if checkpoint.architecture == nil {
                guard case CheckpointError.unsupportedFeature = error else { return }
            }
            add("numbers", "unusable: \(error)")
            json["problem"] = .string("\(error)")
        }
    }

    /// What the text of a number says, as programs compute with it; other text as it is.
    private static func value(_ text: String) -> JSONValue {
        if let integer = Int(text) { return .integer(integer) }
        if let number = Double(text) { return .number(number) }
        return Bool(text).map { .bool($0) } ?? .string(text)
    }

    /// The numbers that have their place in the lines above; all others get a line of their own.
    static let told: Set<String> = [
        "blocks", "width", "feed-forward width", "heads", "key/value heads", "head width",
        "vocabulary size", "context length", "rotary base", "rotary dimensions", "rotary scaling",
        "tied embeddings",
    ]

    /// Where the model has rows for its positions, rotary numbers mean nothing.
    private mutating func addPositions(_ checkpoint: Checkpoint, _ numbers: Hyperparameters) {
        guard checkpoint.architecture?.rule(for: .positionEmbedding) == nil else {
            add("positions", "learned, \(numbers.contextLength)")
            json["positions"] = .string("learned")
            return
        }
        let part =
            numbers.rope.dimensions < numbers.headSize
            ? ", \(numbers.rope.dimensions) of \(numbers.headSize) dimensions" : ""
        add(
            "rope",
            "base \(numbers.rope.base)\(part), scaling \(Self.words(numbers.rope.scaling))")
        json["positions"] = .string("rotary")
        json["rope_scaling"] = .string(Self.words(numbers.rope.scaling))
    }

    private mutating func addTypes(_ checkpoint: Checkpoint) {
        let elements = checkpoint.tensors.reduce(0) { $0 + ($1.description.elementCount ?? 0) }
        let bytes = checkpoint.tensors.reduce(0) { $0 + $1.byteCount }
        let isQuantized = checkpoint.quantization?.problem != nil
        add(
            "tensors",
            "\(checkpoint.tensors.count) of \(elements) \(isQuantized ? "stored numbers" : "parameters"), "
                + Quantity.bytes(bytes)
        )
        let types = Dictionary(grouping: checkpoint.tensors, by: \.storageName)
            .sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
        add(
            "types",
            types.map { Self.words(ofType: $0.key, count: $0.value.count) }.joined(separator: ", "))
        json["tensor_count"] = .integer(checkpoint.tensors.count)
        json["parameters"] = isQuantized ? .null : .integer(elements)
        json["bytes"] = .integer(bytes)
        json["types"] = .object(
            JSONObject(types.map { .init($0.key, .integer($0.value.count)) }))
    }

    /// "bf16 3", "12 of int4 in groups of 32".
    private static func words(ofType name: String, count: Int) -> String {
        name.contains(" ") ? "\(count) of \(name)" : "\(name) \(count)"
    }

    private mutating func addTokenizer(_ checkpoint: Checkpoint) {
        do {
            let tokenizer = try checkpoint.tokenizer()
            let template = Self.words(forTemplateOf: tokenizer)
            add(
                "tokenizer",
                "\(tokenizer.kindName), \(tokenizer.tokens.count) tokens, \(template)")
            json["tokenizer"] = .string(tokenizer.kindName)
            json["chat_template"] = .string(template)
            for note in tokenizer.notes { add("note", note) }
            json["tokenizer_notes"] = .array(tokenizer.notes.map { .string($0) })
        } catch {
            add("tokenizer", "none that rtedit can use: \(error)")
            json["tokenizer"] = .null
        }
    }

    /// What was done to the model before.
    private mutating func addHistory(_ checkpoint: Checkpoint) {
        do {
            let history = try checkpoint.history()
            for edit in history.edits {
                add(
                    "edited",
                    "\(edit.call), from \(edit.base.name) (SHA-256 \(edit.base.sha256.prefix(12))…)"
                )
            }
            json["edits"] = .array(history.edits.map { .object($0.json) })
        } catch {
            add("edited", "unknown: \(error)")
        }
    }

    /// What the chat template takes, found by rendering with it.
    private static func words(forTemplateOf tokenizer: TokenizerDefinition) -> String {
        let turn = ChatMessage(.user, "Hello")
        do throws(ChatTemplateError) {
            let template = try ChatTemplate(tokenizer)
            let plain = try template.rendering(of: [turn], at: .now())
            let system = Result { () throws(ChatTemplateError) in
                try template.render([ChatMessage(.system, "Hello"), turn])
            }
            return "chat template"
                + ((try? system.get()) == nil ? " without system messages" : "")
                + (plain.asksForMoment ? " that writes today's date" : "")
        } catch .none {
            return "no chat template"
        } catch {
            return "chat template that cannot be rendered: \(error)"
        }
    }

    private mutating func addRoutes(_ checkpoint: Checkpoint) {
        var routes = JSONObject()
        if let contradiction {
            add("bake", "no route: \(contradiction)")
            json["bake_routes"] = .object(routes)
            return
        }
        var answers: [(place: String, text: String)] = []
        var isPossible = false
        for (format, runtime) in [(FileFormat.gguf, "GGUF"), (.safetensors, "folder")] {
            // Another format is reached by conversion, which needs the architecture.
            guard checkpoint.architecture != nil || format == checkpoint.format else { continue }
            for (site, answer) in BakeRoutes.answers(in: checkpoint, format: format) {
                let place = "\(site.rawValue) into \(runtime)"
                let key = "\(runtime.lowercased()).\(site.rawValue)"
                switch answer {
                case .success(let route):
                    isPossible = true
                    answers.append((place, "exact, as \(route.form)"))
                    routes[key] = .string(route.name)
                case .failure(let obstacle):
                    let text = Self.words(obstacle)
                    answers.append((place, text))
                    routes[key] = .string(text)
                }
            }
        }
        if !isPossible, let first = answers.first,
            answers.allSatisfy({ $0.text == first.text })
        {
            answers = [("no route", first.text)]
        }
        for answer in answers { add("bake", "\(answer.place): \(answer.text)") }
        json["bake_routes"] = .object(routes)
    }

    private static func words(_ obstacle: any Error) -> String {
        guard case CheckpointError.unsupportedArchitecture = obstacle else { return "\(obstacle)" }
        return "a runtime would load the bias, but rtedit does not know the architecture"
    }

    private static func words(_ scaling: RopeParameters.Scaling) -> String {
        switch scaling {
        case .none: "none"
        case .linear(let factor): "linear \(factor)"
        case .llama3(let ramp): "llama3 \(ramp.factor)"
        case .yarn(let yarn): "yarn \(yarn.factor)"
        case .dynamic(let factor, _): "dynamic \(factor)"
        case .longrope(_, _, let context, _): "long rope beyond \(context)"
        case .divisors(let divisors):
            scaling.turnedPairs.map { "none, the first \($0) of \(divisors.count) pairs turn" }
                ?? "divisors in rope_freqs.weight"
        }
    }
}
