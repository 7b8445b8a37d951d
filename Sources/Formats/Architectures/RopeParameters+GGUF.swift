extension RopeParameters {
    /// The lists of divisors that a GGUF file keeps as tensors.
    struct Divisors {
        /// `rope_freqs.weight`
        var frequencies: [Float]?
        /// `rope_factors_short.weight` and `rope_factors_long.weight`
        var short: [Float]?
        var long: [Float]?
    }

    /// Reads the rotary embedding from GGUF metadata.
    ///
    /// - Throws: `CheckpointError` for values of the wrong kind and scalings that are not supported.
    init(_ keys: GGUFKeys, headSize: Int, context: Int, divisors: Divisors) throws {
        base = try keys.number("rope.freq_base") ?? 10_000
        dimensions = try keys.integer("rope.dimension_count") ?? headSize
        scaling = try Self.scaling(keys, context: context)
        let kind = try keys.text("rope.scaling.type") ?? "none"
        if let frequencies = divisors.frequencies {
            guard scaling == .none else {
                throw Self.conflict(of: "rope_freqs.weight", kind, keys)
            }
            scaling = .divisors(frequencies)
        }
        switch (divisors.short, divisors.long) {
        case (nil, nil):
            guard kind != "longrope" else { throw Self.unknown(kind, keys) }
        case (let short?, let long?):
            guard scaling == .none else {
                throw Self.conflict(of: "rope_factors_long.weight", kind, keys)
            }
            scaling = .longrope(
                short: short.map(Self.shortest), long: long.map(Self.shortest),
                originalContext: try keys.required("rope.scaling.original_context_length"),
                attentionFactor: try keys.number("rope.scaling.attn_factor") ?? 1)
        default:
            throw CheckpointError.contradiction(
                file: keys.file,
                fact: "of rope_factors_short.weight and rope_factors_long.weight one is missing")
        }
    }

    /// The metadata without the family's name; of scalings, those that llama.cpp knows by type.
    ///
    /// - Throws: `CheckpointError.cannotExpress` for dynamic scaling.
    func entries() throws(CheckpointError) -> [ModelNumber.MetadataPlace.Entry] {
        let rotation: [ModelNumber.MetadataPlace.Entry] = [
            ("rope.freq_base", .f32(Float(base))), ("rope.dimension_count", .count(dimensions)),
        ]
        switch scaling {
        // Llama 3's and Phi-3's divisors are tensors.
        case .none, .llama3, .longrope, .divisors: return rotation
        case .linear(let factor):
            return rotation + [
                ("rope.scaling.type", .string(ByteString("linear"))),
                ("rope.scaling.factor", .f32(Float(factor))),
            ]
        case .yarn(let yarn):
            // llama.cpp multiplies this key with YaRN's own factor.
            let own = yarn.attentionFactor.map { $0 / Yarn.attention(yarn.factor) }
            return rotation + [
                ("rope.scaling.type", .string(ByteString("yarn"))),
                ("rope.scaling.factor", .f32(Float(yarn.factor))),
                ("rope.scaling.original_context_length", .count(yarn.originalContext)),
            ] + (own.map { [("rope.scaling.attn_factor", .f32(Float($0)))] } ?? [])
        case .dynamic:
            throw .cannotExpress(
                fact: "dynamic rope scaling has no equivalent in a GGUF file of llama.cpp")
        }
    }

    /// The divisors of `rope_freqs.weight`, for scalings that are the same at every length.
    var fixedDivisors: [Float]? {
        switch scaling {
        case .llama3(let ramp): ramp.divisors(base: base, dimensions: dimensions)
        case .divisors(let divisors): divisors
        case .longrope(let short, let long, _, let factor) where short == long && factor == 1:
            short.map(Float.init)
        default: nil
        }
    }

    /// The shortest decimal that an f32 stands for: 1.1 rather than 1.10000002.
    private static func shortest(_ value: Float) -> Double {
        Double(value.description) ?? Double(value)
    }

    private static func scaling(
        _ keys: GGUFKeys, context: Int
    ) throws -> RopeParameters.Scaling {
        let kind = try keys.text("rope.scaling.type") ?? "linear"
        // 0 is 1, and the older key counts where the newer one is missing.
        let written = try keys.number("rope.scaling.factor") ?? keys.number("rope.scale_linear")
        let factor = written.map { $0 == 0 ? 1 : $0 } ?? 1
        switch kind {
        case "none", "longrope": return .none
        case "linear": return factor == 1 ? .none : .linear(factor: factor)
        case "yarn":
            // The ramp's keys (yarn_beta_fast, yarn_beta_slow) are read in none of these families.
            let attention = try keys.number("rope.scaling.attn_factor")
            return .yarn(
                Yarn(
                    factor: factor,
                    originalContext: try keys.nonZero("rope.scaling.original_context_length")
                        ?? context,
                    attentionFactor: attention.map { $0 * Yarn.attention(factor) }))
        default: throw unknown(kind, keys)
        }
    }

    private static func unknown(_ kind: String, _ keys: GGUFKeys) -> CheckpointError {
        .unsupportedFeature(
            file: keys.file,
            fact: "rope scaling '\(kind)' is not supported; supported: none, linear, yarn, and "
                + "longrope with its tensors")
    }

    private static func conflict(
        of tensor: String, _ kind: String, _ keys: GGUFKeys
    ) -> CheckpointError {
        .unsupportedFeature(
            file: keys.file,
            fact: "\(tensor) together with rope scaling '\(kind)' is not supported")
    }
}
