import Formats

/// Rows of f32 activations, each `width` long and back to back, for kernels to read and write.
///
/// The memory belongs to the object, grows on demand and never shrinks, so that a steady state allocates nothing.
///
/// Threads share it as they do a `Shared` pointer: it grows only between parallel regions, and in one every body writes
/// rows of its own.
final class ActivationMatrix: @unchecked Sendable {
    let width: Int
    private var storage: UnsafeMutableBufferPointer<Float>

    /// A cache line, and a multiple of the widest vector load.
    private static let alignment = 64

    init(width: Int) {
        self.width = width
        storage = UnsafeMutableBufferPointer(start: nil, count: 0)
    }

    deinit {
        UnsafeMutableRawPointer(storage.baseAddress)?.deallocate()
    }

    /// How many rows the memory holds.
    var capacity: Int { width == 0 ? 0 : storage.count / width }

    /// The memory taken, in bytes.
    var byteCount: Int { storage.count * MemoryLayout<Float>.stride }

    /// Makes room for at least this many rows; the first `kept` rows keep their values, the others are zero.
    func reserve(_ rows: Int, keeping kept: Int = 0) {
        guard rows > capacity else { return }
        let count = rows * width
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<Float>.stride, alignment: Self.alignment)
        let grown = UnsafeMutableBufferPointer(
            start: memory.bindMemory(to: Float.self, capacity: count), count: count)
        let copied = min(kept, capacity) * width
        _ = grown[..<copied].initialize(fromContentsOf: storage[..<copied])
        grown[copied...].initialize(repeating: 0)
        UnsafeMutableRawPointer(storage.baseAddress)?.deallocate()
        storage = grown
    }

    /// Sets the first rows to zero.
    func clear(_ rows: Int) {
        storage[..<(rows * width)].update(repeating: 0)
    }

    /// The address of a row.
    ///
    /// - Precondition: room for the row was reserved.
    func row(_ index: Int) -> UnsafeMutablePointer<Float> {
        precondition(index >= 0 && index < capacity)
        return storage.baseAddress.unsafelyUnwrapped + index * width
    }

    /// Calls the body with the values of some rows, row after row, and returns what it returns.
    ///
    /// - Precondition: room for the rows was reserved.
    func withRows<Result>(
        _ range: Range<Int>, _ body: (Span<Float>) throws -> Result
    ) rethrows -> Result {
        try body(storage.span.extracting(range.lowerBound * width..<range.upperBound * width))
    }
}
