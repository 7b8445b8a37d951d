/// Where the values of a weight lie.
package enum WeightStorage: Sendable {
    /// In one tensor of a file, whose elements they are.
    case plain(StoredTensor)
    /// In several, which make them together.
    case packed(PackedTensor)
}
