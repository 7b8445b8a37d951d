import Foundation

/// What a GGUF file says about a model before the keys of its family: kind, sampling, name, size.
struct GeneralMetadata {
    let name: String
    let tensors: [TensorDescription]
    /// The `generation_config.json`, or nil.
    let sampling: JSONObject?

    /// In the order of llama.cpp's converter.
    var entries: [GGUFMetadata.Entry] {
        [.init("general.type", .string(ByteString("model")))]
            + SamplingSettings.entries(from: sampling ?? JSONObject())
            + [
                .init("general.name", .string(ByteString(name))),
                .init("general.size_label", .string(ByteString(sizeLabel))),
            ]
    }

    /// The number of parameters in two digits, as `135M`; of experts, their number and the size with one of them:
    /// `8x7B`.
    private var sizeLabel: String {
        var shared = 0.0
        var ofExpert = 0.0
        var experts = 0
        for tensor in tensors {
            let count = Double(tensor.elementCount ?? 0)
            if tensor.name.contains("_exps."), tensor.shape.count == 3, tensor.shape[0] > 0 {
                experts = tensor.shape[0]
                ofExpert += count / Double(experts)
            } else {
                shared += count
            }
        }
        let size = Self.rounded(shared + ofExpert)
        return experts > 0 ? "\(experts)x\(size)" : size
    }

    private static func rounded(_ count: Double) -> String {
        let units: [(limit: Double, suffix: String)] = [(1e12, "T"), (1e9, "B"), (1e6, "M")]
        let unit = units.first { count > $0.limit } ?? (1e3, "K")
        let scaled = count / unit.limit
        let whole = scaled.rounded(.toNearestOrEven)
        let digits = whole == 0 ? 0 : String(Int(whole)).count
        return String(format: "%.\(max(2 - digits, 0))f", scaled) + unit.suffix
    }
}

/// How text is sampled where the user does not say: keys of `generation_config.json` and of GGUF.
enum SamplingSettings {
    private static let prefix = "general.sampling."
    private static let settings: [(config: String, gguf: String, isInteger: Bool)] = [
        ("top_k", "top_k", true), ("top_p", "top_p", false), ("min_p", "min_p", false),
        ("temperature", "temp", false), ("repetition_penalty", "penalty_repeat", false),
    ]

    static func entries(from config: JSONObject) -> [GGUFMetadata.Entry] {
        settings.compactMap { setting in
            guard let value = config[setting.config] else { return nil }
            if setting.isInteger {
                return value.integer.flatMap(Int32.init(exactly:)).map {
                    .init(prefix + setting.gguf, .i32($0))
                }
            }
            return value.number.map { .init(prefix + setting.gguf, .f32(Float($0))) }
        }
    }

    static func members(from metadata: GGUFMetadata) -> [JSONObject.Member] {
        settings.compactMap { setting in
            switch metadata[prefix + setting.gguf] {
            case .i32(let value): .init(setting.config, .integer(Int(value)))
            case .f32(let value):
                Double(value.description).map { .init(setting.config, .number($0)) }
            default: nil
            }
        }
    }
}
