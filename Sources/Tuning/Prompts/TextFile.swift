import Formats

/// Files of plain text.
package enum TextFile {
    /// The most bytes a text may have; its tokens take many times as much memory.
    static let sizeLimit = 1 << 30

    /// Reads a file of UTF-8 text, or standard input for `-`, as it is, the end of its last line included.
    ///
    /// - Throws: `FileError`; `PromptError.notText` with the offset of the first byte that is not UTF-8, `.tooLarge`.
    package static func read(_ path: String) throws -> String {
        let file = try StandardInput.file(orAt: path)
        let bytes = file.bytes
        guard bytes.count <= sizeLimit else {
            throw PromptError.tooLarge(file: file.path, bytes: bytes.count, limit: sizeLimit)
        }
        return try bytes.withUnsafeBytes { buffer in
            do throws(UTF8.ValidationError) {
                let text = buffer.bindMemory(to: UInt8.self).span
                return String(copying: try UTF8Span(validating: text))
            } catch {
                throw PromptError.notText(file: file.path, offset: error.byteOffsets.lowerBound)
            }
        }
    }

    /// Reads a prompt from standard input: its text without the end of the last line, which a shell writes.
    ///
    /// - Throws: as `read`.
    package static func readPrompt() throws -> String {
        let text = try read(StandardInput.path)
        return text.last?.isNewline ?? false ? String(text.dropLast()) : text
    }
}
