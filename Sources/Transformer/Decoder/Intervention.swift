/// Where in the model's residual stream an intervention acts.
package enum Site: String, Hashable, Sendable, CaseIterable {
    /// The token embeddings, before block 0.
    case embed
    /// After a block's attention is added to the residual stream.
    case residMid = "resid_mid"
    /// The output of a block.
    case residPost = "resid_post"
}

/// One change to the residual stream h at one site of one block, or to what the sub-layer before the site adds to it, at
/// every token position.
///
/// The only description of steering there is: `generate` applies it online, `bake` turns it into edits,
/// `verify` replays it.
package struct Intervention: Hashable, Sendable {
    /// What is done with the vector.
    package enum Operation: String, Hashable, Sendable {
        /// h + strength · v
        case add
        /// h − strength · v̂ (v̂ · h), with v̂ = v / ‖v‖
        case ablate
        /// strength · h; the vector is not used
        case scale
        /// (1 + strength) · what the sub-layer that ends at the site adds to the stream, before all else that is done
        /// there, whatever the order; the vector is not used (arXiv 2410.04962). Not at `embed`, where no sub-layer ends.
        case scaleOutput = "scale_output"
        /// w − strength · v̂ (v̂ · w), w what the sub-layer that ends at the site adds to the stream, or at `embed` the embedding;
        /// before all else that is done there, whatever the order
        case ablateOutput = "ablate_output"

        /// Whether the vector has a part in it.
        var hasVector: Bool { self == .add || removes }

        /// Whether it removes a direction.
        package var removes: Bool { self == .ablate || self == .ablateOutput }
    }

    package var site: Site
    /// 0-based; 0 for `embed`.
    package var block: Int
    package var operation: Operation
    /// (hidden size); empty for `scale` and `scaleOutput`
    package var vector: [Float]
    package var strength: Float

    package init(
        site: Site = .residPost, block: Int, operation: Operation = .add, vector: [Float],
        strength: Float = 1
    ) {
        self.site = site
        self.block = block
        self.operation = operation
        self.vector = vector
        self.strength = strength
    }
}
