/// How a Hugging Face checkpoint is quantised: its files store codes, and the weights are what scales, tables or an
/// order of bits beside them make of those. A GGUF file's blocks are a type of their own and no such quantisation.
///
/// What the files say is asked first: `quantization_config` (or MLX's `quantization`) in `config.json`, also inside
/// the configuration of a part, and the files that older tools write beside it. Where they say nothing, tensors that
/// only a quantiser writes tell.
package struct StoredQuantization: Sendable, Hashable {
    /// The method as its own tools call it, with what tells its variants apart: `gptq`, `bitsandbytes nf4`.
    package let method: String
    /// Which key or tensor says so.
    package let evidence: String
    /// Whether biases stand unquantised beside the matrices, and the matrices under the names and in the shapes of the
    /// unquantised model: then runtimes add such a bias as they do in the unquantised model.
    package let hasPlainBiases: Bool

    /// Finds out how a checkpoint is quantised; nil where its tensors are the weights themselves.
    ///
    /// - Parameter beside: files of a folder besides `config.json` that can say so, parsed.
    init?(
        config: JSONObject?, beside: [(name: String, object: JSONObject)] = [],
        tensors: [WeightTensor], metadata: [SafetensorsMetadata] = []
    ) {
        if let declared = Self.declaration(config, beside) {
            self = declared
        } else if let told = QuantizerTrace(tensors, metadata) {
            self.init(method: told.method, evidence: told.evidence)
        } else {
            return nil
        }
    }

    private init(method: String, evidence: String, hasPlainBiases: Bool = false) {
        self.method = Self.printable(method)
        self.evidence = evidence
        self.hasPlainBiases = hasPlainBiases
    }

    // MARK: - What the files say

    private static let keys = ["quantization_config", "quantization", "compression_config"]

    /// The files that tools write beside `config.json`, and the method of those whose content does not name it.
    static let fileNames = [
        ("hf_quant_config.json", "modelopt"), ("quantize_config.json", "gptq"),
        ("quant_config.json", "awq"),
    ]

    private static func declaration(
        _ config: JSONObject?, _ beside: [(name: String, object: JSONObject)]
    ) -> StoredQuantization? {
        if let config, let found = declaration(in: config, path: "config.json", depth: 0) {
            return found
        }
        for (name, object) in beside {
            let inner = object["quantization"]?.object ?? object
            let standard = fileNames.first { $0.0 == name }?.1 ?? name
            return StoredQuantization(
                method: Self.method(inner) ?? standard, evidence: name)
        }
        return nil
    }

    /// Looks at an object and at the configurations of parts in it.
    private static func declaration(
        in object: JSONObject, path: String, depth: Int
    ) -> StoredQuantization? {
        for key in keys {
            let place = "\(path): '\(key)'"
            switch object[key] {
            case nil, .null, .bool(false): continue
            case .object(let members):
                guard !members.members.isEmpty else { continue }
                return StoredQuantization(members, key: key, place: place)
            case .string(let text): return StoredQuantization(method: text, evidence: place)
            default: return StoredQuantization(method: "an unknown method", evidence: place)
            }
        }
        guard depth < 3 else { return nil }
        for member in object.members where member.key.hasSuffix("config") {
            guard let inner = member.value.object else { continue }
            let found = declaration(
                in: inner, path: "\(path): \(member.key.quoted)", depth: depth + 1)
            if let found { return found }
        }
        return nil
    }

    private init(_ members: JSONObject, key: String, place: String) {
        let isMLX = members["quant_method"] == nil && members["group_size"] != nil
        let name = members["quant_method"]?.string
        self.init(
            method: Self.method(members) ?? (isMLX ? "mlx" : "an unknown method"),
            evidence: name.map { "\(place) has quant_method \($0.quoted)" } ?? place,
            hasPlainBiases: Self.hasPlainBiases(members))
    }

    /// The method with what tells its variants apart, or nil where the members do not name one.
    private static func method(_ members: JSONObject) -> String? {
        let isBitsAndBytes = isTrue(members["load_in_4bit"]) || isTrue(members["load_in_8bit"])
        let name: String? =
            members["quant_method"]?.string
            ?? (isBitsAndBytes
                ? "bitsandbytes"
                : members["config_groups"] != nil
                    ? "compressed-tensors" : members["quant_algo"] != nil ? "modelopt" : nil)
        guard let name else { return nil }
        let variant: String? =
            if isTrue(members["load_in_4bit"]) {
                members["bnb_4bit_quant_type"]?.string
            } else if isTrue(members["load_in_8bit"]) {
                "int8"
            } else {
                members["format"]?.string ?? members["quant_algo"]?.string
            }
        return ([name] + (variant.map { [$0] } ?? [])).joined(separator: " ")
    }

    /// FP8 with a grid of scales, bitsandbytes' INT8, and the formats of compressed-tensors that keep a number for each
    /// weight. In transformers 5.23 a bias beside them gives the logits of steering, to the rounding of the arithmetic.
    ///
    /// A rotation of a layer's output (`transform_config`) would act on the bias too.
    private static func hasPlainBiases(_ members: JSONObject) -> Bool {
        guard (members["transform_config"] ?? .null) == .null else { return false }
        return switch members["quant_method"]?.string {
        case "fp8": true
        case "bitsandbytes":
            isTrue(members["load_in_8bit"]) && !isTrue(members["load_in_4bit"])
        case "compressed-tensors":
            ["float-quantized", "naive-quantized", "int-quantized"].contains(
                members["format"]?.string)
        default: false
        }
    }

    /// Text of a file, fit for one line of a message.
    private static func printable(_ text: String) -> String {
        String(text.quoted.dropFirst().dropLast())
    }

    private static func isTrue(_ value: JSONValue?) -> Bool { value == .bool(true) }
}

extension StoredQuantization: CustomStringConvertible {
    package var description: String { "\(method) (\(evidence))" }
}

extension Checkpoint {
    /// Refuses a checkpoint whose tensors are not its weights. Whatever computes with weights, compares them or stores
    /// them as another type asks this first.
    ///
    /// - Throws: `CheckpointError.quantized`.
    package func requireValues() throws(CheckpointError) {
        if let quantization { throw .quantized(file: path, method: quantization.description) }
    }
}
