import Glibc

/// The machine's processor.
enum Processor {
    /// How many cores are online: the standard number of threads.
    static let onlineCores = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
}
