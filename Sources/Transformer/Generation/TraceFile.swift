import Formats

/// Traces on disk: a safetensors file with the arrays by name, and the tokens as `tokens`, I64.
package enum TraceFile {
    /// Writes a trace.
    ///
    /// - Throws: `FileError` where the file exists already and may not be replaced, or cannot be written.
    package static func write(_ trace: Trace, to path: String, replacing: Bool) throws {
        let tensors =
            [TensorFile.Tensor.integers("tokens", trace.tokens)]
            + trace.entries.map { entry in
                .floats(entry.name, shape: [entry.rows, entry.columns]) { entry.values }
            }
        try TensorFile(tensors, path: path).write(to: path, replacing: replacing)
    }
}
