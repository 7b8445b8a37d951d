package import Transformer

/// Directions that an extracted one shall have nothing of, by block.
package struct Nuisance: Sendable {
    /// How the caller named them; kept in the vector.
    package let names: [String]
    /// Orthonormal rows, for the blocks that have any.
    private let bases: [Int: [[Float]]]

    /// A direction that is longer than this after the others' parts are taken out is one of its own.
    private static let independence = 1e-4

    /// No directions.
    package static let none = Nuisance()

    private init() {
        names = []
        bases = [:]
    }

    /// Takes the directions of vector files: those of one block are made orthonormal, so that nothing of any is left.
    ///
    /// - Parameters:
    ///   - specifications: `FILE[@BLOCKS]`; a scale changes nothing.
    ///   - site: where the extraction is to take place.
    ///   - hiddenSize: the width of the model's residual stream.
    ///   - blockCount: the number of the model's blocks.
    /// - Throws: `ExtractionError.nuisanceSite` for a vector of another site, `ExtractionError.zeroNuisance`;
    ///   `VectorError` where a file is no vector or does not fit the model, and file errors.
    package init(
        _ specifications: [String], convention: VectorFile.Convention = .llamaCpp, site: Site,
        hiddenSize: Int, blockCount: Int
    ) throws {
        var bases: [Int: [[Float]]] = [:]
        for text in specifications {
            let specification = try VectorSpecification(text)
            for direction in try specification.interventions(
                .ablate, convention: convention, hiddenSize: hiddenSize, blockCount: blockCount)
            {
                guard direction.site == site else {
                    throw ExtractionError.nuisanceSite(
                        file: specification.file, found: direction.site, expected: site)
                }
                let basis = bases[direction.block] ?? []
                guard let unit = direction.vector.unit else {
                    throw ExtractionError.zeroNuisance(
                        file: specification.file, block: direction.block)
                }
                let rest = unit.without(basis)
                let share = rest.norm
                guard share > Self.independence else { continue }
                bases[direction.block] = basis + [rest.map { Float(Double($0) / share) }]
            }
        }
        names = specifications.map { $0.split(separator: "/").last.map(String.init) ?? $0 }
        self.bases = bases
    }

    /// Whether the block has directions to be projected out.
    func acts(on block: Int) -> Bool { bases[block] != nil }

    /// What is left of a vector of the block.
    func projectedOut(of vector: [Float], block: Int) -> [Float] {
        vector.without(bases[block] ?? [])
    }
}
