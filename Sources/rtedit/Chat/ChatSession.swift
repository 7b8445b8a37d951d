import Formats
import Transformer
import Tuning

/// A conversation at a terminal or from a pipe, with what can be changed in it.
struct ChatSession {
    private static let system = Option.value("system", "TEXT", "The system message.")
    private static let beside = Option.flag(
        "beside", "Show the plain answer beside each steered one; /beside switches it.")
    private static let transcript = Option.value(
        "transcript", "FILE",
        "Write the conversation there after every answer: .md to read, .jsonl for programs.")

    /// The options that it is made from.
    static let options =
        Option.declared([system, ChatOptions.date, beside, transcript]) + SamplingCall.all
        + SteeringOptions.all

    private let session: ModelSession
    private let console: Console
    private let renderer: PromptRenderer
    private let decoder: Decoder
    /// What was run of the conversation, steered and plain.
    private let memory: (steered: GenerationMemory, plain: GenerationMemory)
    private let replaces: Bool

    private var steering: ChatSteering
    private var interventions: [Intervention]
    private var showsPlain: Bool
    private var sampling: SamplingOptions
    private var longest: Int
    private var system: String?
    private var exchanges: [ChatExchange] = []
    /// Where the conversation is written after every answer.
    private let transcript: String?

    /// Opens the model and checks that it can hold a conversation.
    init(_ arguments: ParsedArguments, model: String, _ console: Console) throws {
        self.console = console
        session = try ModelSession(model, arguments, console)
        steering = try ChatSteering(arguments)
        interventions = try steering.interventions(on: session, console, tellsBases: true)
        renderer = try session.renderer()
        system = arguments.textIfGiven(Self.system)
        sampling = try SamplingCall.options(arguments)
        longest = try arguments.value(SamplingCall.maxTokens)
        showsPlain = arguments.has(Self.beside)
        replaces = arguments.replacesOutputs
        transcript = try arguments.outputPathIfGiven(Self.transcript)
        if let transcript {
            _ = try ChatTranscript.isMarkdown(transcript)
            try AtomicFile.checkTarget(transcript, replacing: replaces)
        }
        decoder = try session.decoder()
        memory = (GenerationMemory(decoder.configuration), GenerationMemory(decoder.configuration))
        // A model without a template says so now, not after the first message.
        _ = try renderer.tokens(of: messages(then: "Hello"), place: "chat")
    }

    /// Does what a line says; false ends the conversation.
    mutating func take(_ line: String) throws -> Bool {
        switch try ChatLine(line) {
        case .message(let text):
            if !text.allSatisfy(\.isWhitespace) { try answer(text) }
        case .command(.quit, _): return false
        case .command(let command, let argument): try obey(command, argument)
        }
        return true
    }

    // MARK: - Commands

    private mutating func obey(_ command: ChatLine.Command, _ argument: String) throws {
        switch command {
        case .vector: try steer { try $0.set(SteeringOptions.vector, argument) }
        case .ablate: try steer { try $0.set(SteeringOptions.ablate, argument) }
        case .strength: try steer { try $0.setStrength(argument) }
        case .blocks: try steer { try $0.setBlocks(argument) }
        case .drop: try steer { try $0.drop(argument) }
        case .steering: tellSteering()
        case .beside: showsPlain = try switched(argument)
        case .system: system = argument.isEmpty ? nil : argument
        case .temperature: sampling.temperature = try number(argument, command, in: 0...1e6)
        case .seed: sampling.seed = UInt64(try number(argument, command, in: 0...1e15))
        case .tokens: longest = Int(try number(argument, command, in: 1...1e9))
        case .again: try answerAgain()
        case .undo: _ = try last()
        case .clear: exchanges = []
        case .save: try save(argument)
        case .help: help()
        case .quit: break
        }
    }

    /// Changes the steering, if the model can be steered so.
    private mutating func steer(_ change: (inout ChatSteering) throws -> Void) throws {
        var changed = steering
        try change(&changed)
        let files = Set(steering.parts.map(\.specification.file))
        let isNew = changed.parts.contains { !files.contains($0.specification.file) }
        interventions = try changed.interventions(on: session, console, tellsBases: isNew)
        steering = changed
        tellSteering()
    }

    private func tellSteering() {
        if steering.parts.isEmpty { console.note("nothing steers") }
        for (index, part) in steering.parts.enumerated() {
            console.note("\(index + 1)  \(part.text)")
        }
    }

