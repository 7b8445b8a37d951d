import Formats
import Transformer
import Tuning

/// The options of `rtedit tune`, under the headings of its help.
enum TuneOptions {
    /// Where the library has a standard, it is the option's.
    private static let usual = TuningOptions()
    static let counts = 1...1 << 30

    // MARK: - What it is tuned toward

    static let vector = Option.list(
        "vector", "SPEC",
        "The direction: FILE[:SCALE][@BLOCKS]; a negative scale turns it round. Several add up.")
    static let objective = Knob(
        "objective", "LIST",
        "Terms, each NAME or NAME:WEIGHT: toward and away (the vector), shift (to the untuned stream plus the vector), "
            + "contrast (to it plus the difference that two other prompts make), "
            + "token (completions), soft (choices with probabilities), keep (KL to the untuned model on ordinary text), "
            + "keep-steered (KL to it on the data while --steer acts).",
        standard: [(kind: ObjectiveTerm.Kind.toward, weight: Float(1)), (.token, 0.01)],
        text: "toward,token:0.01", read: readObjectives)
    static let position = Knob(
        "position", "WHERE",
        "Tokens at which the vector is compared: before-completion:N, an index, last, prompt, completion or all.",
        standard: ObjectiveTerm.usualPosition, text: ObjectiveTerm.usualPosition.text
    ) { text throws(Misread) in
        guard let position = Position(text) else {
            throw Misread(text: text, expected: "a position")
        }
        return position
    }
    static let site = Knob<Site?>.choice(
        "site", "SITE", "Where in the block; as the vector's file says unless given.")
    static let limit = Knob.number(
        "limit", "X", "Do not pull toward the vector beyond this cosine.", standard: 1, in: -1...1)

    static let contrastPositive = Option.value(
        "contrast-positive", "TEXT",
        "For contrast, a text around each prompt, as \"{prompt} Give a truthful answer.\", or a system text; unless given, "
            + "the data's lines have \"positive\" and \"negative\" prompts.")
    static let contrastNegative = Option.value(
        "contrast-negative", "TEXT", "The opposite of it.")
    static let contrastStrength = Knob.number(
        "contrast-strength", "X", "What the prompts' difference is multiplied by.", standard: 5,
        in: -1e6...1e6)
    static let contrastBlocks = Knob.blocks(
        "contrast-blocks", "BLOCKS",
        "Blocks whose streams contrast compares; --blocks unless given."
    )

    static let steer = Option.list(
        "steer", "SPEC",
        "Vectors to bear, with keep-steered: FILE[:SCALE][@BLOCKS]; one is drawn for a steered step."
    )
    static let steerProbability = Knob.number(
        "steer-probability", "P", "Share of the steps that are steered.", standard: 0.125, in: 0...1
    )
    static let steerStrength = Knob.number(
        "steer-strength", "X", "A step's strength is drawn from -X to X.", standard: 1.5,
        in: 0...1e6)

    // MARK: - What it learns from

    static let data = Option.value(
        "data", "FILE",
        "Lines {\"prompt\": X, \"completion\": \"…\"}, or probes {\"prompt\": X, \"choices\": [A, B], \"correct\": 0}, "
            + "which may have \"targets\": [0.5, 0.5].",
        isRequired: true)
    static let opposite = Option.flag(
        "opposite", "Take a probe's incorrect answer, for tuning toward the opposite.")
    static let chat = Option.flag("chat", "Take plain strings as a user's turn.")
    static let noEndTurn = Option.flag(
        "no-end-turn", "Do not end the assistant's turn after a chat prompt's completion.")
    static let validation = Option.value("validation", "FILE", "Data for validation.")
    static let validationShare = Knob.number(
        "validation-share", "X", "Share of the data kept aside for validation instead; 0: none.",
        standard: 0.2, in: 0...0.9)
    static let text = Option.value("text", "FILE", "Ordinary text, for the objective keep.")
    static let textWindow = Knob.integer(
        "text-window", "N", "Tokens in a window of it.", standard: 64, in: 2...1 << 20)
    static let textsPerStep = Knob.integer(
        "texts-per-step", "N", "Windows a step takes.", standard: usual.textsPerStep,
        in: 1...1 << 16)

