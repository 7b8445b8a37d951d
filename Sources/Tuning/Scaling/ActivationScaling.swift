package import Transformer

/// Learned factors of what sub-layers add to the residual stream: y becomes (1 + β · α) · y at every position, with an α
/// for each block's attention and feed-forward part (activation scaling, arXiv 2410.04962). Where a norm follows the
/// sub-layer, y is what the norm gives.
package struct ActivationScaling: Sendable, Hashable {
    /// The α of each block's attention, 0 where none was learned.
    package var attention: [Float]
    /// The same of its feed-forward part, or its experts together.
    package var feedForward: [Float]
    /// The model they were learned in.
    package var base: BaseIdentity
    /// How they were learned, by key; the keys are those of `ScalingFile.notes`.
    package var notes: [String: String]

    /// A block's parts that add to the stream.
    package enum SubLayer: String, CaseIterable, Sendable {
        case attention
        /// The feed-forward part, or the experts together.
        case feedForward = "feed_forward"

        /// The one that ends at a site; no other ends at `embed`.
        package init(endingAt site: Site) {
            self = site == .residMid ? .attention : .feedForward
        }

        /// Where it ends.
        package var site: Site { self == .attention ? .residMid : .residPost }
    }

    /// The sites at which sub-layers end.
    package static let sites = SubLayer.allCases.map(\.site)

    /// - Precondition: there are as many of both.
    package init(
        attention: [Float], feedForward: [Float], base: BaseIdentity, notes: [String: String] = [:]
    ) {
        precondition(attention.count == feedForward.count)
        self.attention = attention
        self.feedForward = feedForward
        self.base = base
        self.notes = notes
    }

    /// The α of some places, 0 elsewhere.
    ///
    /// - Precondition: there is one for each place, and the places are the model's.
    package init(blockCount: Int, places: [StreamSite], alphas: [Float], base: BaseIdentity) {
        precondition(places.count == alphas.count)
        let zeros = [Float](repeating: 0, count: blockCount)
        self.init(attention: zeros, feedForward: zeros, base: base)
        for (place, alpha) in zip(places, alphas) { self[place.site, place.block] = alpha }
    }

    package var blockCount: Int { attention.count }

    /// The α of the sub-layer of a block that ends at a site.
    package subscript(site: Site, block: Int) -> Float {
        get { site == .residMid ? attention[block] : feedForward[block] }
        set {
            if site == .residMid {
                attention[block] = newValue
            } else {
                feedForward[block] = newValue
            }
        }
    }

    /// The places whose α is not 0, in the order in which a token passes them.
    package var places: [StreamSite] {
        (0..<blockCount).flatMap { block in
            Self.sites.map { StreamSite(site: $0, block: block) }
        }.filter { self[$0.site, $0.block] != 0 }
    }

    /// What they ask of a model: an intervention for each α that is not 0, of strength β · α.
    ///
    /// - Parameter blocks: those to be scaled; nil for all.
    package func interventions(beta: Float, blocks: Set<Int>? = nil) -> [Intervention] {
        places.filter { blocks?.contains($0.block) ?? true }.map { place in
            Intervention(
                site: place.site, block: place.block, operation: .scaleOutput, vector: [],
                strength: beta * self[place.site, place.block])
        }
    }
}

extension VectorSpecification {
    /// Opens the file of a scaling, `FILE[:BETA][@BLOCKS]`, and gives the interventions it asks for.
    ///
    /// - Parameter blockCount: the number of the model's blocks.
    /// - Throws: as `ScalingFile.read`; `ScalingError.otherBlockCount`, `.missingBlock`, `.nothing`, `.tooStrong`.
    package func scalings(blockCount: Int) throws -> [Intervention] {
        let scaling = try ScalingFile.read(file)
        guard scaling.blockCount == blockCount else {
            throw ScalingError.otherBlockCount(
                file: file, count: scaling.blockCount, model: blockCount)
        }
        if let missing = blocks?.first(where: { $0 >= blockCount }) {
            throw ScalingError.missingBlock(file: file, block: missing, blockCount: blockCount)
        }
        let found = scaling.interventions(beta: scale, blocks: blocks.map(Set.init))
        guard !found.isEmpty else { throw ScalingError.nothing(file: file, blocks: blocks) }
        for intervention in found where !(1 + intervention.strength).isFinite {
            let place = StreamSite(site: intervention.site, block: intervention.block)
            throw ScalingError.tooStrong(
                file: file, place: place, alpha: scaling[place.site, place.block], beta: scale)
        }
        return found
    }
}
