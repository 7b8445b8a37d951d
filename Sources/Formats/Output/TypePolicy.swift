/// In which types an output stores its tensors.
///
/// Whatever decides a type stands here: `OutputTypes` asks it once for each tensor of an output, `MixedTypes` for the
/// matrices of a GGUF file, and only an edit that gives its weight a type of its own comes before it.
package struct TypePolicy: Sendable, Equatable {
    /// What a tensor gets that nothing else names.
    package enum Standard: Sendable, Hashable {
        /// The type that it has, or where the output's format does not hold that, f32, which loses nothing.
        case keep
        /// This plain float type for matrices; in a Hugging Face checkpoint for all floating-point tensors.
        case plain(ElementType)
        /// The types of this mix for matrices.
        case mix(QuantizationMix)
    }

    /// A type for the matrices of some names.
    package struct Override: Sendable, Hashable {
        /// What a part of the name in the output has to follow.
        package let pattern: NamePattern
        package let type: ElementType

        package init(_ pattern: NamePattern, _ type: ElementType) {
            self.pattern = pattern
            self.type = type
        }
    }

    package var standard: Standard
    /// Where several match a name, the first one wins.
    package var overrides: [Override]
    /// The type of the head, and in a mix of an embedding that is the head as well; comes before overrides.
    package var head: ElementType?
    /// The type of the token embedding; comes before overrides.
    package var embedding: ElementType?
    /// Whether a mix gives all matrices its main type.
    package var isPure = false
    /// Whether the head stays in the type that it has.
    package var leavesHead = false
    /// Whether tensors that are quantised already may be quantised anew in other types.
    package var allowsRequantizing = false
    /// What the errors of quantised values are weighted by.
    package var importance: ImportanceMatrix?

    package init(_ standard: Standard, overrides: [Override] = []) {
        self.standard = standard
        self.overrides = overrides
    }

    /// The types that the tensors have.
    package static let keep = TypePolicy(.keep)

    /// One plain float type.
    package static func plain(_ type: ElementType) -> TypePolicy { TypePolicy(.plain(type)) }

    /// The one plain type that is asked for; nil where there is none.
    var plainType: ElementType? { if case .plain(let type) = standard { type } else { nil } }

    /// The mix that is asked for; nil where there is none.
    package var mix: QuantizationMix? { if case .mix(let mix) = standard { mix } else { nil } }

    /// What only GGUF files have a place for; nil where none is asked for.
    var namedPart: String? {
        head != nil ? "the head's type" : embedding != nil ? "the token embedding's type" : nil
    }

    /// Whether the types of single matrices are asked for.
    var namesMatrices: Bool { !overrides.isEmpty || head != nil || embedding != nil }

    // MARK: - By name

    /// The policies that have a name of one word.
    package static let names = ["keep", "f32", "f16", "bf16"] + QuantizationMix.all.map(\.name)

    /// The policy of this name, one of `names` or a usual other name of one; nil where nothing has the name.
    package init?(named name: String) {
        if name == "keep" {
            self = .keep
        } else if let mix = QuantizationMix(named: name) {
            self.init(.mix(mix))
        } else if let type = ElementType(rawValue: name), type.isPlainFloat, type != .f64 {
            self = .plain(type)
        } else {
            return nil
        }
    }

    // MARK: - Overrides

    /// The type that an override gives a tensor, or nil.
    ///
    /// - Throws: `CheckpointError.cannotExpress` for an expression that takes too long.
    func override(for name: String) throws(CheckpointError) -> ElementType? {
        for override in overrides where try override.pattern.finds(name) { return override.type }
        return nil
    }

    /// Refuses an expression that finds none of the names.
    ///
    /// - Parameter names: of the matrices whose types can be chosen.
    /// - Throws: `CheckpointError.cannotExpress`.
    func checkOverrides(find names: [String]) throws(CheckpointError) {
        for override in overrides {
            var isFound = false
            for name in names where try override.pattern.finds(name) {
                isFound = true
                break
            }
            guard isFound else {
                throw .cannotExpress(
                    fact:
                        "\(override.pattern.text.quoted) finds no matrix of the output whose type "
                        + "can be chosen")
            }
        }
    }
}

extension NamePattern {
    /// - Throws: `CheckpointError.cannotExpress` where it takes too long to find out.
    fileprivate func finds(_ name: String) throws(CheckpointError) -> Bool {
        guard let isFound = matches(name) else {
            throw .cannotExpress(fact: "\(text.quoted) takes too long to look for in '\(name)'")
        }
        return isFound
    }
}

extension TypePolicy: CustomStringConvertible {
    /// What is stored how: "matrices as bf16, output as q6_k".
    package var description: String {
        let standard =
            switch standard {
            case .keep: "tensors in their own types"
            case .plain(let type): "matrices as \(type.name)"
            case .mix(let mix): isPure ? "matrices as \(mix.base.name)" : "matrices as \(mix.name)"
            }
        let named = [("the head", head), ("the token embedding", embedding)].compactMap { part in
            part.1.map { "\(part.0) as \($0.name)" }
        }
        return ([standard] + named + overrides.map { "\($0.pattern.text) as \($0.type.name)" })
            .joined(separator: ", ")
    }
}

