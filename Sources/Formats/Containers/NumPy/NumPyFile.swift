/// A file of NumPy's: an archive of arrays (`.npz`) or one array (`.npy`).
package struct NumPyFile: Sendable {
    package let path: String
    /// Arrays of numbers and of several strings, in the order of the file.
    package let arrays: [NumPyArray]
    /// Arrays that are one string, in the order of the file.
    package let texts: [(name: String, text: String)]

    private static let ending = ".npy"

    /// Opens a file; the elements of arrays that are not compressed stay where they are.
    ///
    /// - Throws: `FileError` where it cannot be read, `ZipError` and `NumPyError` for the first rule that it breaks.
    package init(path: String) throws {
        let file = try MappedFile(path: path)
        self.path = path
        var arrays: [NumPyArray] = []
        var texts: [(name: String, text: String)] = []
        func add(_ content: ZipArchive.Content, _ name: String) throws {
            do throws(NumPyError.Problem) {
                let array = try NumPyArray(content, name: name)
                if let text = try array.text() {
                    texts.append((name, text))
                } else {
                    arrays.append(array)
                }
            } catch {
                throw NumPyError(path: path, problem: error)
            }
        }
        if FileContent(file.bytes) == .numpy {
            try add(.mapped(file.bytes), "")
        } else {
            let archive = try ZipArchive(file)
            for entry in archive.entries {
                // Weights of PyTorch are a zip archive too, and every entry of theirs is something else.
                guard entry.name.hasSuffix(Self.ending) else {
                    throw NumPyError(path: path, problem: .notAnArray(name: entry.name))
                }
                try add(
                    archive.content(of: entry), String(entry.name.dropLast(Self.ending.count)))
            }
        }
        self.arrays = arrays
        self.texts = texts
    }

    /// Whether a zip archive begins with an array of NumPy's, as one of PyTorch does not.
    static func isArchive(_ file: MappedFile) -> Bool {
        (try? ZipArchive(file))?.entries.first?.name.hasSuffix(ending) ?? false
    }

    // MARK: - Writing

    /// An array to be written.
    package struct Item: Sendable {
        let name: String
        let header: NumPyHeader
        let data: [UInt8]

        /// Numbers in F32.
        ///
        /// - Parameter values: the last index fastest, as many as the shape has
        package static func floats(_ name: String, shape: [Int], _ values: [Float]) -> Item {
            var data: [UInt8] = []
            data.appendBytes(ofEach: values)
            return Item(
                name: name, header: NumPyHeader(element: .number(.f32), shape: shape), data: data)
        }

        /// One string.
        package static func text(_ name: String, _ text: String) -> Item {
            let units = text.unicodeScalars.map(\.value)
            var data: [UInt8] = []
            data.appendBytes(ofEach: units)
            // A string of no units takes one, as in NumPy.
            if units.isEmpty { data.appendBytes(of: UInt32(0)) }
            let header = NumPyHeader(element: .text(units: max(1, units.count)), shape: [])
            return Item(name: name, header: header, data: data)
        }
    }

    /// Writes an archive as `numpy.savez` does, nothing compressed; the same arrays give the same bytes.
    ///
    /// - Throws: `FileError` where it exists already and may not be replaced, or cannot be written;
    ///   `ZipError.Problem.outputTooLarge`.
    package static func write(_ items: [Item], to path: String, replacing: Bool) throws {
        var entries: [ZipFormat.NewEntry] = []
        var offset = 0
        for item in items {
            let entry = ZipFormat.NewEntry(
                name: item.name + ending, content: item.header.bytes + item.data, offset: offset)
            offset += entry.header.count + entry.content.count
            entries.append(entry)
        }
        let directory = entries.flatMap(\.record)
        let size = offset + directory.count
        guard size < Int(UInt32.max), entries.count < Int(UInt16.max) else {
            throw ZipError(path: path, problem: .outputTooLarge(bytes: size))
        }
        let file = try AtomicFile(path: path, replacing: replacing)
        for entry in entries {
            try file.append(entry.header)
            try file.append(entry.content)
        }
        try file.append(directory)
        try file.append(
            ZipFormat.end(entries: entries.count, directory: directory.count, offset: offset))
        try file.commit()
    }
}
