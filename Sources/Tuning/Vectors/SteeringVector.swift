public import Transformer

/// A behaviour direction: one vector for each of some blocks, at one site of the residual stream.
public struct SteeringVector: Sendable, Hashable {
    public let site: Site
    /// (hidden size) for each 0-based block that has one. For `embed` the only block is 0.
    public var directions: [Int: [Float]]
    public var provenance: Provenance

    /// Where a vector comes from; kept in the file.
    public struct Provenance: Sendable, Hashable {
        /// The architecture of the model, as a hint for other tools.
        public var modelHint: String
        /// How the direction was found: `mean`, `pca` …; nil for files of other tools.
        public var method: String?
        /// Which token's activations were compared.
        public var token: String?
        /// `unit` or `none`.
        public var normalization: String?
        /// What the base model is called.
        public var baseName: String?
        /// SHA-256 of the base model's weights.
        public var baseHash: String?
        /// Values of some of its weights, by which it is known in other formats and types.
        public var baseSample: [Float]
        public var pairCount: Int?
        /// The vectors whose directions were projected out, as the caller named them.
        public var projectedOut: [String]
        /// The share of the direction's length that projecting them out took, by block.
        public var lengthLost: [Int: Float]
        /// Share of pairs whose difference points along the direction, by block.
        public var signAgreement: [Int: Float]
        /// Mean norm of the activations the direction was found in, by block.
        public var activationNorm: [Int: Float]

        public init(
            modelHint: String, method: String? = nil, token: String? = nil,
            normalization: String? = nil, baseName: String? = nil,
            baseHash: String? = nil, baseSample: [Float] = [], pairCount: Int? = nil,
            projectedOut: [String] = [],
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
            self.lengthLost = lengthLost
            self.signAgreement = signAgreement
            self.activationNorm = activationNorm
        }

        /// The model that the vector was found in.
        public var base: BaseIdentity {
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

    public init(site: Site, directions: [Int: [Float]], provenance: Provenance) {
        self.site = site
        self.directions = directions
        self.provenance = provenance
    }

    /// The blocks that have a direction, ascending.
    public var blocks: [Int] { directions.keys.sorted() }

    /// The width of the directions.
    public var width: Int { directions.values.first?.count ?? 0 }

    /// The interventions that apply this vector.
    ///
    /// - Parameter blocks: the blocks to act on; nil for all the vector has.
    /// - Throws: `VectorError.missingBlock` for a block without direction.
    public func interventions(
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
