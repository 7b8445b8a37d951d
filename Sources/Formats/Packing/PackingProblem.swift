/// Why the layers of a quantised folder cannot be read.
package struct PackingProblem: Error, Hashable, Sendable {
    /// In one line, without the folder's name.
    package let fact: String
    package let kind: FailureKind

    /// Something that rtedit does not know, or knows and does not read.
    static func unsupported(_ fact: String) -> PackingProblem {
        PackingProblem(fact: fact, kind: .unsupported)
    }

    /// Tensors and configuration that contradict each other or themselves.
    static func contradiction(_ fact: String) -> PackingProblem {
        PackingProblem(fact: fact, kind: .input)
    }
}
