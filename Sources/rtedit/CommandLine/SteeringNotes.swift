import Transformer
import Tuning

/// What a SPEC means where it leaves something out, and whether it is too strong.
struct SteeringNotes {
    private let specification: VectorSpecification
    private let site: Site
    private let blocks: [Int]
    /// What the vector adds in units of the stream's length; nil where the file does not say how long that is.
    private let push: Double?

    /// - Throws: what reading the file throws.
    init(_ specification: VectorSpecification, convention: VectorFile.Convention) throws {
        self.specification = specification
        let vector = try VectorFile.read(specification.file, convention: convention)
        site = vector.site
        blocks = specification.blocks ?? vector.blocks
        push = vector.relativePush(in: blocks).map { $0 * Double(abs(specification.scale)) }
    }

    /// Tells what the scale and the blocks are that a new SPEC does not name, and that a strength is too large.
    func tell(on console: Console, isNew: Bool) {
        if isNew, let missing {
            let strength =
                push.map { "which adds \(Self.percent($0)) of the stream's length" }
                ?? "the file does not say how much that is of the stream's length"
            console.note("\(specification.file): \(missing): \(strength)")
        }
        guard let push, push > RelativePush.largest, push.isFinite else { return }
        let usual = Double(specification.scale) * RelativePush.usual / push
        console.warning(
            "\(specification.file): \(Self.text(Double(specification.scale))) times the vector in "
                + "\(blockText) adds \(Self.percent(push)) of the stream's length; beyond "
                + "\(Self.percent(RelativePush.largest)) texts tend to fall apart; a usual start is "
                + "\(Self.percent(RelativePush.usual)), here a scale of \(Self.text(usual))")
    }

    /// What stands for what is not written.
    private var missing: String? {
        let place = site == .embed ? "at the embedding" : "in all of its \(blockText)"
        return switch (specification.namesScale, specification.blocks) {
        case (true, _?): nil
        case (true, nil): "no blocks given, so it acts \(place)"
        case (false, _?): "no scale given, so it is 1"
        case (false, nil): "no scale and no blocks given, so it is added once \(place)"
        }
    }

    private var blockText: String {
        (blocks.count == 1 ? "block " : "blocks ") + BlockSet.text(blocks)
    }

    private static func percent(_ share: Double) -> String { "\(Quantity.fixed(100 * share, 0)) %" }

    /// Two significant digits or more.
    private static func text(_ scale: Double) -> String {
        if scale == scale.rounded(), abs(scale) < 1e6 { return Quantity.fixed(scale, 0) }
        return abs(scale) >= 0.1 ? Quantity.fixed(scale, 2) : Quantity.scientific(scale, 1)
    }
}
