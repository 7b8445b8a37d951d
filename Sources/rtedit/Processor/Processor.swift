import CPUCheck
import Foundation
import Glibc
import Transformer

/// The machine's processor.
enum Processor {
    /// How many cores are online: the standard number of threads.
    static let onlineCores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))

    /// What the system calls the processor; its architecture where it has no name for it.
    static var name: String {
        let facts = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let line = facts.split(separator: "\n").first { $0.hasPrefix("model name") }
        let name = line?.split(separator: ":", maxSplits: 1).last.map {
            $0.trimmingCharacters(in: .whitespaces)
        }
        if let name, !name.isEmpty { return name }
        var system = utsname()
        guard uname(&system) == 0 else { return "unknown" }
        return withUnsafeBytes(of: &system.machine) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// The C library, whose elementary functions are used: "glibc 2.36".
    static var library: String {
        var text = [CChar](repeating: 0, count: 64)
        let length = confstr(Int32(_CS_GNU_LIBC_VERSION), &text, text.count)
        guard length > 0, length <= text.count else { return "unknown" }
        return String(
            decoding: text.prefix(length - 1).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The widest vector instructions that it has and the system lets run; nil for other kinds of processors.
    static var vectorLevel: VectorLevel? {
        #if arch(x86_64)
            if rtedit_processor_has_avx512() != 0 { return .avx512 }
            return rtedit_processor_is_supported() != 0 ? .avx2 : .sse
        #else
            return nil
        #endif
    }

    /// The most memory the process has had in use, in bytes.
    static var peakMemory: Int {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage.ru_maxrss * 1024
    }
}
