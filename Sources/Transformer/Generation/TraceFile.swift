import Formats

/// Traces on disk: a safetensors file with the arrays by name, and the tokens as `tokens`, I64.
package enum TraceFile {
    /// Writes a trace.
    ///
    /// - Throws: `FileError` where the file exists already and may not be replaced, or cannot be written.
    package static func write(_ trace: Trace, to path: String, replacing: Bool) throws {
        var values: [String: [UInt8]] = [
            "tokens": trace.tokens.flatMap { token in
                withUnsafeBytes(of: Int64(token).littleEndian) { Array($0) }
            }
        ]
        var descriptions = [
            TensorDescription(name: "tokens", type: .i64, shape: [trace.tokens.count])
        ]
        for entry in trace.entries {
            descriptions.append(
                TensorDescription(name: entry.name, type: .f32, shape: [entry.rows, entry.columns]))
            values[entry.name] = entry.values.withUnsafeBytes { Array($0) }
        }
        let header = try SafetensorsHeader(path: path, tensors: descriptions)
        let file = try AtomicFile(path: path, reserving: header.fileSize, replacing: replacing)
        try file.append(header.bytes)
        for placement in header.layout {
            try file.append(values[placement.description.name] ?? [])
        }
        try file.commit()
    }
}
