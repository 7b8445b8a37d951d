package import Formats

/// What a run is made from: everything needed to repeat it, and to tell whether a state belongs to it.
package struct RunDescription: Sendable, Equatable {
    /// A file, or a model of several.
    package struct Input: Sendable, Hashable {
        /// What it is in the run: `base`, `data`, `vector 1` …
        package let name: String
        package let path: String
        package let sha256: String

        package init(name: String, path: String, sha256: String) {
            self.name = name
            self.path = path
            self.sha256 = sha256
        }
    }

    /// The program's version.
    package var version: String
    package var inputs: [Input]
    /// Every option that has a say in the result, the seed among them, by name.
    package var options: JSONObject
    package var objectives: [String]
    package var parameters: [(name: String, shape: [Int])]
    /// How many steps the run has.
    package var steps: Int

    package init(
        version: String, inputs: [Input], options: JSONObject, objectives: [String],
        parameters: [(name: String, shape: [Int])], steps: Int
    ) {
        self.version = version
        self.inputs = inputs
        self.options = options
        self.objectives = objectives
        self.parameters = parameters
        self.steps = steps
    }

    package static func == (left: RunDescription, right: RunDescription) -> Bool {
        left.json == right.json
    }

    /// The first line of the run record.
    package var json: JSONObject {
        JSONObject([
            .init("rtedit", .string(version)),
            .init(
                "inputs",
                .array(
                    inputs.map { input in
                        .object(
                            JSONObject([
                                .init("name", .string(input.name)),
                                .init("path", .string(input.path)),
                                .init("sha256", .string(input.sha256)),
                            ]))
                    })),
            .init("options", .object(options)),
            .init("objectives", .array(objectives.map { .string($0) })),
            .init(
                "parameters",
                .array(
                    parameters.map { parameter in
                        .object(
                            JSONObject([
                                .init("name", .string(parameter.name)),
                                .init("shape", .array(parameter.shape.map { .integer($0) })),
                            ]))
                    })),
            .init("steps", .integer(steps)),
        ])
    }

    /// What differs from the description of an earlier run, in words; paths may differ, contents may not.
    package func differences(from earlier: JSONObject) -> [String] {
        let now = json
        var differences = Self.changes("version", earlier["rtedit"], now["rtedit"])
        let (old, new) = (Self.hashes(earlier), Self.hashes(now))
        for name in Self.keys(old, new) where old[name] != new[name] {
            differences.append("the content of \(name)")
        }
        let before = earlier["options"]?.object ?? JSONObject()
        for name in Self.keys(before, options) {
            differences += Self.changes("--\(name)", before[name], options[name])
        }
        for key in ["objectives", "parameters", "steps"] where earlier[key] != now[key] {
            differences.append("the \(key)")
        }
        return differences
    }

    private static func changes(_ name: String, _ old: JSONValue?, _ new: JSONValue?) -> [String] {
        guard old != new else { return [] }
        func text(_ value: JSONValue?) -> String {
            value.map { $0.string ?? JSONWriter().text($0) } ?? "not given"
        }
        return ["\(name) (was \(text(old)), is \(text(new)))"]
    }

    /// The inputs' hashes by name.
    private static func hashes(_ description: JSONObject) -> JSONObject {
        let inputs = description["inputs"]?.array?.compactMap(\.object) ?? []
        return JSONObject(
            inputs.compactMap { input in
                input["name"]?.string.map { .init($0, input["sha256"] ?? .null) }
            })
    }

    /// The keys of both, each once, in their order.
    private static func keys(_ left: JSONObject, _ right: JSONObject) -> [String] {
        left.members.map(\.key) + right.members.map(\.key).filter { left[$0] == nil }
    }
}
