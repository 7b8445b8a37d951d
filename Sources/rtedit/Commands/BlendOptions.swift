import Formats

/// The options that say how `blend` makes one model of several.
enum BlendOptions {
    static let method = Option.value(
        "method", "NAME",
        "linear, slerp, task-arithmetic (or task), ties, dare-linear or dare-ties; with _ for - too.",
        isRequired: true)
    static let base = Option.value(
        "base", "MODEL",
        "The model that the others were made from, for task-arithmetic, ties and dare: their differences from it count."
    )
    static let weights = Knob.numbers(
        "weights", "N,N,...", "Each model's weight, or one for all.", standard: [1], in: -1e6...1e6)
    static let densities = Knob.numbers(
        "densities", "N,N,...",
        "The share of each model's differences that is kept, or one for all: of ties the largest, of dare a random one.",
        standard: [1], in: 0...1)
    static let strength = Knob.number(
        "lambda", "X", "What the sum of the differences is multiplied by.", standard: 1,
        in: -1e6...1e6)
    static let normalize = Knob<Answer?>.choice(
        "normalize", "ANSWER",
        "Whether the sum is divided by that of the weights; yes for linear and ties if not given, no for the others."
    )
    static let position = Option.list(
        "t", "[FILTER=]N[,N...]",
        "How far slerp goes from the first model (0) to the second (1); several numbers are spread over the blocks. With "
            + "FILTER for weights that have it in their published name, such as mlp=0,0.5,1.")
    static let rescale = Knob<BlendRecipe.Rescaling?>.choice(
        "rescale", "HOW",
        "What makes up for dropped differences: l1 restores the sum of their magnitudes, density divides by the share. l1 "
            + "for dare if not given, none for ties.")
    static let seed = Knob.integer(
        "seed", "N", "Which random share dare keeps.", standard: 0)
    static let otherTokenizers = Option.flag(
        "first-tokenizer",
        "Blend models of other tokenizers too; the output has the base's, or the first model's.")

    static let all = Option.declared([
        method, base, weights, densities, strength, normalize, position, rescale, seed,
        otherTokenizers,
    ])

    enum Answer: String, CaseIterable, Sendable { case yes, no }

    /// What a call asks for.
    ///
    /// - Throws: `UsageError` for a method that there is not, or an option that says nothing to it.
    static func recipe(_ arguments: ParsedArguments) throws(UsageError) -> BlendRecipe {
        let name = try arguments.text(method)
        guard let method = BlendMethod(named: name) else {
            throw arguments.invalid(
                Self.method, name,
                "one of \(BlendMethod.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        try check(arguments, method)
        var recipe = BlendRecipe(method)
        recipe.weights = try arguments.value(weights)
        recipe.densities = try arguments.value(densities)
        recipe.strength = try arguments.value(strength)
        recipe.seed = UInt64(try arguments.value(seed))
        if let answer = try arguments.value(normalize) { recipe.normalizes = answer == .yes }
        if let rescaling = try arguments.value(rescale) { recipe.rescaling = rescaling }
        recipe.position = try position(arguments)
        return recipe
    }

    /// Holds the options that were given against those that the method goes by.
    private static func check(
        _ arguments: ParsedArguments, _ method: BlendMethod
    ) throws(UsageError) {
        func check(_ option: Option, _ counts: Bool, _ others: String) throws(UsageError) {
            if arguments.isGiven(option), !counts {
                throw .needs(option: option.flagText, other: "--method \(others)")
            }
        }
        let differences = "task-arithmetic, ties, dare-linear or dare-ties"
        try check(base, method.needsBase, differences)
        try check(strength.option, method.needsBase, differences)
        try check(densities.option, method.isSparse, "ties, dare-linear or dare-ties")
        try check(rescale.option, method.isSparse, "ties, dare-linear or dare-ties")
        try check(seed.option, method.isRandom, "dare-linear or dare-ties")
        try check(weights.option, method != .slerp, "linear, \(differences); slerp goes by --t")
        try check(normalize.option, method != .slerp, "linear, \(differences)")
        try check(position, method == .slerp, "slerp")
        if method.needsBase, !arguments.isGiven(base) {
            throw .needs(option: "--method \(method.rawValue)", other: base.flagText)
        }
    }

    private static func position(_ arguments: ParsedArguments) throws(UsageError) -> BlendGradient {
        var gradient = BlendGradient()
        for text in arguments.values(position) {
            let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let filter = parts.count > 1 ? String(parts[0]) : nil
            let numbers = (parts.last ?? "").split(
                separator: ",", omittingEmptySubsequences: false
            ).map { Double($0) }
            let values = numbers.compactMap { $0 }.filter((0...1).contains)
            guard filter != "", values.count == numbers.count else {
                throw arguments.invalid(
                    position, text, "numbers from 0 to 1 with commas, after FILTER= or alone")
            }
            gradient.add(values, filter: filter)
        }
        if arguments.isGiven(position), !gradient.isComplete {
            throw .needs(
                option: position.flagText, other: "a number without a filter too, for the rest")
        }
        if !gradient.isComplete { gradient.add([0.5]) }
        return gradient
    }
}
