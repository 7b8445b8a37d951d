/// Inputs rotated block by block (OFT, arXiv 2306.07280), W · Rᵀ: each block's rotation is Cayley's of a skew-symmetric
/// matrix, or the first terms of its Neumann series.
struct OFT: PEFTMethod {
    static let kind = "OFT"
    static let parts = ["oft_R.weight"]
    static let keys: Set<String> = [
        "block_share", "coft", "eps", "fan_in_fan_out", "init_weights", "module_dropout",
        "num_cayley_neumann_terms", "oft_block_size", "r", "use_cayley_neumann",
    ]

    /// How many terms the series has; nil for the rotation itself.
    private let terms: Int?
    private let isShared: Bool
    /// The longest skew-symmetric matrices of a module, over the root of their number (constrained OFT); nil for no limit.
    private let limit: Double?

    init(_ keys: PEFTKeys) throws(AdapterError) {
        terms =
            try keys.flag("use_cayley_neumann", standard: true)
            ? keys.positive("num_cayley_neumann_terms", standard: 5) : nil
        isShared = try keys.flag("block_share")
        limit = try keys.flag("coft") ? keys.number("eps", standard: 6e-5) : nil
    }

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let part = Self.parts[0]
        let (blocks, elements) = (try module.length(part, 0), try module.length(part, 1))
        // elements = size · (size − 1) / 2
        let size = Int((1 + (1 + 8 * Double(elements)).squareRoot()) / 2)
        guard size * (size - 1) / 2 == elements, module.inputs % size == 0,
            blocks == (isShared ? 1 : module.inputs / size)
        else {
            throw try module.misfit(
                part, expected: [isShared ? 1 : module.inputs / max(size, 1), elements])
        }
        let values = try module.values(part, [blocks, elements])
        let rotations = (0..<blocks).map { block in
            rotation(
                skew(values[(block * elements)..<((block + 1) * elements)], size), blocks: blocks)
        }
        return ModuleChange(.rows(BlockRotation(rotations)))
    }

    /// The skew-symmetric matrix with these elements above its diagonal, row by row.
    private func skew(_ elements: ArraySlice<Float>, _ size: Int) -> SquareMatrix {
        var matrix = SquareMatrix(size: size)
        var rest = elements
        for row in 0..<size {
            for column in (row + 1)..<max(size, row + 1) {
                let value = Double(rest.removeFirst())
                matrix[row, column] = value
                matrix[column, row] = -value
            }
        }
        return matrix
    }

    private func rotation(_ skew: SquareMatrix, blocks: Int) -> SquareMatrix {
        var skew = skew
        if let limit {
            let longest = limit / Double(blocks).squareRoot()
            let length = skew.values.reduce(0) { $0 + $1 * $1 }.squareRoot()
            if length > longest {
                skew = SquareMatrix(size: skew.size).adding(skew, times: longest / length)
            }
        }
        guard let terms else { return skew.cayley }
        // I + 2 Q + 2 Q² + … + Qⁿ: PEFT counts the last power once from the third on, which three terms have too.
        let last = terms > 2 ? max(terms - 1, 3) : terms - 1
        var sum = SquareMatrix.identity(skew.size)
        var power = SquareMatrix.identity(skew.size)
        for exponent in 0..<last {
            power = power.multiplied(by: skew)
            sum = sum.adding(power, times: exponent + 1 == last && last > 2 ? 1 : 2)
        }
        return sum
    }
}
