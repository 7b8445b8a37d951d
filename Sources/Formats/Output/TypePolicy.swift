/// In which types an output stores its tensors.
///
/// Whatever decides a type stands in this file: `OutputTypes` asks it once for each tensor of an output, and only an
/// edit that gives its weight a type of its own comes before it. A mix of quantised types is one more `Standard`.
package struct TypePolicy: Sendable, Hashable {
    /// What a tensor gets that nothing else names.
    package enum Standard: Sendable, Hashable {
        /// The type that it has, or where the output's format does not hold that, f32, which loses nothing.
        case keep
        /// This plain float type for matrices; in a Hugging Face checkpoint for all floating-point tensors.
        case plain(ElementType)
    }

    /// A type for the tensors of some names.
    package struct Override: Sendable, Hashable {
        /// The whole of a name in the output, in which `*` stands for any text.
        package let pattern: String
        package let type: ElementType

        package init(_ pattern: String, _ type: ElementType) {
            self.pattern = pattern
            self.type = type
        }
    }

    package var standard: Standard
    /// Where several match a name, the last one wins.
    package var overrides: [Override]

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

    // MARK: - By name

    /// The policies that have a name of one word.
    package static let names = ["keep", "f32", "f16", "bf16"]

    /// Names of `llama-quantize` that mix types.
    private static let mixes: Set<String> = [
        "q2_k_s", "q3_k_s", "q3_k_m", "q3_k_l", "q4_k_s", "q4_k_m", "q5_k_s", "q5_k_m", "iq3_xs",
        "iq3_m", "iq2_m", "mxfp4_moe",
    ]

    /// The policy of this name: one of `names`, or an element type that no output can be planned with; nil where
    /// nothing has the name.
    ///
    /// - Throws: `CheckpointError.cannotExpress` for mixes that cannot be written.
    package init?(named name: String) throws(CheckpointError) {
        if name == "keep" {
            self = .keep
        } else if let type = ElementType(rawValue: name) {
            self = .plain(type)
        } else if Self.mixes.contains(name) {
            throw Self.refusal(of: name)
        } else {
            return nil
        }
    }

    /// - Throws: `CheckpointError.cannotExpress` where outputs cannot be written so.
    func check() throws(CheckpointError) {
        if let type = plainType, !type.isPlainFloat || type == .f64 {
            throw Self.refusal(of: type.name)
        }
    }

    private static func refusal(of name: String) -> CheckpointError {
        .cannotExpress(
            fact: "writing \(name) is not supported; supported types: "
                + names.joined(separator: ", "))
    }

    // MARK: - Overrides

    /// The type that an override gives a tensor, or nil.
    func override(for name: String) -> ElementType? {
        overrides.last { $0.matches(name) }?.type
    }

    /// The first pattern that none of the names follows.
    func firstPattern(without names: [String]) -> String? {
        overrides.first { !names.contains(where: $0.matches) }?.pattern
    }
}

extension TypePolicy.Override {
    fileprivate func matches(_ name: String) -> Bool {
        Self.matches(Array(name.utf8)[...], Array(pattern.utf8)[...])
    }

    /// Whether a name follows a pattern: each text between stars where it is first found, the last at the end.
    private static func matches(_ name: ArraySlice<UInt8>, _ pattern: ArraySlice<UInt8>) -> Bool {
        var parts = pattern.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
        let first = parts.removeFirst()
        guard name.starts(with: first), let last = parts.popLast() else {
            return name.elementsEqual(first)
        }
        var rest = name.dropFirst(first.count)
        for part in parts {
            guard
                let start = rest.indices.first(where: { rest[$0...].starts(with: part) })
                    ?? (part.isEmpty ? rest.startIndex : nil)
            else { return false }
            rest = rest[(start + part.count)...]
        }
        return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
    }
}

extension TypePolicy: CustomStringConvertible {
    /// What is stored how: "matrices as bf16, output.* as q6_k".
    package var description: String {
        let standard =
            switch standard {
            case .keep: "tensors in their own types"
            case .plain(let type): "matrices as \(type.name)"
            }
        return ([standard] + overrides.map { "\($0.pattern) as \($0.type.name)" })
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
        if let type = policy.override(for: name) { return type }
        return switch (source.format, format) {
        case (_, .gguf): try typeInGGUF(tensor)
        case (.safetensors, .safetensors): typeInSameFolder(tensor)
        case (.gguf, .safetensors): try typeInNewFolder(tensor)
        }
    }

    /// The type of a tensor that the source does not have.
    func type(ofNew name: String) -> ElementType { policy.override(for: name) ?? .f32 }

    /// llama.cpp wants vectors, learned positions and routers in f32; other matrices take the type asked for, or stay
    /// as they are.
    private func typeInGGUF(_ tensor: WeightTensor) throws(CheckpointError) -> ElementType {
        let isFloat = tensor.type.canBeRetyped
        let isChanged = source.format == .safetensors || policy.plainType != nil
        if isChanged, isFloat, tensor.role?.slot.isAlwaysF32 ?? false { return .f32 }
        if source.format == .safetensors, tensor.shape.count < 2, isFloat { return .f32 }
        if let type = policy.plainType, tensor.shape.count >= 2, isFloat { return type }
        guard tensor.type.ggmlIdentifier != nil else {
            throw .cannotExpress(
                fact: "\(source.path): tensor '\(tensor.name)' is \(tensor.type.name), which GGUF "
                    + "cannot hold")
        }
        return tensor.type
    }

    /// What is no weight of a family that is known, such as rotary tables, keeps its type.
    private func typeInSameFolder(_ tensor: WeightTensor) -> ElementType {
        guard tensor.type.canBeRetyped, tensor.role != nil || source.architecture == nil else {
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
    /// llama.cpp's number for a file whose matrices are of this plain type.
    var ggufFileType: UInt32 {
        switch self {
        case .f16: 1
        case .bf16: 32
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
        case .positionEmbedding, .block(_, .expertRouter): true
        default: false
        }
    }
}
