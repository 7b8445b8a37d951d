import Formats

/// Names of outputs, which say by their extension of what kind they are.
enum OutputName {
    /// Refuses a name that looks like a file's of a kind that is not written.
    ///
    /// Names of models and vectors have dots too, as in Llama-3.1-8B: an extension begins with a letter and has only
    /// letters and digits.
    /// - Parameter effect: what would become of it, in the words after the path.
    /// - Throws: `UsageError.contradiction`, with the nearest kind.
    static func check(
        _ path: String, isOf kinds: [String], place: String, effect: String
    ) throws(UsageError) {
        let name = PathParts(path).name
        guard !path.hasSuffix("/"), let dot = name.lastIndex(of: "."), dot > name.startIndex else {
            return
        }
        let ending = String(name[name.index(after: dot)...])
        guard ending.first?.isLetter ?? false, !kinds.contains(ending),
            ending.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) })
        else { return }
        let nearest = Suggestion.nearest(to: ending.lowercased(), among: kinds)
        throw .contradiction(
            option: place,
            fact: "no files of kind '.\(ending)' are written: \(path) \(effect)"
                + (nearest.map { "; did you mean '.\($0)'?" } ?? ""))
    }
}
