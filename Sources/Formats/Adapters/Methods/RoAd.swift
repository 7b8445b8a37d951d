import Foundation

/// Pairs of outputs that are rotated and scaled, groups of them at a time (RoAd, arXiv 2409.00119): R · W and R · bias.
struct RoAd: PEFTMethod {
    static let kind = "ROAD"
    static let parts = ["road_alpha", "road_theta"]
    static let keys: Set<String> = ["group_size", "init_weights", "variant"]

    private let group: Int
    /// How many numbers a group has for each of its outputs, in halves.
    private let halves: Int

    init(_ keys: PEFTKeys) throws(AdapterError) {
        group = try keys.positive("group_size", standard: 64)
        guard group % 2 == 0 else { throw keys.wrong("group_size", "even") }
        switch keys.value("variant") {
        case nil, .string("road_1"): halves = 1
        case .string("road_2"): halves = 2
        case .string("road_4"): halves = 4
        default: throw keys.unsupported("variant", "a form that is not known")
        }
    }

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let shape = [module.outputs / 2 * halves]
        guard module.outputs % group == 0 else {
            throw try module.misfit("road_theta", expected: shape)
        }
        let angles = try module.values("road_theta", shape)
        let lengths = try module.values("road_alpha", shape)
        var pairs: [RotatedRows.Factors] = []
        for row in 0..<module.outputs {
            let (block, place) = row.quotientAndRemainder(dividingBy: group)
            let own: Int
            let other: Int
            switch halves {
            case 1: (own, other) = (block * group / 2 + place % (group / 2), 0)
            case 2: (own, other) = (row, 0)
            default: (own, other) = (2 * block * group + place, group)
            }
            pairs.append(
                (
                    lengths[own] * cos(angles[own]),
                    lengths[own + other] * sin(angles[own + other])
                ))
        }
        func rows(_ base: BaseRows) -> RotatedRows {
            RotatedRows(base: base, group: group, factors: pairs)
        }
        return ModuleChange(.rows(rows(module.base)), bias: module.bias.map(rows))
    }
}

private struct RotatedRows: RowChange {
    typealias Factors = (own: Float, partner: Float)

    let base: BaseRows
    let group: Int
    let factors: [Factors]

    func change(
        row: Int, _ values: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        let isFirst = row % group < group / 2
        let partner = isFirst ? row + group / 2 : row - group / 2
        let other = try [Float](filling: values.count) { values throws(QuantizationError) in
            try base.read(partner..<(partner + 1), into: values)
        }
        let (own, shared) = (factors[row].own, factors[row].partner * (isFirst ? -1 : 1))
        for column in values.indices {
            values[column] = own * values[column] + shared * other[column]
        }
    }
}
