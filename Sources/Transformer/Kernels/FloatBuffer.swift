package import Formats

/// f32 memory of fixed size that weights, gradients and an optimiser's moments live in, shared by reference.
///
/// Whoever writes sees to it that nobody reads at the same time: tuning changes weights only between passes.
package final class FloatBuffer: Sendable {
    package let count: Int
    /// Aligned to a cache line, for kernels.
    package var floats: UnsafeMutablePointer<Float> { memory.pointer }
    private let memory: Shared<UnsafeMutablePointer<Float>>

    private static let alignment = 64

    /// Memory full of zeros.
    package init(count: Int) {
        self.count = count
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: Self.alignment)
        self.memory = Shared(memory.bindMemory(to: Float.self, capacity: count))
        floats.initialize(repeating: 0, count: count)
    }

    /// Memory with these values.
    package convenience init(_ values: [Float]) {
        self.init(count: values.count)
        replace(with: values)
    }

    deinit { UnsafeMutableRawPointer(floats).deallocate() }

    /// A copy of the values.
    package var values: [Float] { Array(UnsafeBufferPointer(start: floats, count: count)) }

    /// The values as rows of a weight, read where they are: nothing is copied before it is written, and what is written
    /// are the values of that moment.
    package func rows(shape: [Int], form: StorageForm) -> ComputedRows {
        ComputedRows(shape: shape, form: form) { [self] rows, target in
            guard let start = target.baseAddress, !rows.isEmpty else { return }
            let columns = target.count / rows.count
            precondition(rows.upperBound * columns <= count)
            start.update(from: floats + rows.lowerBound * columns, count: target.count)
        }
    }

    /// Overwrites all values.
    ///
    /// - Precondition: there are as many.
    package func replace(with values: [Float]) {
        precondition(values.count == count)
        values.withUnsafeBufferPointer { source in
            if let start = source.baseAddress { floats.update(from: start, count: count) }
        }
    }

    /// Sets all values to zero.
    package func clear() { floats.update(repeating: 0, count: count) }
}
