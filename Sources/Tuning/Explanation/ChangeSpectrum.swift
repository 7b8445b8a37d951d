import Formats
import Transformer

/// The singular values of what changed in a matrix, beside what storing it in its type changes anyway.
package struct ChangeSpectrum: Sendable {
    /// The largest singular values of B − A, largest first.
    package let values: [Double]
    /// The sum of the squares of all of them: ‖B − A‖².
    package let energy: Double
    /// What lies outside the singular vectors found; a true squared singular value is at most this much above its value
    /// here (see `RandomizedSVD.residualEnergy`).
    package let residualEnergy: Double
    /// How many rows hold the change, and the numbers of the first.
    package let changedRows: Int
    let firstChangedRows: [Int]
    /// The largest singular value that the types' rounding has, coarsest way last; empty where it is not known.
    package let noiseLimits: [Double]
    /// The shape (rows, columns) of the matrix.
    package let shape: (rows: Int, columns: Int)
    /// The first pair of singular vectors: (rows), (columns).
    let first: (left: [Float], right: [Float])?
    private let noise: [StorageNoise.Level]
    /// For each singular value, whether its direction is constant over the blocks of a quantised type: what scales and
    /// minimums stored anew change, whatever was done to the values.
    private let isOfBlocks: [Bool]

    /// The most singular values that are looked for: updates of a higher rank are not called low.
    static let rankLimit = 64
    /// The share of the energy that a rank must hold to be the update's.
    static let energyShare = 0.99
    /// A singular value stands out where it is this much above what rounding gives.
    private static let prominence = 1.2
    /// How many singular values hold 99 % of the energy; nil where more are needed than were looked for.
    package var rankOf99Percent: Int? {
        var sum = 0.0
        for (index, value) in values.enumerated() {
            sum += value * value
            if sum >= Self.energyShare * energy { return index + 1 }
        }
        return nil
    }

    /// How many singular values stand above what rounding of this level gives.
    func prominentCount(over level: StorageNoise.Level) -> Int {
        zip(values, isOfBlocks).count {
            $0 > Self.prominence * level.largestSingularValue && !$1
        }
    }

    /// The rank of the update: the number of singular values that hold the change, or all of it that is not rounding. Nil
    /// where the change is spread over more than a quarter of all directions or over more than were looked for.
    package var updateRank: Int? {
        let limit = min(Self.rankLimit, max(1, min(shape.rows, shape.columns) / 4))
        // What the blocks' own numbers change has as many directions as a row has blocks: no update's rank.
        if let rank = rankOf99Percent, rank <= limit,
            2 * isOfBlocks.prefix(rank).count(where: { $0 }) <= rank
        {
            return rank
        }
        for level in noise {
            let rank =
                (values.indices.last {
                    values[$0] > Self.prominence * level.largestSingularValue && !isOfBlocks[$0]
                } ?? -1) + 1
            if rank > 0, rank <= limit,
                rest(beside: rank) <= StorageNoise.margin * level.rootMeanSquare
            {
                return rank
            }
        }
        return nil
    }

    /// The root mean square of the change without its first singular values.
    package func rest(beside rank: Int) -> Double {
        let found = values.prefix(rank).reduce(0) { $0 + $1 * $1 }
        return (max(0, energy - found) / Double(max(1, shape.rows * shape.columns))).squareRoot()
    }

    /// The share of the energy that the first singular values hold.
    package func share(of rank: Int) -> Double {
        energy > 0 ? min(1, values.prefix(rank).reduce(0) { $0 + $1 * $1 } / energy) : 1
    }

    /// The largest singular value in units of what noise of the same size and no direction has: s₁ / (σ (√m + √n)).
    package var prominence: Double {
        let deviation = (energy / Double(max(1, shape.rows * shape.columns))).squareRoot()
        let edge =
            deviation * (Double(shape.rows).squareRoot() + Double(shape.columns).squareRoot())
        return edge > 0 ? (values.first ?? 0) / edge : 0
    }

    /// Whether most of a unit vector is the means of its groups.
    private static func isConstant(_ direction: [Float], over size: Int) -> Bool {
        var energy = 0.0
        for first in stride(from: 0, to: direction.count, by: size) {
            let group = direction[first..<min(first + size, direction.count)]
            let sum = group.reduce(0) { $0 + Double($1) }
            energy += sum * sum / Double(group.count)
        }
        return energy > 0.5
    }

    /// Reads the matrix pair several times over.
    ///
    /// - Throws: `CheckpointError` where values cannot be read.
    init(_ pair: TensorPair, noise: StorageNoise?) throws {
        var change = ChangeRows(pair)
        let decomposition = try RandomizedSVD(&change, count: Self.rankLimit)
        values = decomposition.values
        energy = decomposition.energy
        residualEnergy = decomposition.residualEnergy
        changedRows = change.changedRows.count
        firstChangedRows = Array(change.changedRows.sorted().prefix(ReencodingCheck.Places.listed))
        self.noise = noise?.levelsBesideEdit ?? []
        noiseLimits = self.noise.map(\.largestSingularValue)
        shape = (pair.rows, pair.columns)
        let group = noise?.grids.b.elementsPerBlock ?? 1
        isOfBlocks = values.indices.map {
            group > 1 && Self.isConstant(decomposition.right.column($0), over: min(group, 32))
        }
        first =
            values.isEmpty ? nil : (decomposition.left.column(0), decomposition.right.column(0))
    }
}

/// What changed in a matrix, row by row; values that are not finite count as unchanged.
struct ChangeRows: MatrixRows {
    private let pair: TensorPair
    /// The rows that were read and hold a change.
    private(set) var changedRows: Set<Int> = []
    private var a: [Float] = []
    private var b: [Float] = []

    init(_ pair: TensorPair) {
        self.pair = pair
    }

    var rows: Int { pair.rows }
    var columns: Int { pair.columns }

    mutating func read(_ rows: Range<Int>, into tile: inout [Float]) throws {
        let size = rows.count * pair.columns
        if a.count != size {
            a = [Float](repeating: 0, count: size)
            b = a
        }
        try pair.read(rows: rows, a: &a, b: &b)
        for (index, row) in rows.enumerated() {
            var isChanged = false
            for place in (index * pair.columns)..<((index + 1) * pair.columns) {
                let change = b[place] - a[place]
                tile[place] = change.isFinite ? change : 0
                isChanged = isChanged || tile[place] != 0
            }
            if isChanged { changedRows.insert(row) }
        }
        pair.releasePages(rows: rows)
    }
}

extension DenseMatrix {
    /// The values of a column.
    func column(_ index: Int) -> [Float] { (0..<rows).map { values[$0 * columns + index] } }
}
