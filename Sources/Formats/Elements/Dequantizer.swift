/// Widens encoded elements to f32.
///
/// Quantised types agree bit for bit with ggml's `dequantize_row_*` and `gguf.quants.dequantize` (gguf 0.19); integers, wide floats and 8-bit floats are
/// rounded to the nearest f32, ties to even.
package enum Dequantizer {
    /// Whether the type can be widened; every other type is known by name and size only.
    package static func isSupported(_ type: ElementType) -> Bool { RowKernels(type) != nil }

    /// Widens whole blocks.
    ///
    /// - Throws: `QuantizationError.unsupported` for a type that cannot be widened, `.sizeMismatch` where the source
    ///   is not exactly as long as the destination's elements take.
    package static func widen(
        _ source: UnsafeRawBufferPointer, type: ElementType,
        into destination: UnsafeMutableBufferPointer<Float>
    ) throws(QuantizationError) {
        guard let kernels = RowKernels(type) else { throw .unsupported(type: type) }
        guard type.byteCount(elements: destination.count) == source.count else {
            throw .sizeMismatch(type: type, elements: destination.count, bytes: source.count)
        }
        guard let first = source.baseAddress, let output = destination.baseAddress else { return }
        kernels.widen(first, destination.count, output)
    }
}
