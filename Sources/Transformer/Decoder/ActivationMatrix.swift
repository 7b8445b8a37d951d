import Formats
import Synchronization

/// Rows of f32 activations, each `width` long and back to back, for kernels to read and write.
///
/// The memory belongs to the object, grows on demand and never shrinks, so that a steady state allocates nothing.
///
/// Threads share it as they do a `Shared` pointer: it grows only between parallel regions, and in one every body writes
/// rows of its own.
final class ActivationMatrix: Sendable {
    let width: Int
    /// How many rows the memory holds.
    var capacity: Int { reserved.load(ordering: .relaxed) }

    private let reserved = Atomic<Int>(0)
    private let place = Atomic<Shared<UnsafeMutablePointer<Float>>?>(nil)

    private var memory: UnsafeMutablePointer<Float>? { place.load(ordering: .relaxed)?.pointer }

    /// A cache line, and a multiple of the widest vector load.
    private static let alignment = 64

    init(width: Int) { self.width = width }

    deinit { UnsafeMutableRawPointer(memory)?.deallocate() }

    /// The memory taken, in bytes.
    var byteCount: Int { capacity * width * MemoryLayout<Float>.stride }

    /// Makes room for at least this many rows; the first `kept` rows keep their values, the others are zero.
    func reserve(_ rows: Int, keeping kept: Int = 0) {
        guard rows > capacity else { return }
        let count = rows * width
        let bytes = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<Float>.stride, alignment: Self.alignment)
        let grown = bytes.bindMemory(to: Float.self, capacity: count)
        let copied = min(kept, capacity) * width
        let earlier = memory
        if let earlier { grown.initialize(from: earlier, count: copied) }
        (grown + copied).initialize(repeating: 0, count: count - copied)
        UnsafeMutableRawPointer(earlier)?.deallocate()
        place.store(Shared(grown), ordering: .relaxed)
        reserved.store(rows, ordering: .relaxed)
    }

    /// Sets the first rows to zero.
    func clear(_ rows: Int) {
        precondition(rows <= capacity)
        memory?.update(repeating: 0, count: rows * width)
    }

    /// The address of a row.
    ///
    /// - Precondition: room for the row was reserved.
    func row(_ index: Int) -> UnsafeMutablePointer<Float> {
        precondition(index >= 0 && index < capacity)
        return memory.unsafelyUnwrapped + index * width
    }

    /// Calls the body with the values of some rows, row after row, and returns what it returns.
    ///
    /// - Precondition: room for the rows was reserved.
    func withRows<Result>(
        _ range: Range<Int>, _ body: (Span<Float>) throws -> Result
    ) rethrows -> Result {
        precondition(range.upperBound <= capacity)
        let rows = UnsafeBufferPointer(
            start: memory, count: capacity * width)
        return try body(rows.span.extracting(range.lowerBound * width..<range.upperBound * width))
    }
}
