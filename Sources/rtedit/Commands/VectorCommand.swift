import Formats
import Transformer
import Tuning

/// `rtedit vector`
struct VectorCommand: Command {
    enum Action: String, CaseIterable {
        case show, add, scale, negate, orthogonalise, compare, convert, lens
    }

    static let action = Positional(
        "ACTION", "What to do.", allowed: Action.allCases.map(\.rawValue))
    static let files = Positional(
        "FILE",
        "Vectors, FILE[:SCALE][@BLOCKS]; with convert a file and the file to write; with lens a vector and a model.",
        isRepeatable: true)
    static let output = Option.value("output", "FILE", short: "o", "The vector file to write.")
    static let against = Option.list(
        "against", "SPEC", "With orthogonalise: a vector whose directions shall be gone.")
    static let by = Knob<Double?>.number(
        "by", "X", "With scale: the factor.", in: -1e30...1e30)
    static let length = Knob<Double?>.number(
        "length", "X", "With scale: the length of every direction.", in: 0...1e30)
    static let site = Knob<Site?>.choice(
        "site", "SITE", "With convert: where a vector acts whose file does not say it.")
    static let firstBlock = Knob<Int?>.integer(
        "first-block", "N",
        "With convert: the block of an array's first row; -1 where that is of the embeddings, and left out.",
        in: -1...9999)
    static let outputConvention = Knob.choice(
        "to-convention", "NAME", "With convert: how the written file numbers blocks.",
        standard: VectorFile.Convention.llamaCpp)
    static let blocks = Knob.blocks(
        "blocks", "BLOCKS", "With lens: only these blocks, such as 8,10-12.")
    static let top = Knob.integer(
        "top", "K", "With lens: how many tokens of each end.", standard: 10, in: 1...1000)

    let name = "vector"
    let summary = "Show, add, scale, compare and convert steering vectors."
    let details = """
        show tells what vectors are. add writes the weighted sum of vectors of one site: the same as adding them to the stream \
        together; a block that some of them have not gets the sum of the others. scale and negate change one. \
        orthogonalise takes the span of others out of each block. compare tells lengths and cosines, block by block, and \
        how alike neighbouring blocks are. lens lists the tokens that directions point to by the model's last norm and \
        head.

        convert goes between GGUF (.gguf: rtedit's, repeng's, llama.cpp's), safetensors (.safetensors) and NumPy (.npz), by \
        the ends of names; every output of this command does. Each holds all that the others do, but for a file in the \
        convention of llama.cpp's generator, which holds directions only.
        """
    let positionals = [Self.action, Self.files]
    let options = Option.declared([
        Self.output, Self.against, Self.by, Self.length, SteeringOptions.convention, Self.site,
        Self.firstBlock, Self.outputConvention, Self.blocks, Self.top,
    ])
    let examples = [
        Example("What a vector is:", "rtedit vector show mood.gguf"),
        Example("A weighted sum:", "rtedit vector add mood.gguf fear.gguf:-0.5@8-15 -o sum.gguf"),
        Example(
            "Take others out:",
            "rtedit vector orthogonalise mood.gguf --against length.gguf -o pure.gguf"),
        Example("Cosines by block:", "rtedit vector compare mood.gguf fear.npz"),
        Example("For Python:", "rtedit vector convert mood.gguf mood.npz"),
        Example("From hidden states:", "rtedit vector convert hs.npy v.gguf --first-block -1"),
        Example("Its tokens:", "rtedit vector lens mood.gguf model.gguf --blocks 10-15"),
    ]

    func multiplies(_ arguments: ParsedArguments) -> Bool {
        arguments.textIfGiven(Self.action) == Action.lens.rawValue
    }

    /// The options that say something about an action.
    private func options(of action: Action) -> [any DeclaredOption] {
        switch action {
        case .show, .compare: [SteeringOptions.convention]
        case .add, .negate: [SteeringOptions.convention, Self.output]
        case .scale: [SteeringOptions.convention, Self.output, Self.by, Self.length]
        case .orthogonalise: [SteeringOptions.convention, Self.output, Self.against]
        case .convert:
            [SteeringOptions.convention, Self.site, Self.firstBlock, Self.outputConvention]
        case .lens: [SteeringOptions.convention, Self.blocks, Self.top]
        }
    }

    func callWithOutput(_ arguments: ParsedArguments) -> String? {
        arguments.textIfGiven(Self.action) == Action.convert.rawValue
            ? "rtedit vector convert FILE \(Positional.output)" : nil
    }

    func run(_ arguments: ParsedArguments, _ console: Console) throws -> ExitCode {
        let text = try arguments.text(Self.action)
        guard let action = Action(rawValue: text) else {
            throw UsageError.invalidValue(
                place: Self.action.name, value: text, expected: "an action of 'vector'")
        }
        let names = options(of: action).map(\.option.name)
        if let other = options.first(where: { !names.contains($0.name) && arguments.isGiven($0) }) {
            if other.name == Self.output.name, let call = callWithOutput(arguments) {
                throw UsageError.outputHasAPlace(option: other.flagText, call: call)
            }
            throw UsageError.needs(option: other.flagText, other: needed(by: other))
        }
        let call = VectorCall(arguments: arguments, console: console)
        switch action {
        case .show: try call.show()
        case .add: try call.add()
        case .scale: try call.scale()
        case .negate: try call.negate()
        case .orthogonalise: try call.orthogonalise()
        case .compare: try call.compare()
        case .convert: try call.convert()
        case .lens: try call.lens()
        }
        return .done
    }

    private func needed(by option: Option) -> String {
        let actions = Action.allCases.filter { action in
            options(of: action).contains { $0.option.name == option.name }
        }
        return "'vector \(actions.map(\.rawValue).joined(separator: "', 'vector "))'"
    }
}
