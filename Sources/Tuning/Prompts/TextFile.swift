import Formats

/// Files of plain text.
public enum TextFile {
    /// Reads a file of UTF-8 text as it is, the end of its last line included.
    ///
    /// - Throws: `FileError`; `PromptError.notText` with the offset of the first byte that is not UTF-8.
    public static func read(_ path: String) throws -> String {
        let bytes = try MappedFile(path: path).bytes.withUnsafeBytes { Array($0) }
        do throws(UTF8.ValidationError) {
            return String(copying: try UTF8Span(validating: bytes.span))
        } catch {
            throw PromptError.notText(file: path, offset: error.byteOffsets.lowerBound)
        }
    }
}
