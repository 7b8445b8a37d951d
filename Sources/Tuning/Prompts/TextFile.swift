import Formats

/// Files of plain text.
package enum TextFile {
    /// The most bytes a text may have; its tokens take many times as much memory.
    static let sizeLimit = 1 << 30

    /// Reads a file of UTF-8 text as it is, the end of its last line included.
    ///
    /// - Throws: `FileError`; `PromptError.notText` with the offset of the first byte that is not UTF-8, `.tooLarge`.
    package static func read(_ path: String) throws -> String {
        let bytes = try MappedFile(path: path).bytes
        guard bytes.count <= sizeLimit else {
            throw PromptError.tooLarge(file: path, bytes: bytes.count, limit: sizeLimit)
        }
        return try bytes.withUnsafeBytes { buffer in
            do throws(UTF8.ValidationError) {
                let text = buffer.bindMemory(to: UInt8.self).span
                return String(copying: try UTF8Span(validating: text))
            } catch {
                throw PromptError.notText(file: path, offset: error.byteOffsets.lowerBound)
            }
        }
    }
}
