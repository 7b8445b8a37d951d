import Formats
import Transformer

/// What this build of rtedit is.
enum Version {
    static let current = "0.1.0"

    /// The facts that explain a difference between two builds or machines: a name and a value each.
    static var facts: [(name: String, value: String)] {
        [
            ("Swift", compiler), ("target", target), ("build", build),
            ("BLAS", "\(BLASLibrary.kernel) (\(BLASLibrary.build))"), ("kernels", kernels),
            ("zstd", Zstandard.version),
            ("threads", "\(Processor.onlineCores) unless --threads says otherwise"),
        ]
    }

    /// The kernels of matrix products, who chose them, and whether they multiply rightly here.
    private static var kernels: String {
        let choice = KernelStart.choice
        let verdict =
            if choice.refusal != nil {
                "not checked, since the processor cannot run them"
            } else if BLASLibrary.multipliesRightly() {
                "checked against a plain loop"
            } else {
                "WRONG: other products than a plain loop's"
            }
        return "\(choice.description); \(verdict)"
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
