package import Synchronization

/// A pointer that the bodies of a parallel region share: the one place where raw memory crosses threads unchecked.
///
///     crew.run(tiles) { [output = Shared(output)] tile in multiply(into: output + tile * size) }
///
/// A pointer is not `Sendable`, since nothing keeps two threads from writing what it points to. Whoever shares one sees
/// to it that every body writes a part of its own, reads nothing that another writes, and that the memory outlives the
/// region. Only pointers can be shared so; everything else that a body captures the compiler checks.
package struct Shared<Pointer: SharedPointer>: @unchecked Sendable {
    package let pointer: Pointer

    @inlinable package init(_ pointer: Pointer) { self.pointer = pointer }
}

extension Shared where Pointer: Strideable, Pointer.Stride == Int {
    /// The place so many elements further on, in bytes for raw memory.
    @inlinable package static func + (shared: Shared, offset: Int) -> Pointer {
        shared.pointer.advanced(by: offset)
    }
}

/// What `Shared` takes.
package protocol SharedPointer {}

extension UnsafePointer: SharedPointer {}
extension UnsafeMutablePointer: SharedPointer {}
extension UnsafeRawPointer: SharedPointer {}
extension UnsafeMutableRawPointer: SharedPointer {}
extension UnsafeBufferPointer: SharedPointer {}
extension UnsafeMutableBufferPointer: SharedPointer {}
extension OpaquePointer: SharedPointer {}

// MARK: - In an atomic word

extension Shared: AtomicRepresentable where Pointer: AtomicRepresentable {
    /// The pointer's.
    package typealias AtomicRepresentation = Pointer.AtomicRepresentation

    /// The word of the pointer.
    package static func encodeAtomicRepresentation(
        _ shared: consuming Shared
    ) -> AtomicRepresentation {
        Pointer.encodeAtomicRepresentation(shared.pointer)
    }

    /// The pointer of a word.
    package static func decodeAtomicRepresentation(
        _ word: consuming AtomicRepresentation
    ) -> Shared {
        Shared(Pointer.decodeAtomicRepresentation(word))
    }
}

extension Shared: AtomicOptionalRepresentable where Pointer: AtomicOptionalRepresentable {
    /// The optional pointer's.
    package typealias AtomicOptionalRepresentation = Pointer.AtomicOptionalRepresentation

    /// The word of the pointer, or of none.
    package static func encodeAtomicOptionalRepresentation(
        _ shared: consuming Shared?
    ) -> AtomicOptionalRepresentation {
        Pointer.encodeAtomicOptionalRepresentation(shared?.pointer)
    }

    /// The pointer of a word, if it has one.
    package static func decodeAtomicOptionalRepresentation(
        _ word: consuming AtomicOptionalRepresentation
    ) -> Shared? {
        Pointer.decodeAtomicOptionalRepresentation(word).map { Shared($0) }
    }
}