/// The types of one output's tensors, by its policy and by what the runtimes of its format want.
struct OutputTypes {
    let policy: TypePolicy
    private let source: Checkpoint
    private let format: FileFormat
    /// The type of the first matrix of a Hugging Face output.
    let main: ElementType

    init(_ policy: TypePolicy, of source: Checkpoint, in format: FileFormat) {
        self.policy = policy
        self.source = source
        self.format = format
        let matrix = source.tensors.first {
            $0.shape.count >= 2 && !($0.role?.slot.isAlwaysF32 ?? false)
        }
        main = policy.plainType ?? matrix.map { Self.held($0.type) } ?? .f32
    }

    /// The type of a tensor that the source has.
    ///
    /// - Parameter name: its name in the output.
    /// - Throws: `CheckpointError.cannotExpress` where the format does not hold the type, `QuantizationError` where the
    ///   type cannot be widened.
    func type(of tensor: WeightTensor, named name: String) throws -> ElementType {
        switch (source.format, format) {
        case (_, .gguf): return try typeInGGUF(tensor)
        case (.safetensors, .safetensors):
            return try override(tensor, name) ?? typeInSameFolder(tensor)
        case (.gguf, .safetensors): return try override(tensor, name) ?? typeInNewFolder(tensor)
        }
    }

    /// The type of a tensor that the source does not have.
    func type(ofNew name: String) -> ElementType { .f32 }

    private func override(
        _ tensor: WeightTensor, _ name: String
    ) throws(CheckpointError) -> ElementType? {
        tensor.shape.count > 1 ? try policy.override(for: name) : nil
    }

    /// llama.cpp wants vectors, learned positions, routers and taps of convolutions in f32; other matrices take the type asked for, or stay
    /// as they are.
    private func typeInGGUF(_ tensor: WeightTensor) throws(CheckpointError) -> ElementType {
        let isFloat = tensor.type.canBeRetyped
        let isChanged = source.format == .safetensors || policy.standard != .keep
        let isVector = tensor.shape.count < 2 || tensor.role?.part == .bias
        if isChanged, isFloat, tensor.role?.slot.isAlwaysF32 ?? false { return .f32 }
        if source.format == .safetensors, isVector, isFloat { return .f32 }
        if let type = policy.plainType, !isVector, isFloat { return type }
        if policy.mix != nil, isFloat, tensor.type.ggmlIdentifier == nil { return .f32 }
        guard tensor.type.ggmlIdentifier != nil else {
            throw .cannotExpress(
                fact: "\(source.path): tensor '\(tensor.name)' is \(tensor.type.name), which GGUF "
                    + "cannot hold")
        }
        return tensor.type
    }

    /// What is no weight of a family that is known, such as rotary tables, keeps its type.
    private func typeInSameFolder(_ tensor: WeightTensor) -> ElementType {
        guard tensor.type.canBeRetyped,
            tensor.role != nil || source.architecture == nil || tensor.packed != nil
        else {
            return tensor.type
        }
        return policy.plainType ?? Self.held(tensor.type)
    }

    /// llama.cpp keeps vectors in f32 beside matrices of 16 bits. They take the matrices' type back where it holds every
    /// value exactly, so that a model that went to GGUF and back has its own bytes again.
    private func typeInNewFolder(_ tensor: WeightTensor) throws -> ElementType {
        guard tensor.type.isPlainFloat || tensor.type.isQuantized else { return tensor.type }
        if let type = policy.plainType { return type }
        let isWidened = tensor.shape.count < 2 || tensor.role?.slot.isAlwaysF32 ?? false
        guard isWidened, tensor.type == .f32, main == .f16 || main == .bf16,
            try fits(tensor)
        else { return Self.held(tensor.type) }
        return main
    }

    /// What safetensors cannot hold is widened without loss.
    private static func held(_ type: ElementType) -> ElementType {
        type.safetensorsName == nil ? .f32 : type
    }

    /// Whether the output's values, encoded in the matrices' type, are the same.
    private func fits(_ tensor: WeightTensor) throws -> Bool {
        let shift = tensor.role.map { source.form(of: $0, in: .safetensors).shift } ?? 0
        let values = try tensor.values().map { $0 - shift }
        return zip(values, main.rounded(values)).allSatisfy { $0.bitPattern == $1.bitPattern }
    }
}

extension ElementType {
    /// llama.cpp's number for a file whose matrices are of this type, plain or as a folder packs them.
    var ggufFileType: UInt32 {
        switch self {
        case .f16: 1
        case .bf16: 32
        case .mxfp4: 38
        case .nvfp4: 39
        default: 0
        }
    }

    /// The values as they are read back from this 16-bit type.
    fileprivate func rounded(_ values: [Float]) -> [Float] {
        self == .bf16
            ? values.map { Float(bitPattern: UInt32($0.bitPattern >> 16) << 16) }
            : values.map { Float(Float16($0)) }
    }
}

extension WeightRole.Slot {
    /// Whether llama.cpp wants the matrix in f32.
    var isAlwaysF32: Bool {
        switch self {
        case .positionEmbedding: true
        case .block(_, let slot):
            slot.isRouter || slot == .convolutionTaps || slot == .deltaTaps
        default: false
        }
    }
}
