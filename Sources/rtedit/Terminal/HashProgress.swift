import Formats

extension Checkpoint {
    /// `weightsHash()`, with its progress shown.
    ///
    /// - Throws: `FileError` where a file cannot be read any more.
    func weightsHash(on console: Console) throws -> String {
        let total = try weightFiles.reduce(0) { try $0 + MappedFile(path: $1).size }
        let progress = console.progress("hashing \(name)", total: total, unit: .bytes)
        defer { progress.finish() }
        return try weightsHash { progress.advance(by: $0) }
    }
}
