/// Blocks that are circulant (C³A, arXiv 2407.19342): each is given by its first row, over the number of inputs.
struct C3A: PEFTMethod {
    static let kind = "C3A"
    static let parts = ["c3a_kernel"]
    static let keys: Set<String> = ["block_size", "block_size_pattern", "init_weights"]

    init(_ keys: PEFTKeys) {}

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let part = Self.parts[0]
        let size = try module.length(part, 2)
        let shape = [module.outputs / size, module.inputs / size, size]
        guard module.outputs % size == 0, module.inputs % size == 0 else {
            throw try module.misfit(part, expected: shape)
        }
        return ModuleChange(
            .rows(
                CirculantRows(
                    kernels: try module.values(part, shape), size: size, inputs: module.inputs)))
    }
}

private struct CirculantRows: RowChange {
    let kernels: [Float]
    let size: Int
    let inputs: Int

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        let (block, place) = row.quotientAndRemainder(dividingBy: size)
        for start in stride(from: 0, to: inputs, by: size) {
            let kernel = block * inputs + start
            for column in 0..<size {
                values[start + column] +=
                    kernels[kernel + (column - place + size) % size] / Float(inputs)
            }
        }
    }
}
