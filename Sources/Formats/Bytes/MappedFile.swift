import Glibc

/// A read-only memory map of a whole file.
///
/// The map stays valid after the file is renamed over or unlinked, so an output may replace its own source.
package final class MappedFile: Sendable {
    package let path: String
    /// The file's size in bytes when it was opened.
    package let size: Int
    private let base: Shared<UnsafeRawPointer>?
    private let registration: MappedFiles.Registration?

    /// Maps the file.
    ///
    /// - Throws: `FileError.cannotOpen` or `.cannotRead` with the system's reason, `.notAFile` for a folder or device.
    package init(path: String) throws(FileError) {
        // Opening a FIFO would wait for a writer.
        let descriptor = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw .cannotOpen(path: path, reason: SystemReason.current) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw .cannotRead(path: path, reason: SystemReason.current)
        }
        guard status.st_mode & S_IFMT == S_IFREG else { throw .notAFile(path: path) }
        let size = Int(status.st_size)
        if size == 0 {
            base = nil
            registration = nil
        } else {
            let address = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
            guard let address, address != MAP_FAILED else {
                throw .cannotRead(path: path, reason: SystemReason.current)
            }
            base = Shared(UnsafeRawPointer(address))
            registration = MappedFiles.Registration(
                address, size: size, path: path, status: status)
        }
        self.path = path
        self.size = size
    }

    /// Holds bytes that come from no file.
    ///
    /// - Parameter path: what errors call them.
    /// - Throws: `FileError.cannotRead` where the system gives no memory for them.
    init(path: String, copying bytes: [UInt8]) throws(FileError) {
        self.path = path
        size = bytes.count
        registration = nil
        guard !bytes.isEmpty else {
            base = nil
            return
        }
        let address = mmap(
            nil, bytes.count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let address, address != MAP_FAILED else {
            throw .cannotRead(path: path, reason: SystemReason.current)
        }
        bytes.withUnsafeBytes { bytes in
            if let start = bytes.baseAddress {
                address.copyMemory(from: start, byteCount: bytes.count)
            }
        }
        base = Shared(UnsafeRawPointer(address))
    }

    deinit {
        registration?.end()
        if let base { munmap(UnsafeMutableRawPointer(mutating: base.pointer), size) }
    }

    /// The whole file.
    package var bytes: MappedBytes { MappedBytes(file: self, range: 0..<size) }

    fileprivate func pointer(_ range: Range<Int>) -> UnsafeRawBufferPointer {
        guard let base, !range.isEmpty else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: base + range.lowerBound, count: range.count)
    }

    /// Tells the kernel that these pages are not needed soon, so that a streaming pass stays small in memory.
    package func release(_ range: Range<Int>) {
        guard let base else { return }
        let page = Int(getpagesize())
        let start = (max(0, range.lowerBound) + page - 1) / page * page
        let end = min(size, range.upperBound) / page * page
        guard start < end else { return }
        madvise(UnsafeMutableRawPointer(mutating: base + start), end - start, MADV_DONTNEED)
    }
}

/// A range of a mapped file, which it keeps alive.
package struct MappedBytes: Sendable {
    package let file: MappedFile
    /// The bytes' place in the file.
    package let range: Range<Int>

    /// - Precondition: the range lies inside the file.
    package init(file: MappedFile, range: Range<Int>) {
        precondition(range.lowerBound >= 0 && range.upperBound <= file.size)
        self.file = file
        self.range = range
    }

    package var count: Int { range.count }

    /// A part of these bytes, by offsets relative to their start, or nil where it is not inside them.
    package func slice(_ part: Range<Int>) -> MappedBytes? {
        guard part.lowerBound >= 0, part.upperBound <= count else { return nil }
        return MappedBytes(
            file: file,
            range: range.lowerBound + part.lowerBound..<range.lowerBound + part.upperBound)
    }

    /// The offset of the first byte of this value, or nil where there is none.
    package func firstIndex(of byte: UInt8) -> Int? {
        withUnsafeBytes { bytes in
            guard let start = bytes.baseAddress,
                let found = memchr(start, Int32(byte), bytes.count)
            else { return nil }
            return UnsafeRawPointer(found) - start
        }
    }

    /// Calls the body with the bytes; the pointer must not leave it.
    package func withUnsafeBytes<Result, Problem: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Problem) -> Result
    ) throws(Problem) -> Result {
        try body(file.pointer(range))
    }
}
