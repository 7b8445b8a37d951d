/// The types of a Hugging Face output's tensors: those asked for, or those of a GGUF source.
///
/// llama.cpp keeps vectors in f32 beside matrices of 16 bits. They take the matrices' type back where it holds every
/// value exactly, so that a model that went to GGUF and back has its own bytes again.
struct OutputTypes {
    let source: Checkpoint
    let asked: ElementType?
    /// The type of the first matrix.
    let main: ElementType

    init(source: Checkpoint, asked: ElementType?) {
        self.source = source
        self.asked = asked
        let matrix = source.tensors.first {
            $0.shape.count >= 2 && !($0.role?.slot.isAlwaysF32 ?? false)
        }
        main = asked ?? matrix.map { Self.kept($0.type) } ?? .f32
    }

    /// What safetensors cannot hold is widened without loss.
    private static func kept(_ type: ElementType) -> ElementType {
        type.safetensorsName == nil ? .f32 : type
    }

    /// - Throws: `QuantizationError` where the type cannot be widened.
    func type(of tensor: WeightTensor) throws -> ElementType {
        guard tensor.type.isPlainFloat || tensor.type.isQuantized else { return tensor.type }
        if let asked { return asked }
        let isWidened = tensor.shape.count < 2 || tensor.role?.slot.isAlwaysF32 ?? false
        guard isWidened, tensor.type == .f32, main == .f16 || main == .bf16,
            try fits(tensor)
        else { return Self.kept(tensor.type) }
        return main
    }

    /// Whether the output's values, encoded in the matrices' type, are the same.
    private func fits(_ tensor: WeightTensor) throws -> Bool {
        let shift = tensor.role.map { source.form(of: $0, in: .safetensors).shift } ?? 0
        let values = try tensor.values().map { $0 - shift }
        return zip(values, main.rounded(values)).allSatisfy { $0.bitPattern == $1.bitPattern }
    }
}

extension ElementType {
    /// The values as they are read back from this 16-bit type.
    fileprivate func rounded(_ values: [Float]) -> [Float] {
        self == .bf16
            ? values.map { Float(bitPattern: UInt32($0.bitPattern >> 16) << 16) }
            : values.map { Float(Float16($0)) }
    }
}
