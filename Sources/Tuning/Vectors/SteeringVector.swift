package import Transformer

/// A behaviour direction: one vector for each of some blocks, at one site of the residual stream.
package struct SteeringVector: Sendable, Hashable {
    package let site: Site
    /// (hidden size) for each 0-based block that has one. For `embed` the only block is 0.
    package var directions: [Int: [Float]]
    package var provenance: Provenance

    /// Where a vector comes from; kept in the file.
    package struct Provenance: Sendable, Hashable {
        /// The architecture of the model, as a hint for other tools.
        package var modelHint: String
        /// How the direction was found: `mean`, `pca` …; nil for files of other tools.
        package var method: String?
        /// Which token's activations were compared.
        package var token: String?
        /// `unit` or `none`.
        package var normalization: String?
        /// What the base model is called.
        package var baseName: String?
        /// SHA-256 of the base model's weights.
        package var baseHash: String?
        /// Values of some of its weights, by which it is known in other formats and types.
        package var baseSample: [Float]
        package var pairCount: Int?
        /// The vectors whose directions were projected out, as the caller named them.
        package var projectedOut: [String]
        /// What was done with the vector after it was found, a line each.
        package var operations: [String]
        /// The share of the direction's length that projecting them out took, by block.
        package var lengthLost: [Int: Float]
        /// Share of pairs whose difference points along the direction, by block.
        package var signAgreement: [Int: Float]
        /// Mean norm of the activations the direction was found in, by block.
        package var activationNorm: [Int: Float]

        package init(
            modelHint: String, method: String? = nil, token: String? = nil,
            normalization: String? = nil, baseName: String? = nil,
            baseHash: String? = nil, baseSample: [Float] = [], pairCount: Int? = nil,
            projectedOut: [String] = [], operations: [String] = [],
            lengthLost: [Int: Float] = [:], signAgreement: [Int: Float] = [:],
            activationNorm: [Int: Float] = [:]
        ) {
            self.modelHint = modelHint
            self.method = method
            self.token = token
            self.normalization = normalization
            self.baseName = baseName
            self.baseHash = baseHash
            self.baseSample = baseSample
            self.pairCount = pairCount
            self.projectedOut = projectedOut
            self.operations = operations
            self.lengthLost = lengthLost
            self.signAgreement = signAgreement
            self.activationNorm = activationNorm
        }

        /// The model that the vector was found in.
        package var base: BaseIdentity {
            get {
                BaseIdentity(
                    modelHint: modelHint, name: baseName, hash: baseHash, sample: baseSample)
            }
            set {
                (modelHint, baseName) = (newValue.modelHint, newValue.name)
                (baseHash, baseSample) = (newValue.hash, newValue.sample)
            }
        }
    }

    package init(site: Site, directions: [Int: [Float]], provenance: Provenance) {
        self.site = site
        self.directions = directions
        self.provenance = provenance
    }

    /// The blocks that have a direction, ascending.
    package var blocks: [Int] { directions.keys.sorted() }

    /// The width of the directions.
    package var width: Int { directions.values.first?.count ?? 0 }

    /// The interventions that apply this vector.
    ///
    /// - Parameter blocks: the blocks to act on; nil for all the vector has.
    /// - Throws: `VectorError.missingBlock` for a block without direction.
    package func interventions(
        _ operation: Intervention.Operation, scale: Float, blocks chosen: [Int]? = nil, name: String
    ) throws(VectorError) -> [Intervention] {
        var interventions: [Intervention] = []
        for block in chosen ?? blocks {
            guard let direction = directions[block] else {
                throw .missingBlock(file: name, block: block, available: blocks)
            }
            interventions.append(
                Intervention(
                    site: site, block: block, operation: operation, vector: direction,
                    strength: scale))
        }
        return interventions
    }
}
