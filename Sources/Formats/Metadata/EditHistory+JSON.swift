extension EditHistory {
    /// The file of a folder.
    package static let fileName = "rtedit.json"
    /// The key of a safetensors file's `__metadata__`, for weights that stand in no folder.
    package static let weightsKey = "rtedit.history"
    /// The number of the layout, which a later one would raise.
    private static let schema = 1

    /// Reads the object of a `rtedit.json`.
    ///
    /// - Throws: `MetadataError.malformedHistory`.
    init(_ value: JSONValue, file: String) throws(MetadataError) {
        guard let object = value.object, object["schema"]?.integer == Self.schema else {
            throw .malformedHistory(
                file: file, key: "schema", expected: "\(Self.schema), the layout that rtedit knows")
        }
        name = object["name"]?.string
        description = object["description"]?.string
        edits = []
        for (number, value) in (object["edits"]?.array ?? []).enumerated() {
            edits.append(try Self.edit(value, "edits[\(number)]", file))
        }
    }

    private static func edit(
        _ value: JSONValue, _ place: String, _ file: String
    ) throws(MetadataError) -> Edit {
        func text(_ value: JSONValue?, _ key: String) throws(MetadataError) -> String {
            guard let text = value?.string else {
                throw .malformedHistory(file: file, key: "\(place).\(key)", expected: "a string")
            }
            return text
        }
        func source(_ value: JSONValue?, _ key: String) throws(MetadataError) -> Source {
            Source(
                name: try text(value?.object?["name"], "\(key).name"),
                sha256: try text(value?.object?["sha256"], "\(key).sha256"))
        }
        let object = value.object
        var options: [String] = []
        for option in object?["options"]?.array ?? [] {
            options.append(try text(option, "options"))
        }
        var inputs: [Source] = []
        for input in object?["inputs"]?.array ?? [] { inputs.append(try source(input, "inputs")) }
        return Edit(
            command: try text(object?["command"], "command"), options: options,
            method: object?["method"]?.string, base: try source(object?["base"], "base"),
            inputs: inputs, version: try text(object?["version"], "version"))
    }

    /// The object that `init(_:file:)` reads.
    package var json: JSONObject {
        var object = JSONObject([.init("schema", .integer(Self.schema))])
        object["name"] = name.map { .string($0) }
        object["description"] = description.map { .string($0) }
        object["edits"] = .array(edits.map { .object($0.json) })
        return object
    }

    /// The bytes of a `rtedit.json`.
    var file: [UInt8] { JSONWriter(.indented).bytes(.object(json)) + Array("\n".utf8) }
}

extension EditHistory.Edit {
    /// The edit as `rtedit.json` and reports have it.
    package var json: JSONObject {
        var object = JSONObject([
            .init("command", .string(command)),
            .init("options", .array(options.map { .string($0) })),
        ])
        object["method"] = method.map { .string($0) }
        object["base"] = .object(base.json)
        object["inputs"] = .array(inputs.map { .object($0.json) })
        object["version"] = .string(version)
        return object
    }
}

extension EditHistory.Source {
    fileprivate var json: JSONObject {
        JSONObject([.init("name", .string(name)), .init("sha256", .string(sha256))])
    }
}
