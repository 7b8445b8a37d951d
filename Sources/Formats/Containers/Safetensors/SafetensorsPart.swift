/// A file of several that make up a model together, by its name: `model-00001-of-00003.safetensors`.
struct SafetensorsPart {
    /// Counted from 1.
    let number: Int
    let count: Int
    /// The names of all parts.
    let names: [String]

    /// Nil where the name is not that of a part of several.
    init?(_ name: String) {
        let ending = ".safetensors"
        guard name.hasSuffix(ending),
            let parts = GGUFShardName(name.dropLast(ending.count) + ".gguf"), parts.count > 1
        else { return nil }
        number = parts.number + 1
        count = parts.count
        // A name announces any number of parts; no more of them are looked for than a message shows.
        names = (0..<min(parts.count, Self.listed)).map {
            String(parts.sibling($0).fileName.dropLast(".gguf".count)) + ending
        }
    }

    private static let listed = 1000

    /// What is to be said of it where it is not enough by itself.
    ///
    /// - Parameter present: the names in its folder
    func fact(beside present: [String]) -> String {
        let present = Set(present)
        let missing = names.filter { !present.contains($0) }
        let which = "part \(number) of \(count) of a model"
        guard !missing.isEmpty else { return which + "; open the folder or its index" }
        let list = missing.prefix(4).joined(separator: ", ") + (missing.count > 4 ? ", …" : "")
        return which + ", of which \(missing.count == 1 ? "this is" : "these are") missing: \(list)"
    }
}
