/// Words as a POSIX shell takes them.
enum ShellWord {
    /// The word itself where it means itself, else in single quotes.
    static func quoted(_ word: String) -> String {
        let isPlain =
            !word.isEmpty
            && word.allSatisfy {
                $0.isASCII && ($0.isLetter || $0.isNumber) || "-_./:@%+=,".contains($0)
            }
        return isPlain
            ? word
            : "'\(word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''"))'"
    }
}
