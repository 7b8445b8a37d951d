/// What a folder says of how its weights are quantised: `quantization_config` (or MLX's `quantization`) in `config.json`,
/// also inside the configuration of a part, or the files that older tools write beside it.
struct QuantizationDeclaration {
    /// Where it stands.
    enum Location: Hashable {
        /// The keys that lead to it in `config.json`.
        case configuration([String])
        /// A file beside `config.json`.
        case file(String)
    }

    /// The method as its own tools call it; nil where it is not named.
    let method: String?
    /// The method with what tells its variants apart: `bitsandbytes nf4`.
    let title: String
    let members: JSONObject
    let location: Location
    /// The same in words: "config.json: 'quantization_config'".
    let place: String

    static let keys = ["quantization_config", "quantization", "compression_config"]

    /// The files that tools write beside `config.json`, and the method of those whose content does not name it.
    static let fileNames = [
        ("hf_quant_config.json", "modelopt"), ("quantize_config.json", "gptq"),
        ("quant_config.json", "awq"),
    ]

    /// Finds what the files say; nil where they say nothing.
    ///
    /// - Parameter beside: files of a folder besides `config.json` that can say so, parsed.
    init?(config: JSONObject?, beside: [(name: String, object: JSONObject)]) {
        if let config, let found = Self.find(in: config, path: [], place: "config.json") {
            self = found
            return
        }
        for (name, object) in beside {
            let inner = object["quantization"]?.object ?? object
            let standard = Self.fileNames.first { $0.0 == name }?.1 ?? name
            self.init(inner, standard: standard, .file(name), place: name)
            return
        }
        return nil
    }

    /// Looks at an object and at the configurations of parts in it.
    private static func find(
        in object: JSONObject, path: [String], place: String
    ) -> QuantizationDeclaration? {
        for key in keys {
            let place = "\(place): '\(key)'"
            let location = Location.configuration(path + [key])
            switch object[key] {
            case nil, .null, .bool(false): continue
            case .object(let members):
                guard !members.members.isEmpty else { continue }
                let isMLX = members["quant_method"] == nil && members["group_size"] != nil
                return QuantizationDeclaration(
                    members, standard: isMLX || key == "quantization" ? "mlx" : nil, location,
                    place: place)
            case .string(let text):
                return QuantizationDeclaration(
                    method: text, title: text, members: JSONObject(), location: location,
                    place: place)
            default:
                return QuantizationDeclaration(
                    JSONObject(), standard: nil, location, place: place)
            }
        }
        guard path.count < 3 else { return nil }
        for member in object.members where member.key.hasSuffix("config") {
            guard let inner = member.value.object else { continue }
            let found = find(
                in: inner, path: path + [member.key], place: "\(place): \(member.key.quoted)")
            if let found { return found }
        }
        return nil
    }

    private init(
        method: String?, title: String, members: JSONObject, location: Location, place: String
    ) {
        self.method = method
        self.title = title
        self.members = members
        self.location = location
        self.place = place
    }

    /// - Parameter standard: the method where the members name none.
    private init(
        _ members: JSONObject, standard: String?, _ location: Location, place: String
    ) {
        let method = Self.method(members) ?? standard
        let variant = Self.variant(members)
        self.init(
            method: method,
            title: method.map { ([$0] + (variant.map { [$0] } ?? [])).joined(separator: " ") }
                ?? "an unknown method", members: members, location: location, place: place)
    }

    /// The method that the members name or show.
    private static func method(_ members: JSONObject) -> String? {
        if let name = members["quant_method"]?.string { return name }
        if isTrue(members["load_in_4bit"]) || isTrue(members["load_in_8bit"]) {
            return "bitsandbytes"
        }
        if members["config_groups"] != nil, members["quant_algo"] == nil {
            return "compressed-tensors"
        }
        return members["quant_algo"] != nil ? "modelopt" : nil
    }

    /// What tells the variants of a method apart.
    private static func variant(_ members: JSONObject) -> String? {
        if isTrue(members["load_in_4bit"]) { return members["bnb_4bit_quant_type"]?.string }
        if isTrue(members["load_in_8bit"]) { return "int8" }
        return members["format"]?.string ?? members["quant_algo"]?.string
    }

    private static func isTrue(_ value: JSONValue?) -> Bool { value == .bool(true) }
}
