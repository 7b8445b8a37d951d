import Formats
import Transformer

/// How well a change is the removal of one direction from what a projection writes into the residual stream:
/// W′ = W − λ v vᵀ W for a projection, whose rows are dimensions of the stream, and E′ = E − λ E v vᵀ for an embedding,
/// whose columns are.
struct AblationFit {
    /// The unit vector v in the stream: (hidden size).
    let direction: [Float]
    /// λ: how much of the direction was removed; 1 is all of it.
    let strength: Double
    /// ‖change + λ v vᵀ W‖² / ‖change‖²: 0 where the change is nothing else.
    let residualShare: Double

    /// The slots of a block whose outputs are added to the stream.
    static let writers: [BlockSlot] = [
        .attentionOutput, .convolutionOutput, .deltaOutput, .feedForwardDown, .expertDown,
        .sharedExpertDown,
    ]

    /// Whether a weight writes into the stream, and its columns are the stream's dimensions.
    static func writesByColumns(_ role: WeightRole) -> Bool? {
        guard role.part == .weight else { return nil }
        switch role.slot {
        case .tokenEmbedding, .positionEmbedding: return true
        case .block(_, let slot) where writers.contains(slot): return false
        default: return nil
        }
    }

    /// Fits the first singular vector of a change; nil where the weight does not write into the stream.
    ///
    /// - Throws: `CheckpointError` where values cannot be read.
    init?(_ pair: TensorPair, spectrum: ChangeSpectrum) throws {
        guard let role = pair.role, let byColumns = Self.writesByColumns(role),
            let first = spectrum.first, spectrum.energy > 0
        else { return nil }
        let direction = byColumns ? first.right : first.left
        var a = [Float](repeating: 0, count: pair.columns)
        var b = a
        // What the base writes along v: vᵀ W (columns), or E v (rows); and the same of the change.
        var written = [Double](repeating: 0, count: byColumns ? pair.rows : pair.columns)
        var change = written
        for row in 0..<pair.rows {
            try pair.read(rows: row..<(row + 1), a: &a, b: &b)
            for column in 0..<pair.columns where a[column].isFinite && b[column].isFinite {
                let place = byColumns ? row : column
                let weight = Double(direction[byColumns ? column : row])
                written[place] += weight * Double(a[column])
                change[place] += weight * (Double(b[column]) - Double(a[column]))
            }
        }
        pair.releasePages(rows: 0..<pair.rows)
        let square = written.reduce(0) { $0 + $1 * $1 }
        let product = zip(written, change).reduce(0) { $0 + $1.0 * $1.1 }
        guard square > 0 else { return nil }
        strength = -product / square
        // ‖D + λ v wᵀ‖² = ‖D‖² + 2 λ (vᵀ D) · w + λ² ‖w‖², with the λ that makes it least.
        residualShare = max(0, 1 - product * product / square / spectrum.energy)
        self.direction = direction
    }
}
