import COpenBLAS

/// The library that matrix products go to.
public enum BLASLibrary {
    /// Which kernels OpenBLAS has chosen for this processor, and how it was built: "Zen (OpenBLAS 0.3.21 …)".
    public static var description: String {
        let core = openblas_get_corename().map { String(cString: $0) } ?? "unknown core"
        let build = openblas_get_config().map { String(cString: $0) } ?? "OpenBLAS"
        return "\(core) (\(build))"
    }
}
