import Formats
package import Transformer

/// A place in the stream where interventions act.
package struct StreamSite: Hashable, Sendable, CustomStringConvertible {
    package let site: Site
    package let block: Int

    package var description: String {
        site == .embed ? site.rawValue : "\(site.rawValue) of block \(block)"
    }

    /// All of a model, in the order in which a token passes them.
    static func all(blockCount: Int) -> [StreamSite] {
        [StreamSite(site: .embed, block: 0)]
            + (0..<blockCount).flatMap { block in
                [Site.residMid, .residPost].map { StreamSite(site: $0, block: block) }
            }
    }
}

extension Hyperparameters {
    /// The projection whose output joins the stream before a place, experts' aside; nil where none does.
    func projection(before place: StreamSite) -> BlockSlot? {
        switch place.site {
        case .embed: nil
        case .residMid: kind(ofBlock: place.block).mixer.output
        case .residPost: .feedForwardDown
        }
    }
}

extension [Intervention] {
    /// The same operations at every place of the stream, each at the embedding and at both sites of every block; those
    /// of one vector and strength once at each.
    package func everywhere(blockCount: Int) -> [Intervention] {
        at(StreamSite.all(blockCount: blockCount))
    }

    /// The same operations at both sites of some blocks, those of one vector and strength once at each.
    package func atBothSites(of blocks: [Int]) -> [Intervention] {
        at(
            blocks.sorted().flatMap { block in
                [Site.residMid, .residPost].map { StreamSite(site: $0, block: block) }
            })
    }

    private func at(_ places: [StreamSite]) -> [Intervention] {
        var distinct: [Intervention] = []
        for var intervention in self {
            (intervention.site, intervention.block) = (.embed, 0)
            if !distinct.contains(intervention) { distinct.append(intervention) }
        }
        return places.flatMap { place in
            distinct.map { intervention in
                var copy = intervention
                (copy.site, copy.block) = (place.site, place.block)
                return copy
            }
        }
    }
}
