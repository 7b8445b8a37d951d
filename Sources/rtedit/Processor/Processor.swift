import CPUCheck
import Glibc
import Transformer

/// The machine's processor.
enum Processor {
    /// How many cores are online: the standard number of threads.
    static let onlineCores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))

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
