import Formats

/// The file that a long run's results go to one by one, so that an interrupted one continues.
struct ResultsFile {
    private let path: String?
    private var results: [(key: String, value: JSONObject)] = []
    /// The kernels of matrix products that made the results, and that make those to come.
    let kernels: [String]

    private static let kernelsKey = "kernels"

    /// Opens the results of a run; those of another are refused, those of other kernels are not.
    ///
    /// - Parameters:
    ///   - path: nil to keep results in memory alone.
    ///   - identity: what tells the run from others.
    ///   - kernel: what makes the results to come.
    /// - Throws: `ResultsError`; file and JSON errors.
    init(path: String?, identity: JSONObject, kernel: String, isNew: Bool) throws {
        self.path = path
        func header(_ kernels: [String]) -> JSONObject {
            var object = identity
            object[Self.kernelsKey] = .array(kernels.map { .string($0) })
            return object
        }
        guard let path, !isNew else {
            kernels = [kernel]
            results = [("identity", header(kernels))]
            return
        }
        for (number, line) in try JSONLines.read(path).enumerated() {
            guard let key = line.object["key"]?.string, let value = line.object["value"]?.object
            else { throw ResultsError.badLine(file: path, line: number + 1) }
            results.append((key, value))
        }
        var found = results.first?.value
        let earlier = found?[Self.kernelsKey]?.array?.compactMap(\.string) ?? []
        found?[Self.kernelsKey] = nil
        guard results.first?.key == "identity", let found else {
            throw ResultsError.badLine(file: path, line: 1)
        }
        guard found == identity else {
            throw ResultsError.otherRun(file: path, differing: found.keysDiffering(from: identity))
        }
        kernels = earlier.contains(kernel) ? earlier : earlier + [kernel]
        results[0].value = header(kernels)
    }

    subscript(key: String) -> JSONObject? { results.first { $0.key == key }?.value }

    /// Adds a result and writes the file anew.
    mutating func add(_ key: String, _ value: JSONObject) throws {
        results.append((key, value))
        try write()
    }

    /// Puts a result in the place of the one with its key, or adds it.
    mutating func set(_ key: String, _ value: JSONObject) throws {
        guard let place = results.firstIndex(where: { $0.key == key }) else {
            return try add(key, value)
        }
        guard results[place].value != value else { return }
        results[place].value = value
        try write()
    }

    private func write() throws {
        guard let path else { return }
        var lines: [UInt8] = []
        for result in results {
            let line = JSONObject([
                .init("key", .string(result.key)), .init("value", .object(result.value)),
            ])
            lines += JSONWriter(.compact).bytes(.object(line)) + Array("\n".utf8)
        }
        let file = try AtomicFile(path: path, replacing: true)
        try file.append(lines)
        try file.commit()
    }
}

extension JSONObject {
    /// The keys whose values are not those of the other object, in the order of both.
    fileprivate func keysDiffering(from other: JSONObject) -> [String] {
        let keys = members.map(\.key)
        let others = other.members.map(\.key).filter { !keys.contains($0) }
        return (keys + others).filter { self[$0] != other[$0] }
    }
}
