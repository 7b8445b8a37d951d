/// The tensors that an adapter's file has of one module, and what they must fit.
struct PEFTModule {
    let file: String
    /// In the file, and without PEFT's prefix.
    let names: (inFile: String, ofModule: String)
    /// The weight's; the module's canonical shape.
    let outputs: Int
    let inputs: Int
    /// How a file in Hugging Face's layout lays the weight out.
    let form: StorageForm
    let base: BaseRows
    /// Of the base's bias, where there is one.
    let bias: BaseRows?
    /// By what follows the module's name.
    var tensors: [String: StoredTensor] = [:]
    /// Those that all modules share.
    var shared: [String: SharedValues] = [:]

    /// A tensor that all modules share, read once.
    struct SharedValues {
        let shape: [Int]
        let values: [Float]
    }

    /// What patterns are compared with.
    var name: String { names.ofModule }

    func has(_ part: String) -> Bool { tensors[part] != nil }

    func tensor(_ part: String) throws(AdapterError) -> StoredTensor {
        if let tensor = tensors[part] { return tensor }
        throw .missingHalf(
            file: file, tensor: tensors.values.map(\.name).min() ?? names.inFile,
            missing: "\(names.inFile).\(part)")
    }

    /// All values of a tensor of this shape.
    ///
    /// - Throws: `AdapterError` where there is none, or it has another shape or values that are not finite.
    func values(_ part: String, _ shape: [Int]) throws -> [Float] {
        let tensor = try tensor(part)
        guard tensor.shape == shape else {
            throw AdapterError.wrongShape(
                file: file, tensor: tensor.name, found: tensor.shape, expected: shape)
        }
        return try AdapterTensors.values(of: tensor, in: file)
    }

    /// A tensor that all modules share.
    ///
    /// - Parameter dimensions: how many it has.
    func shared(_ part: String, dimensions: Int) throws(AdapterError) -> SharedValues {
        let name = "base_model.\(part)"
        guard let found = shared[part] else {
            throw .missingHalf(
                file: file, tensor: tensors.values.map(\.name).min() ?? names.inFile, missing: name)
        }
        guard found.shape.count == dimensions, found.shape.allSatisfy({ $0 > 0 }) else {
            throw .unsupportedTensor(
                file: file, tensor: name,
                reason: "has shape \(found.shape), but should have \(dimensions) dimensions")
        }
        return found
    }

    /// A length that only a tensor tells, 1 where it has too few dimensions.
    func length(_ part: String, _ dimension: Int) throws(AdapterError) -> Int {
        let shape = try tensor(part).shape
        return shape.indices.contains(dimension) ? max(shape[dimension], 1) : 1
    }

    /// A tensor that does not fit, by the shape it would have to have.
    func misfit(_ part: String, expected: [Int]) throws(AdapterError) -> AdapterError {
        let tensor = try tensor(part)
        return .wrongShape(
            file: file, tensor: tensor.name, found: tensor.shape, expected: expected)
    }
}
