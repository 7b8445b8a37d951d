/// How long the directions of a vector are.
package enum Normalization: String, Sendable, CaseIterable {
    /// As long as the mean projection of the pairs' differences on the direction, so that strength 1 moves an
    /// average negative prompt as far as the positive one.
    case none
    /// Length 1.
    case unit
}