    // MARK: - What is tuned

    static let blocks = Knob.blocks(
        "blocks", "BLOCKS", "Tuned blocks, such as 8,10-12; the vector's unless given.")
    static let weights = Knob.choices(
        "weights", "LIST",
        "Of these blocks: \(TunedWeight.names(inBlocks: true)); and \(TunedWeight.names(inBlocks: false)).",
        standard: [
            TunedWeight.query, .key, .value, .output, .convolution, .gate, .up, .down,
        ])
    enum Routing: String, CaseIterable { case paper, joint }
    static let routing = Knob.choice(
        "routing", "HOW",
        "paper: toward, away, shift and contrast reach only --representation-weights, the other terms all; joint: all reach all.",
        standard: Routing.paper)
    static let representationWeights = Knob<[TunedWeight]?>.choices(
        "representation-weights", "LIST",
        "What toward, away, shift and contrast reach; value,output,convolution unless given.")
    static let lora = Knob<Int?>.integer(
        "lora", "RANK", "Tune low-rank updates of this rank instead of the weights.",
        in: 1...1 << 16)
    static let loraAlpha = Knob<Double?>.number(
        "lora-alpha", "A", "Their alpha; twice the rank unless given.", in: 1e-6...1e6)

    // MARK: - How it is tuned

    static let learningRate = Knob.number(
        "learning-rate", "X", "For weights that toward, away, shift and contrast do not reach.",
        standard: 1e-5,
        in: 0...1)
    static let representationLearningRate = Knob.number(
        "representation-learning-rate", "X", "For those that they reach.", standard: 1e-4, in: 0...1
    )
    static let schedule = Knob.choice(
        "schedule", "SHAPE", "How the rates go after warm-up.", standard: usual.schedule.shape)
    static let warmUp = Knob.integer(
        "warmup", "N", "Steps over which the rates rise from 0.", standard: usual.schedule.warmUp,
        in: 0...1 << 30)
    static let epochs = Knob.integer(
        "epochs", "N", "Times through the data at most.", standard: usual.epochs, in: counts)
    static let batch = Knob.integer(
        "batch", "N", "Examples a step takes.", standard: usual.batchSize, in: 1...1 << 16)
    static let steps = Knob<Int?>.integer("steps", "N", "Steps at most.", in: counts)
    static let weightDecay = Knob.number(
        "weight-decay", "X", "AdamW's weight decay.", standard: usual.optimizer.weightDecay,
        in: 0...1000)
    static let beta1 = Knob.number(
        "beta1", "X", "AdamW's first decay rate.", standard: usual.optimizer.beta1,
        in: 0...0.999_999_9)
    static let beta2 = Knob.number(
        "beta2", "X", "AdamW's second.", standard: usual.optimizer.beta2, in: 0...0.999_999_9)
    static let epsilon = Knob.number(
        "epsilon", "X", "AdamW's epsilon.", standard: usual.optimizer.epsilon, in: 1e-30...1)
    static let clip = Knob.number(
        "clip", "X", "The greatest length of all gradients together; 0: any.",
        standard: usual.gradientLimit ?? 0, in: 0...1e30)
    static let seed = Knob.integer(
        "seed", "N", "Seed of the order, of the validation share and of --lora.",
        standard: Int(usual.seed))

    // MARK: - When it ends

    static let validateEvery = Knob.integer(
        "validate-every", "N", "Steps between validations.", standard: usual.validateEvery,
        in: counts)
    static let validationBatches = Knob.integer(
        "validation-batches", "N", "Batches a validation takes at most.",
        standard: usual.validationBatches, in: counts)
    static let patience = Knob.integer(
        "patience", "N", "Validations without a new best after which it ends; 0: never.",
        standard: usual.earlyStop.patience ?? 0)
    static let minimumSteps = Knob.integer(
        "minimum-steps", "N", "Steps before which it does not.",
        standard: usual.earlyStop.minimumSteps)

    // MARK: - What it leaves

