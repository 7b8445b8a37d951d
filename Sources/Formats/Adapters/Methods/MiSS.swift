/// One small block shared by all pieces of a row (MiSS, arXiv 2409.15371): it is added to each piece, and in the form
/// called "bat" the pieces times the block too.
struct MiSS: PEFTMethod {
    static let kind = "MISS"
    static let parts = ["miss_block"]
    static let keys: Set<String> = ["init_weights", "mini_r", "miss_dropout", "r"]

    private enum Form { case plain, bat, mini(Int) }

    private let rank: Int
    private let form: Form

    init(_ keys: PEFTKeys) throws(AdapterError) {
        rank = try keys.positive("r")
        switch keys.value("init_weights") {
        case nil, .bool: form = .plain
        case .string("bat"): form = .bat
        case .string("mini"): form = .mini(try keys.positive("mini_r"))
        default: throw keys.unsupported("init_weights", "a form that is not known")
        }
    }

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let part = Self.parts[0]
        switch form {
        case .plain:
            return ModuleChange(
                .rows(
                    AddedBlock(
                        values: try module.values(part, [rank, module.outputs]),
                        width: module.outputs)))
        case .mini(let width):
            guard module.outputs % width == 0 else {
                throw try module.misfit(part, expected: [rank, module.outputs])
            }
            return ModuleChange(
                .rows(AddedBlock(values: try module.values(part, [rank, width]), width: width)))
        case .bat:
            let shape = [module.outputs / rank, rank, rank]
            guard module.outputs % rank == 0, module.inputs % rank == 0 else {
                throw try module.misfit(part, expected: shape)
            }
            return ModuleChange(
                .rows(MultipliedBlocks(values: try module.values(part, shape), size: rank)))
        }
    }
}

/// B (rank, width): row i, column j get B[j mod rank, i mod width].
private struct AddedBlock: RowChange {
    let values: [Float]
    let width: Int

    func change(row: Int, _ target: UnsafeMutableBufferPointer<Float>) {
        let rank = values.count / width
        for column in target.indices {
            target[column] += values[column % rank * width + row % width]
        }
    }
}

/// B (outputs / size, size, size): each square block of W gets W · B + B of its rows.
private struct MultipliedBlocks: RowChange {
    let values: [Float]
    let size: Int

    func change(row: Int, _ target: UnsafeMutableBufferPointer<Float>) {
        let (block, place) = row.quotientAndRemainder(dividingBy: size)
        let first = block * size * size
        var piece = [Float](repeating: 0, count: size)
        for start in stride(from: 0, to: target.count, by: size) {
            for column in 0..<size {
                var sum: Float = 0
                for step in 0..<size {
                    sum += target[start + step] * values[first + step * size + column]
                }
                piece[column] = sum + values[first + place * size + column]
            }
            for column in 0..<size { target[start + column] += piece[column] }
        }
    }
}