    private func switched(_ argument: String) throws(UsageError) -> Bool {
        switch argument {
        case "": return !showsPlain
        case "on": return true
        case "off": return false
        default:
            throw .invalidValue(place: "/beside", value: argument, expected: "'on' or 'off'")
        }
    }

    private func number(
        _ argument: String, _ command: ChatLine.Command, in range: ClosedRange<Double>
    ) throws(UsageError) -> Double {
        let isWhole = command != .temperature
        guard let number = Double(argument), range.contains(number),
            !isWhole || number == number.rounded()
        else {
            throw .invalidValue(
                place: "/\(command.rawValue)", value: argument,
                expected:
                    "a\(isWhole ? " whole" : "") number from \(Quantity.fixed(range.lowerBound, 0)) on"
            )
        }
        return number
    }

    private mutating func last() throws(UsageError) -> ChatExchange {
        guard let last = exchanges.popLast() else {
            throw .invalidValue(
                place: "/undo or /again", value: "", expected: "of use: nothing was said yet")
        }
        return last
    }

    private mutating func answerAgain() throws {
        let before = exchanges
        let message = try last().user
        do {
            try answer(message)
        } catch {
            exchanges = before
            throw error
        }
    }

    private func save(_ path: String) throws {
        guard !path.isEmpty else { throw UsageError.missingArgument("FILE") }
        try write(to: path, replacing: replaces)
        console.note("\(path): \(exchanges.count) exchanges")
    }

    private func write(to path: String, replacing: Bool) throws {
        try ChatTranscript(model: session.checkpoint.name, exchanges: exchanges)
            .write(to: path, replacing: replacing)
    }

    private func help() {
        for command in ChatLine.Command.allCases {
            let call = "/\(command.rawValue) \(command.argument)"
            console.note("  " + call.padded(to: 23) + " " + command.help)
        }
        console.note("  Anything else is a message; one that begins with a slash begins with two.")
        console.note("  Ctrl-C ends an answer.")
    }

    // MARK: - Answers

    /// The conversation with one more message.
    private func messages(then user: String) -> [ChatMessage] {
        var messages = system.map { [ChatMessage(.system, $0)] } ?? []
        for exchange in exchanges {
            messages.append(ChatMessage(.user, exchange.user))
            messages.append(ChatMessage(.assistant, exchange.answer))
        }
        return messages + [ChatMessage(.user, user)]
    }

    private mutating func answer(_ user: String) throws {
        let tokens = try renderer.tokens(of: messages(then: user), place: "the conversation")
        let isBeside = showsPlain && !interventions.isEmpty
        var plain: (text: String, stop: TextGenerator.StopReason)?
        if isBeside {
            console.print("plain:", style: .strong)
            plain = try generate(from: tokens, [], memory.plain)
            console.print("steered:", style: .strong)
        }
        let answer = try generate(from: tokens, interventions, memory.steered)
        let exchange = ChatExchange(
            user: user, answer: answer.text, plain: plain?.text, system: system,
            steering: steering.parts.map(\.text), sampling: sampling, stop: answer.stop)
        exchanges.append(exchange)
        console.report(exchange.json)
        console.flush()
        if let transcript { try write(to: transcript, replacing: replaces || exchanges.count > 1) }
        tell(answer.stop)
    }

    private func tell(_ stop: TextGenerator.StopReason) {
        switch stop {
        case .stopToken, .caller: break
        case .maximumTokens:
            console.note("(cut off after \(longest) tokens; /tokens N allows more)")
        case .contextLimit:
            console.note("(the model's context is full; /clear or /undo makes room)")
        }
    }

    /// Generates an answer and prints it while it comes; a signal ends it.
    private func generate(
        from tokens: [Int], _ interventions: [Intervention], _ memory: GenerationMemory
    ) throws -> (text: String, stop: TextGenerator.StopReason) {
        let answer = StreamedAnswer(
            decoder: decoder,
            options: .init(
                maximumTokens: longest, stopTokens: renderer.tokenizer.endOfGeneration,
                sampling: sampling, interventions: interventions),
            tokenizer: renderer.tokenizer, console: console)
        let result = try Interruption.deferring(onRequest: {}) { isRequested in
            try answer.generate(from: tokens, memory: memory, isEnded: isRequested)
        }
        return (renderer.tokenizer.decode(result.tokens), result.stopReason)
    }
}
