/// Inputs rotated block by block, outputs scaled (BOFT, arXiv 2311.06243): s · W · Rᵀ with Cayley's rotations.
struct BOFT: PEFTMethod {
    static let kind = "BOFT"
    static let parts = ["boft_R", "boft_s"]
    static let keys: Set<String> = [
        "boft_block_num", "boft_block_size", "boft_dropout", "boft_n_butterfly_factor",
        "fan_in_fan_out", "init_weights",
    ]

    init(_ keys: PEFTKeys) {}

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let part = Self.parts[0]
        let (blocks, size) = (try module.length(part, 1), try module.length(part, 2))
        let shape = [1, module.inputs / size, size, size]
        guard try module.length(part, 0) == 1 else {
            throw AdapterError.unsupportedTensor(
                file: module.file, tensor: try module.tensor(part).name,
                reason:
                    "has several butterfly factors, which PEFT computes with CUDA only, and which are "
                    + "not supported")
        }
        guard module.inputs % size == 0, blocks == module.inputs / size else {
            throw try module.misfit(part, expected: shape)
        }
        let values = try module.values(part, shape)
        let rotations = (0..<blocks).map { block in
            var skew = SquareMatrix(size: size)
            for row in 0..<size {
                for column in 0..<size {
                    let first = block * size * size
                    let value = Double(values[first + row * size + column])
                    skew[row, column] = (value - Double(values[first + column * size + row])) / 2
                }
            }
            return skew.cayley
        }
        return ModuleChange(
            .rows(
                BlockRotation(
                    rotations, factors: try module.values("boft_s", [module.outputs, 1]))))
    }
}