    static let type = Knob(
        "type", "T",
        "The type of tuned matrices: auto is the base's where that is a plain float type, else f16; keep the base's, "
            + "quantised anew.",
        standard: TuningModel.OutputType.automatic, text: "auto",
        allowed: ["auto", "keep"] + CheckpointOutput.storedTypes
    ) { text throws(Misread) in
        switch text {
        case "auto": return .automatic
        case "keep": return .keep
        default:
            guard let type = ElementType(rawValue: text) else {
                throw Misread(text: text, expected: "auto, keep or a type such as f16 or q8_0")
            }
            return .type(type)
        }
    }
    static let adapter = Option.flag(
        "adapter", "Write the low-rank updates alone: OUT is a .gguf file or a PEFT folder.")
    static let run = Option.value(
        "run", "DIR", "The folder for state and record, which is kept; OUT.run unless given.")
    static let keepRun = Option.flag(
        "keep-run", "Keep OUT.run, which is removed when the output is written.")
    static let saveEvery = Knob.integer(
        "save-every", "N", "Steps between saved states.", standard: usual.saveEvery, in: counts)
    static let resume = Option.value(
        "resume", "DIR", "Continue the run in this folder; all else must be as it was.")
    static let dryRun = Option.flag("dry-run", "Show what would be tuned, and tune nothing.")

    static let sections = [
        OptionSection(
            "Objectives",
            [
                vector, SteeringOptions.convention, SteeringOptions.strict, objective, position,
                site, limit,
                contrastPositive, contrastNegative, contrastStrength, contrastBlocks, steer,
                steerProbability, steerStrength,
            ]),
        OptionSection(
            "Data",
            [
                data, opposite, chat, ChatOptions.date, noEndTurn, validation, validationShare,
                text, textWindow,
                textsPerStep,
            ]),
        OptionSection(
            "Weights",
            [blocks, weights, routing, representationWeights, lora, loraAlpha]),
        OptionSection(
            "Steps",
            [
                learningRate, representationLearningRate, schedule, warmUp, epochs, batch, steps,
                weightDecay, beta1, beta2, epsilon, clip, seed,
            ]),
        OptionSection("End", [validateEvery, validationBatches, patience, minimumSteps]),
        OptionSection(
            "Output",
            [
                type, adapter, CheckpointOutput.shardSize, ReportOption.report, run, keepRun,
                saveEvery,
                resume, dryRun, NoteOptions.name, NoteOptions.set, NoteOptions.noNote,
            ]),
    ]

    /// What has a say in the result and is not the content of a file: a resumed run must have the same.
    static let deciding: [Option] =
        Option.declared([
            objective, position, site, limit, contrastPositive, contrastNegative,
            contrastStrength, contrastBlocks, steerProbability, steerStrength, opposite, chat,
            noEndTurn, validationShare,
            textWindow,
            textsPerStep, blocks, weights, routing, representationWeights, lora, loraAlpha,
            learningRate, representationLearningRate, schedule, warmUp, epochs, batch, steps,
            weightDecay, beta1, beta2, epsilon, clip, seed, validateEvery, validationBatches,
            patience,
            minimumSteps, SteeringOptions.convention,
        ])

    /// The rest: files that are known by their contents, and what has no say in the result.
    static let neutral = Option.declared([
        vector, steer, data, ChatOptions.date, validation, text, type, adapter,
        CheckpointOutput.shardSize, ReportOption.report, run, keepRun, saveEvery, resume, dryRun,
        SteeringOptions.strict, NoteOptions.name, NoteOptions.set, NoteOptions.noNote,
    ])

    private static func readObjectives(
        _ text: String
    ) throws(Misread) -> [(kind: ObjectiveTerm.Kind, weight: Float)] {
        var objectives: [(kind: ObjectiveTerm.Kind, weight: Float)] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let fields = part.split(
                separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let kind = ObjectiveTerm.Kind(rawValue: String(fields[0]))
            let weight = fields.count == 1 ? 1 : Float(fields[1])
            guard let kind, let weight, weight.isFinite, weight > 0 else {
                let names = ObjectiveTerm.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw Misread(
                    text: String(part), expected: "one of \(names), or one with :WEIGHT above 0")
            }
            guard !objectives.contains(where: { $0.kind == kind }) else {
                throw Misread(text: text, expected: "a list that names each objective once")
            }
            objectives.append((kind, weight))
        }
        return objectives
    }
}
