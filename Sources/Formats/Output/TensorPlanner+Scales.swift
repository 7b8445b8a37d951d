/// Scales beside matrices whose values edits work out anew.
extension TensorPlanner {
    /// What the scale of a matrix becomes greater by, where an edit works its values out anew in NVFP4.
    ///
    /// A converter chooses the scale so that the largest block needs the largest scale a block can have. Twice that leaves
    /// room for larger values, and every block's own scale in the range that the encoder rounds well.
    private static let growth: Float = 2

    /// How much greater the scale of a matrix becomes; 1 where the matrix has none or keeps its blocks.
    func scaleGrowth(of matrix: WeightTensor) -> Float {
        guard format == .gguf, source.format == .gguf, let role = matrix.role,
            role.part == .weight, matrix.form.factor != 1, matrix.type == .nvfp4,
            let change = changes.weights[role], change.type ?? .nvfp4 == .nvfp4,
            change.rows.isComputed
        else { return 1 }
        return Self.growth
    }

    /// Refuses new values for all experts together where each expert's matrix has a scale of its own.
    ///
    /// - Throws: `CheckpointError.cannotExpress`.
    func checkScales(
        of tensor: WeightTensor, _ change: WeightChange?
    ) throws(CheckpointError) {
        guard tensor.hasExpertScales, let change, change.rows.isComputed else { return }
        throw .cannotExpress(
            fact:
                "tensor '\(tensor.name)' has a scale for each expert: only single experts can get "
                + "new values")
    }

    /// The values of a scale beside edited matrices; nil for any other tensor, and where none of them makes it greater.
    func grownScales(of tensor: WeightTensor) throws(QuantizationError) -> RowSource? {
        guard let role = tensor.role, role.part == .scale,
            let matrix = source.tensor(WeightRole(role.slot))
        else { return nil }
        let growths = matrix.matrices.map(scaleGrowth)
        guard growths.contains(where: { $0 != 1 }) else { return nil }
        let values = try tensor.values()
        guard values.count == growths.count else { return nil }
        return .values(zip(values, growths).map { $0 * $1 }, .canonical)
    }
}
