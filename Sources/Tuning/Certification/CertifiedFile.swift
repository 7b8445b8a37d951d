package import Formats

/// A file as a certificate knows it: by its content, and by its name without folders, since paths are of one machine.
package struct CertifiedFile: Sendable, Hashable {
    package let name: String
    package let size: Int
    /// As `sha256sum` prints it.
    package let sha256: String

    /// Reads the whole file.
    ///
    /// - Parameter advance: called with the number of bytes read since.
    package init(name: String, _ file: MappedFile, advance: (Int) -> Void) {
        self.name = name
        size = file.size
        sha256 = file.sha256(advance: advance)
    }

    /// Reads the whole file, or standard input for `-`.
    ///
    /// - Throws: `FileError` where it cannot be opened.
    package init(path: String) throws(FileError) {
        let file = try StandardInput.file(orAt: path)
        self.init(name: PathParts(file.path).name, file) { _ in }
    }

    init(_ object: StrictObject) throws(CertificateError) {
        var object = object
        name = try object.text("name")
        size = try object.integer("size", in: 0...Int.max)
        sha256 = try object.digest("sha256")
        try object.end()
    }

    var json: JSONValue {
        .object(
            JSONObject([
                .init("name", .string(name)), .init("sha256", .string(sha256)),
                .init("size", .integer(size)),
            ]))
    }

    /// What is told of it where it is not the one that was certified.
    fileprivate var facts: String { "\(size) bytes, SHA-256 \(sha256)" }
}

/// A model as a certificate knows it: all its files.
package struct CertifiedModel: Sendable, Hashable {
    package let format: FileFormat
    package let files: [CertifiedFile]

    /// Reads all files of a checkpoint.
    ///
    /// - Parameter advance: called with the number of bytes read since.
    package init(_ format: FileFormat, _ files: [CheckpointFile], advance: (Int) -> Void) {
        self.format = format
        self.files = files.map { CertifiedFile(name: $0.name, $0.file, advance: advance) }
    }

    init(_ object: StrictObject) throws(CertificateError) {
        var object = object
        format = try object.text("format", "a format of weights") { FileFormat(rawValue: $0) }
        var files: [CertifiedFile] = []
        for file in try object.objects("files") { files.append(try CertifiedFile(file)) }
        self.files = files
        try object.end()
    }

    var json: JSONValue {
        .object(
            JSONObject([
                .init("files", .array(files.map(\.json))),
                .init("format", .string(format.rawValue)),
            ]))
    }
}

/// Something that is not what a certificate was made of.
package struct CertificateDifference: Sendable, Equatable {
    /// What it is: `edited file model.gguf`.
    package let what: String
    package let certified: String
    package let found: String

    /// The difference of two files, if there is one; their names make none.
    static func of(
        _ what: String, _ certified: CertifiedFile?, _ found: CertifiedFile?
    ) -> CertificateDifference? {
        guard certified?.sha256 != found?.sha256 || certified?.size != found?.size else {
            return nil
        }
        return CertificateDifference(
            what: what, certified: certified?.facts ?? "none", found: found?.facts ?? "none")
    }

    /// The differences of two models: the files of a folder belong together by their names, those of a GGUF model, which
    /// may be called anything, by their order.
    static func of(
        _ model: String, _ certified: CertifiedModel, _ found: CertifiedModel
    ) -> [CertificateDifference] {
        guard certified.format == found.format else {
            return [
                CertificateDifference(
                    what: "\(model): format", certified: certified.format.rawValue,
                    found: found.format.rawValue)
            ]
        }
        func paired(
            _ names: [String], _ file: (CertifiedModel, String) -> CertifiedFile?
        ) -> [CertificateDifference] {
            names.compactMap { name in
                of("\(model) file \(name)", file(certified, name), file(found, name))
            }
        }
        guard certified.format == .gguf || certified.files.count == 1 && found.files.count == 1
        else {
            let names = Set((certified.files + found.files).map { ExactString($0.name) })
            return paired(names.map(\.string).sorted()) { model, name in
                model.files.first { $0.name.utf8.elementsEqual(name.utf8) }
            }
        }
        let count = max(certified.files.count, found.files.count)
        return (0..<count).compactMap { index in
            let (old, new) = (
                index < certified.files.count ? certified.files[index] : nil,
                index < found.files.count ? found.files[index] : nil
            )
            return of("\(model) file \((new ?? old)?.name ?? "")", old, new)
        }
    }
}
