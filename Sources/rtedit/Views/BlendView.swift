import Formats

/// What was blended, and how.
struct BlendView {
    private let blend: Blend
    private let models: [Checkpoint]
    private let base: Checkpoint?

    init(_ blend: Blend, models: [Checkpoint], base: Checkpoint?) {
        self.blend = blend
        self.models = models
        self.base = base
    }

    func show(on console: Console) {
        let shared =
            blend.sharedCount > 0
            ? "; \(blend.sharedCount) that all have alike stay as they are" : ""
        console.print(
            "\(blend.recipe.method.rawValue): \(blend.weightCount) weights of \(models.count) "
                + "models blended\(shared)")
    }

    var json: JSONObject {
        let recipe = blend.recipe
        func numbers(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }
        var json = JSONObject([
            .init("method", .string(recipe.method.rawValue)),
            .init("models", .array(models.map { .string($0.path) })),
            .init("base", base.map { .string($0.path) } ?? .null),
            .init("blended_weights", .integer(blend.weightCount)),
            .init("shared_weights", .integer(blend.sharedCount)),
        ])
        if recipe.method != .slerp {
            json["weights"] = numbers(recipe.weights)
            json["normalize"] = .bool(recipe.normalizes)
        }
        if recipe.method.needsBase { json["lambda"] = .number(recipe.strength) }
        if recipe.method.isSparse {
            json["densities"] = numbers(recipe.densities)
            json["rescale"] = .string(recipe.rescaling.rawValue)
        }
        if recipe.method.isRandom { json["seed"] = .integer(Int(clamping: recipe.seed)) }
        return json
    }
}
