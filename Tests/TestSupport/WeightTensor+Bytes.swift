package import Formats

extension WeightTensor {
    /// The bytes of a weight that is one tensor of a file; of a packed one those of its codes.
    package var bytes: MappedBytes { parts[0].bytes }
}
