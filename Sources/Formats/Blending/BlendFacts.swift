import Glibc

/// What must be known of a whole weight before its first row can be blended: found by reading it, tile by tile.
enum BlendFacts: Sendable {
    case none
    /// What the first and the second model's values are multiplied by.
    case arc(Float, Float)
    /// One for each model.
    case masks([DifferenceMask])

    /// - Parameter blocks: how many the model has
    /// - Throws: `BlendError` where values cannot be read or are not finite.
    init(of weight: BlendWeight, _ recipe: BlendRecipe, blocks: Int) throws(BlendError) {
        switch recipe.method {
        case .linear, .taskArithmetic: self = .none
        case .slerp:
            let position = recipe.position.value(
                of: weight.name, block: weight.role.block, count: blocks)
            self = try Self.arc(weight, position)
        case .ties, .dareLinear, .dareTies:
            let densities = recipe.densities(of: weight.models.count)
            var masks: [DifferenceMask] = []
            for (model, density) in densities.enumerated() {
                masks.append(try Self.mask(weight, model, density, recipe))
            }
            self = .masks(masks)
        }
    }

    // MARK: - The arc

    /// The cosine from which on two vectors count as one direction, between which the way is straight; and the length up
    /// to which a vector has none.
    private static let (straight, shortest) = (0.9995, 1e-8)

    private static func arc(
        _ weight: BlendWeight, _ position: Double
    ) throws(BlendError) -> BlendFacts {
        var (first, second, product) = (0.0, 0.0, 0.0)
        for rows in weight.tiles {
            let tile = try weight.checked(rows)
            for (a, b) in zip(tile[0], tile[1]) {
                first += Double(a) * Double(a)
                second += Double(b) * Double(b)
                product += Double(a) * Double(b)
            }
        }
        let lengths = [first, second].map { $0.squareRoot() }.map { $0 > shortest ? $0 : 1 }
        let cosine = max(-1, min(1, product / lengths[0] / lengths[1]))
        guard abs(cosine) <= straight else {
            return .arc(Float(1 - position), Float(position))
        }
        let angle = acos(cosine)
        return .arc(
            Float(sin((1 - position) * angle) / sin(angle)),
            Float(sin(position * angle) / sin(angle)))
    }

    // MARK: - Masks

    private static func mask(
        _ weight: BlendWeight, _ model: Int, _ density: Double, _ recipe: BlendRecipe
    ) throws(BlendError) -> DifferenceMask {
        guard density < 1, weight.count > 0 else { return DifferenceMask(kept: .all) }
        guard density > 0 else { return DifferenceMask(kept: .none) }
        let kept: DifferenceMask.Kept
        if recipe.method.isRandom {
            kept = .random(
                RandomShare(density, seed: recipe.seed, model: model, name: weight.name))
        } else {
            let count = max(1, Int(density * Double(weight.count)))
            kept = .largest(
                try MagnitudeCut.largest(count) {
                    (body: (ArraySlice<Float>) -> Void) throws(BlendError) in
                    for rows in weight.tiles { body(try weight.checked(rows, model: model)[...]) }
                })
        }
        var mask = DifferenceMask(kept: kept)
        switch recipe.rescaling {
        case .none: break
        case .density: mask.scale = Float(1 / density)
        case .l1: mask.scale = try scale(weight, model, mask)
        }
        return mask
    }

    /// By what the sum of magnitudes becomes what it was; 1 where it is next to nothing.
    private static func scale(
        _ weight: BlendWeight, _ model: Int, _ mask: DifferenceMask
    ) throws(BlendError) -> Float {
        var (before, after) = (0.0, 0.0)
        for rows in weight.tiles {
            var values = try weight.checked(rows, model: model)
            before += values.reduce(0) { $0 + Double($1.magnitude) }
            mask.apply(to: &values, first: rows.lowerBound * weight.columns)
            after += values.reduce(0) { $0 + Double($1.magnitude) }
        }
        return min(before, after) < 1e-7 ? 1 : Float(before / after)
    }
}

extension BlendWeight {
    /// The rows of all models, or what sets them apart from the base.
    ///
    /// - Throws: `BlendError` where they cannot be read, or a value is not finite.
    fileprivate func checked(_ rows: Range<Int>) throws(BlendError) -> [[Float]] {
        var all: [[Float]] = []
        for model in models.indices { all.append(try checked(rows, model: model)) }
        return all
    }

    fileprivate func checked(_ rows: Range<Int>, model: Int) throws(BlendError) -> [Float] {
        let source = models[model]
        do throws(QuantizationError) {
            return try differences(rows, of: source)
        } catch {
            guard case .sourceNotFinite(let file, let tensor, let index) = error else {
                throw .unreadable(file: source.file, tensor: source.name, problem: error)
            }
            throw .notFinite(file: file, tensor: tensor, index: index)
        }
    }
}
