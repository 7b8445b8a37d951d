import CPUCheck
import Glibc

/// The present program, started anew in the same process: the same arguments, streams, signals and number, another
/// environment.
struct Relaunch {
    private let path: [CChar]
    private let environment: CStringList

    /// Whether the process can be started anew. It cannot where the dynamic loader was called with the program as its
    /// argument: what would be started is the loader.
    static var isPossible: Bool { rtedit_is_started_by_system() != 0 && !executable.isEmpty }

    /// The program's file, by its own name where it still has one, so that it keeps its name in lists of processes.
    private static var executable: [CChar] {
        let link = "/proc/self/exe"
        var path = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        guard readlink(link, &path, Int(PATH_MAX)) > 0 else { return [] }
        return access(path, X_OK) == 0 ? path : link.utf8CString.map { $0 }
    }

    /// - Parameter changes: variables of the environment and their new values; nil takes one away.
    init(_ changes: [String: String?]) {
        path = Self.executable
        var lines = changes.compactMap { name, value in value.map { "\(name)=\($0)" } }.sorted()
        var place = environ
        while let line = place.pointee {
            let text = String(cString: line)
            if !changes.keys.contains(where: { text.hasPrefix($0 + "=") }) { lines.append(text) }
            place += 1
        }
        environment = CStringList(lines)
    }

    /// Starts the program anew; comes back only where the system does not let it. Calls nothing that may not be called
    /// in a signal handler.
    func perform() {
        path.withUnsafeBufferPointer { path in
            if let path = path.baseAddress {
                execve(path, CommandLine.unsafeArgv, environment.pointers)
            }
        }
    }
}

/// Strings as `execve` takes them; they stay where they are for good.
private struct CStringList {
    let pointers: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>

    init(_ strings: [String]) {
        pointers = .allocate(capacity: strings.count + 1)
        for (index, string) in strings.enumerated() {
            pointers.advanced(by: index).initialize(to: strdup(string))
        }
        pointers.advanced(by: strings.count).initialize(to: nil)
    }
}
