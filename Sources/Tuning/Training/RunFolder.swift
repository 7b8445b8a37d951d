import Glibc

/// The folder in which a run of tuning keeps its state and its record.
package struct RunFolder: Sendable {
    package let path: String

    package init(path: String) {
        self.path = path
    }

    var statePath: String { path + "/" + RunState.fileName }
    var recordPath: String { path + "/run.jsonl" }

    /// The bytes of the run's files; 0 for one that is missing.
    package var sizes: (state: Int, record: Int) {
        func size(_ path: String) -> Int {
            var status = stat()
            return stat(path, &status) == 0 ? Int(status.st_size) : 0
        }
        return (size(statePath), size(recordPath))
    }

    /// Removes the run's files, and the folder where it then is empty; what else is in it is not touched.
    ///
    /// - Returns: whether the folder is gone.
    package func remove() -> Bool {
        for path in [statePath, recordPath] { unlink(path) }
        return rmdir(path) == 0
    }

    /// What a state takes on disk.
    ///
    /// - Parameters:
    ///   - numbers: how many are tuned
    ///   - isValidated: whether the best of them are kept too
    package static func stateByteCount(numbers: Int, isValidated: Bool) -> Int {
        // Each number, and its two moments.
        numbers * (isValidated ? 4 : 3) * MemoryLayout<Float>.stride
    }
}
