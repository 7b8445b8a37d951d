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
    static let objective = Option.value(
        "objective", "LIST",
        "Terms, each NAME or NAME:WEIGHT: toward and away (the vector), token (completions), soft (choices with "
            + "probabilities), keep (KL to the untuned model on ordinary text).",
        standard: "toward,token:0.01")
    static let position = Option.value(
        "position", "WHERE",
        "Tokens at which the vector is compared: before-completion:N, an index, last, prompt, completion or all.",
        standard: ObjectiveTerm.usualPosition.text)
    static let site = Option.value(
        "site", "SITE", "Where in the block; as the vector's file says unless given.",
        allowed: Site.allCases.map(\.rawValue))
    static let limit = Knob.number(
        "limit", "X", "Do not pull toward the vector beyond this cosine.", standard: 1, in: -1...1)

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

    static let blocks = Option.value(
        "blocks", "BLOCKS", "Tuned blocks, such as 8,10-12; the vector's unless given.")
    static let weights = Option.value(
        "weights", "LIST",
        "Of these blocks: \(TunedWeight.names(inBlocks: true)); and \(TunedWeight.names(inBlocks: false)).",
        standard: "query,key,value,output,gate,up,down")
    static let routing = Option.value(
        "routing", "HOW",
        "paper: toward and away reach only --representation-weights, the other terms all; joint: all reach all.",
        standard: "paper", allowed: ["paper", "joint"])
    static let representationWeights = Option.value(
        "representation-weights", "LIST", "What toward and away reach; value,output unless given.")
    static let lora = Option.value(
        "lora", "RANK", "Tune low-rank updates of this rank instead of the weights.")
    static let loraAlpha = Option.value(
        "lora-alpha", "A", "Their alpha; twice the rank unless given.")

    // MARK: - How it is tuned

    static let learningRate = Knob.number(
        "learning-rate", "X", "For weights that toward and away do not reach.", standard: 1e-5,
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
    static let steps = Option.value("steps", "N", "Steps at most.")
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

    static let type = Option.value(
        "type", "T",
        "The type of tuned matrices: auto is the base's where that is a plain float type, else f16; keep the base's, "
            + "quantised anew.",
        standard: "auto", allowed: ["auto", "keep"] + CheckpointOutput.storedTypes)
    static let adapter = Option.flag(
        "adapter", "Write the low-rank updates alone: OUT is a .gguf file or a PEFT folder.")
    static let run = Option.value(
        "run", "DIR", "The folder for state and record; OUT.run unless given.")
    static let saveEvery = Knob.integer(
        "save-every", "N", "Steps between saved states.", standard: usual.saveEvery, in: counts)
    static let resume = Option.value(
        "resume", "DIR", "Continue the run in this folder; all else must be as it was.")
    static let dryRun = Option.flag("dry-run", "Show what would be tuned, and tune nothing.")

    static let sections = [
        OptionSection(
            "Objectives", [vector, SteeringOptions.convention, objective, position, site, limit]),
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
                type, adapter, CheckpointOutput.shardSize, run, saveEvery, resume, dryRun,
            ]),
    ]

    /// What has a say in the result and is not the content of a file: a resumed run must have the same.
    static let deciding: [Option] =
        ([
            objective, position, site, limit, opposite, chat, noEndTurn, validationShare,
            textWindow,
            textsPerStep, blocks, weights, routing, representationWeights, lora, loraAlpha,
            learningRate, representationLearningRate, schedule, warmUp, epochs, batch, steps,
            weightDecay, beta1, beta2, epsilon, clip, seed, validateEvery, validationBatches,
            patience,
            minimumSteps, SteeringOptions.convention,
        ] as [any DeclaredOption]).map(\.option)

    /// The rest: files that are known by their contents, and what has no say in the result.
    static let neutral = [
        vector, data, ChatOptions.date, validation, text, type, adapter, CheckpointOutput.shardSize,
        run, saveEvery.option, resume, dryRun,
    ]
}
