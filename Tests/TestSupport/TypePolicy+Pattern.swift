package import Formats

extension TypePolicy {
    /// Tensors in their own types, but for matrices whose names a pattern finds.
    package static func keeping(except pattern: String, as type: ElementType) -> TypePolicy {
        guard let pattern = NamePattern(pattern, matching: .anyPart) else {
            preconditionFailure("\(pattern) is no pattern")
        }
        return TypePolicy(.keep, overrides: [Override(pattern, type)])
    }
}
