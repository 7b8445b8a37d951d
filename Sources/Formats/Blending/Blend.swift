/// One model made of several of one family and shape, weight by weight: the edits of the first, or of the base, that make
/// it the blend.
///
/// ```swift
/// let blend = try Blend([a, b], base: base, BlendRecipe(.ties))
/// let edits = try blend.edits(crew: crew)
/// ```
///
/// What all models have alike keeps its bytes. Weights are read tile by tile, for some methods twice or more, and never
/// held; the values are the same for any number of threads, and in all formats.
package struct Blend: Sendable {
    /// Of which the output keeps all that is no weight: the base, or else the first model.
    package let source: Checkpoint
    package let recipe: BlendRecipe
    /// What the output takes from the source though the other models have it otherwise, one line each.
    package let notes: [String]
    /// How many weights all models have alike, byte for byte.
    package let sharedCount: Int
    private let weights: [BlendWeight]
    private let blockCount: Int

    /// - Parameters:
    ///   - models: in the order of the recipe's numbers
    ///   - base: from which they differ, where the method needs one
    ///   - takesOtherTokenizers: whether models may have other tokenizers than the source, whose is kept
    /// - Throws: `BlendError` where the recipe or the models do not go together; as `Checkpoint.hyperparameters`.
    package init(
        _ models: [Checkpoint], base: Checkpoint? = nil, _ recipe: BlendRecipe,
        takesOtherTokenizers: Bool = false
    ) throws {
        try recipe.check(models: models.count, hasBase: base != nil)
        let all = (base.map { [$0] } ?? []) + models
        let source = all[0]
        let partners = try BlendPartners(source, takesOtherTokenizers: takesOtherTokenizers)
        var notes: [String] = []
        for other in all.dropFirst() { notes += try partners.check(other) }
        let found = try partners.weights(
            of: Array(all.dropFirst()), hasBase: base != nil,
            keepsShared: recipe.method != .linear || recipe.normalizes)
        for filter in recipe.position.unused(among: found.weights.map(\.name)) {
            throw BlendError.unusedFilter(filter)
        }
        self.source = source
        self.recipe = recipe
        self.notes = notes
        blockCount = partners.numbers.blockCount
        weights = found.weights
        sharedCount = found.sharedCount
    }

    /// How many weights are blended.
    package var weightCount: Int { weights.count }

    /// Edits of the same weights and shapes that hold no values: for planning an output before anything is read.
    package var plannedEdits: [CheckpointEdit] {
        weights.map { .set($0.role, .zeros($0.shape), type: nil) }
    }

    /// The edits of the source that make it the blend.
    ///
    /// - Parameter advance: called from any thread for each weight that was read
    /// - Throws: `BlendError` where values cannot be read or are not finite.
    package func edits(
        crew: WorkCrew, advance: @escaping @Sendable () -> Void = {}
    ) throws -> [CheckpointEdit] {
        let rows = try crew.map(weights.count) { index throws(BlendError) in
            let weight = weights[index]
            let facts = try BlendFacts(of: weight, recipe, blocks: blockCount)
            advance()
            return BlendedRows(weight, facts, recipe)
        }
        return rows.map { .set($0.weight.role, .computed($0.computed), type: nil) }
    }
}
