import Transformer

/// The steerings that a sweep tries: every vector in every set of its blocks at every strength.
package struct SweepGrid: Sendable {
    /// How strong a steering is.
    package enum Strength: Sendable, Hashable {
        /// A multiple of the vector.
        case multiple(Double)
        /// What the blocks together push the stream by, in units of its length there (`RelativePush`).
        case push(Double)
    }

    /// A vector for each file and set of its blocks.
    package let vectors: [SearchVector]
    /// In the order of the vectors, each with all strengths.
    package let points: [SearchPoint]

    /// Pushes of a call that names no strengths, and multiples for files that know no norms.
    package static let usualPushes = [0.05, 0.1, 0.2, 0.4]
    package static let usualMultiples = [0.5, 1.0, 2.0, 4.0]
    /// How many runs of neighbours a vector's blocks make where no sets are named.
    package static let usualSets = 8
    package static let largest = 10_000

    /// - Parameters:
    ///   - sets: nil for runs of neighbours that cover all blocks of each file.
    ///   - strengths: nil for the usual ones; none is 0.
    /// - Throws: `VectorError.missingBlock`, `SearchError.unknownNorm`, `.manyTrials`.
    package init(files: [SearchVector], sets: [[Int]]?, strengths: [Strength]?) throws {
        var vectors: [SearchVector] = []
        for file in files {
            vectors += try (sets ?? Self.runs(of: file.blocks)).map { try file.restricted(to: $0) }
        }
        let perVector = strengths?.count ?? Self.usualPushes.count
        let (count, overflow) = vectors.count.multipliedReportingOverflow(by: perVector)
        guard !overflow, count <= Self.largest else {
            throw SearchError.manyTrials(
                sets: vectors.count, strengths: perVector, limit: Self.largest)
        }
        self.vectors = vectors
        points = try vectors.indices.flatMap { index in
            try Self.strengths(strengths, of: vectors[index]).map { strength in
                SearchPoint(
                    SearchCandidate(
                        vector: index, places: 0...vectors[index].blocks.count - 1,
                        isNegative: strength < 0),
                    strength.magnitude)
            }
        }
    }

    /// A file's blocks in so many runs of nearly equal length.
    private static func runs(of blocks: [Int]) -> [[Int]] {
        let count = min(usualSets, blocks.count)
        return (0..<count).map { run in
            Array(blocks[run * blocks.count / count..<(run + 1) * blocks.count / count])
        }
    }

    /// The multiples of a vector.
    private static func strengths(
        _ strengths: [Strength]?, of vector: SearchVector
    ) throws(SearchError) -> [Double] {
        guard let strengths else {
            guard let whole = vector.relativePush else { return usualMultiples }
            return usualPushes.map { $0 / whole }
        }
        var multiples: [Double] = []
        for strength in strengths {
            switch strength {
            case .multiple(let value): multiples.append(value)
            case .push(let value):
                guard let whole = vector.relativePush else {
                    throw .unknownNorm(file: vector.file)
                }
                multiples.append(value / whole)
            }
        }
        return multiples
    }
}

extension SearchVector {
    /// What strength 1 in all its blocks pushes the stream by; nil where the file does not know the stream's length.
    package var relativePush: Double? {
        let known = blocks.compactMap { pushes[$0] }
        let total = known.reduce(0, +)
        return known.count == blocks.count && total > 0 ? total : nil
    }

    /// The same at some of its blocks.
    ///
    /// - Throws: `VectorError.missingBlock`.
    func restricted(to chosen: [Int]) throws(VectorError) -> SearchVector {
        if let missing = chosen.first(where: { !blocks.contains($0) }) {
            throw .missingBlock(file: file, block: missing, available: blocks)
        }
        let kept = Set(chosen)
        return SearchVector(
            file: file, site: site, blocks: blocks.filter(kept.contains),
            interventions: interventions.filter { kept.contains($0.block) }, pushes: pushes)
    }
}
