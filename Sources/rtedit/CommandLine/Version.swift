import Transformer

/// What this build of rtedit is.
enum Version {
    static let current = "0.1.0"

    /// The facts that explain a difference between two builds or machines: a name and a value each.
    static var facts: [(name: String, value: String)] {
        [
            ("Swift", compiler), ("target", target), ("build", build),
            ("BLAS", BLASLibrary.description),
            ("threads", "\(Processor.onlineCores) unless --threads says otherwise"),
        ]
    }

    private static var compiler: String {
        #if compiler(>=6.5)
            "6.5 or newer"
        #elseif compiler(>=6.4)
            "6.4"
        #elseif compiler(>=6.3)
            "6.3"
        #else
            "6.2"
        #endif
    }

    private static var target: String {
        #if arch(x86_64)
            "x86_64 Linux (kernels for AVX2, FMA and F16C)"
        #elseif arch(arm64)
            "aarch64 Linux"
        #else
            "Linux"
        #endif
    }

    private static var build: String {
        #if DEBUG
            "debug"
        #else
            "release"
        #endif
    }
}
