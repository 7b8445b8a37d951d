import CZstd
import Synchronization

/// Compression by the zstd library, with a store of its working memory: the library allocates megabytes for each
/// encoder, which are used again.
///
/// Format: RFC 8878.
package final class Zstandard: Sendable {
    /// The library's version, as 1.5.4; the same data become other frames in another.
    package static var version: String { String(cString: ZSTD_versionString()) }

    /// What the library reports where it cannot go on: out of memory, or data that are not zstd.
    struct Problem: Error {}

    private let encoders = Mutex<[Shared<OpaquePointer>]>([])
    private let decoders = Mutex<[Shared<OpaquePointer>]>([])

    deinit {
        for encoder in encoders.withLock({ $0 }) { ZSTD_freeCCtx(encoder.pointer) }
        for decoder in decoders.withLock({ $0 }) { ZSTD_freeDCtx(decoder.pointer) }
    }

    /// One zstd frame of the bytes.
    ///
    /// - Parameters:
    ///   - level: the library's level; far below zero almost nothing is searched for, and the bytes are only coded by
    ///     how often each occurs, which is all that the residuals of weights have in store.
    ///   - prefix: bytes that the reader has too, and that are searched for matches.
    /// - Throws: `Problem` where the library runs out of memory.
    func compress(
        _ bytes: UnsafeRawBufferPointer, level: Int, prefix: UnsafeRawBufferPointer? = nil
    ) throws(Problem) -> [UInt8] {
        let context = encoders.withLock { $0.popLast()?.pointer } ?? ZSTD_createCCtx()
        guard let context else { throw Problem() }
        defer { encoders.withLock { $0.append(Shared(context)) } }
        ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters)
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, Int32(clamping: level))
        ZSTD_CCtx_setParameter(
            context, rtedit_zstd_literal_mode(), Int32(rtedit_zstd_literals_always()))
        if let prefix {
            let window = Self.windowLog(of: bytes.count + prefix.count)
            ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window)
            ZSTD_CCtx_refPrefix(context, prefix.baseAddress, prefix.count)
        }
        let capacity = ZSTD_compressBound(bytes.count)
        var failed = false
        let result = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, filled in
            let size = ZSTD_compress2(
                context, buffer.baseAddress, capacity, bytes.baseAddress, bytes.count)
            failed = ZSTD_isError(size) != 0
            filled = failed ? 0 : size
        }
        if failed { throw Problem() }
        return result
    }

    /// Decompresses one frame, which must give exactly as many bytes as the destination holds.
    ///
    /// - Throws: `Problem` where it does not.
    func decompress(
        _ bytes: UnsafeRawBufferPointer, prefix: UnsafeRawBufferPointer? = nil,
        into destination: UnsafeMutableRawBufferPointer
    ) throws(Problem) {
        let context = decoders.withLock { $0.popLast()?.pointer } ?? ZSTD_createDCtx()
        guard let context else { throw Problem() }
        defer { decoders.withLock { $0.append(Shared(context)) } }
        ZSTD_DCtx_reset(context, ZSTD_reset_session_and_parameters)
        ZSTD_DCtx_setParameter(
            context, ZSTD_d_windowLogMax,
            Self.windowLog(of: destination.count + (prefix?.count ?? 0)))
        if let prefix { ZSTD_DCtx_refPrefix(context, prefix.baseAddress, prefix.count) }
        let size = ZSTD_decompressDCtx(
            context, destination.baseAddress, destination.count, bytes.baseAddress, bytes.count)
        guard ZSTD_isError(size) == 0, size == destination.count else { throw Problem() }
    }

    /// The binary logarithm of a window that holds so many bytes.
    private static func windowLog(of count: Int) -> Int32 {
        let bits = Int32(Int.bitWidth - max(count, 1).leadingZeroBitCount)
        return max(10, min(bits, 31))
    }
}
