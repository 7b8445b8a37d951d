import Formats
import Transformer
import Tuning

/// The options of `rtedit tune`, under the headings of its help.
enum TuneOptions {
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
        standard: Position.beforeCompletion(1).text)
    static let site = Option.value(
        "site", "SITE", "Where in the block; as the vector's file says unless given.",
        allowed: Site.allCases.map(\.rawValue))
    static let limit = Option.value(
        "limit", "X", "Do not pull toward the vector beyond this cosine.", standard: "1")

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
    static let validationShare = Option.value(
        "validation-share", "X", "Share of the data kept aside for validation instead; 0: none.",
        standard: "0.2")
    static let text = Option.value("text", "FILE", "Ordinary text, for the objective keep.")
    static let textWindow = Option.value(
        "text-window", "N", "Tokens in a window of it.", standard: "64")
    static let textsPerStep = Option.value(
        "texts-per-step", "N", "Windows a step takes.", standard: "4")

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

    static let learningRate = Option.value(
        "learning-rate", "X", "For weights that toward and away do not reach.", standard: "1e-5")
    static let representationLearningRate = Option.value(
        "representation-learning-rate", "X", "For those that they reach.", standard: "1e-4")
    static let schedule = Option.value(
        "schedule", "SHAPE", "How the rates go after warm-up.", standard: "linear",
        allowed: LearningRateSchedule.Shape.allCases.map(\.rawValue))
    static let warmUp = Option.value(
        "warmup", "N", "Steps over which the rates rise from 0.", standard: "10")
    static let epochs = Option.value(
        "epochs", "N", "Times through the data at most.", standard: "3")
    static let batch = Option.value("batch", "N", "Examples a step takes.", standard: "4")
    static let steps = Option.value("steps", "N", "Steps at most.")
    static let weightDecay = Option.value(
        "weight-decay", "X", "AdamW's weight decay.", standard: "0.1")
    static let beta1 = Option.value("beta1", "X", "AdamW's first decay rate.", standard: "0.9")
    static let beta2 = Option.value("beta2", "X", "AdamW's second.", standard: "0.999")
    static let epsilon = Option.value("epsilon", "X", "AdamW's epsilon.", standard: "1e-8")
    static let clip = Option.value(
        "clip", "X", "The greatest length of all gradients together; 0: any.", standard: "1")
    static let seed = Option.value(
        "seed", "N", "Seed of the order, of the validation share and of --lora.", standard: "0")

    // MARK: - When it ends

    static let validateEvery = Option.value(
        "validate-every", "N", "Steps between validations.", standard: "20")
    static let validationBatches = Option.value(
        "validation-batches", "N", "Batches a validation takes at most.", standard: "20")
    static let patience = Option.value(
        "patience", "N", "Validations without a new best after which it ends; 0: never.",
        standard: "10")
    static let minimumSteps = Option.value(
        "minimum-steps", "N", "Steps before which it does not.", standard: "80")

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
    static let saveEvery = Option.value(
        "save-every", "N", "Steps between saved states.", standard: "50")
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
    static let deciding = [
        objective, position, site, limit, opposite, chat, noEndTurn, validationShare, textWindow,
        textsPerStep, blocks, weights, routing, representationWeights, lora, loraAlpha,
        learningRate, representationLearningRate, schedule, warmUp, epochs, batch, steps,
        weightDecay, beta1, beta2, epsilon, clip, seed, validateEvery, validationBatches, patience,
        minimumSteps, SteeringOptions.convention,
    ]
}
