import Formats
import Synchronization

/// Working memory of kernels, kept for the next call: one buffer for each thread that works at the same time, each as
/// large as the largest request so far.
package final class ScratchPool: Sendable {
    package static let shared = ScratchPool()

    private struct Buffer: Sendable {
        let floats: Shared<UnsafeMutablePointer<Float>>
        let count: Int
    }

    private let idle = Mutex<[Buffer]>([])
    private static let alignment = 64

    deinit {
        idle.withLock { buffers in
            for buffer in buffers { UnsafeMutableRawPointer(buffer.floats.pointer).deallocate() }
        }
    }

    /// Calls the body with `count` floats of any value, aligned to a cache line.
    package func withFloats<Result>(
        _ count: Int, _ body: (UnsafeMutablePointer<Float>) -> Result
    ) -> Result {
        let buffer = take(count)
        defer { idle.withLock { $0.append(buffer) } }
        return body(buffer.floats.pointer)
    }

    private func take(_ count: Int) -> Buffer {
        let last = idle.withLock { $0.popLast() }
        if let last {
            if last.count >= count { return last }
            UnsafeMutableRawPointer(last.floats.pointer).deallocate()
        }
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: count * MemoryLayout<Float>.stride, alignment: Self.alignment)
        return Buffer(
            floats: Shared(memory.bindMemory(to: Float.self, capacity: count)), count: count)
    }
}
