/// What earlier starts of this process found out about OpenBLAS's kernels, handed on in a variable of the environment.
///
/// As text: the process's number, the library's own choice, the kernels that are tried (or `-`), and each failure as
/// `KERNEL=REASON`, separated by spaces; on a second line, what the user had set. The number tells a process that
/// started itself anew from a child of one.
struct KernelTrial: Equatable {
    /// Why kernels are not to be used.
    enum Reason: String {
        /// The library took others, so it has none of this name.
        case missing
        case wrong
        case illegal

        var words: String {
            switch self {
            case .missing: "this library has none"
            case .wrong: "they gave wrong products"
            case .illegal: "the processor refused their instructions"
            }
        }
    }

    struct Failure: Equatable {
        let kernel: String
        let reason: Reason
    }

    static let variable = "RTEDIT_KERNEL_TRIAL"

    /// What the library chose by itself.
    let own: String
    /// What is tried; nil where the library is to choose again.
    var wanted: String?
    var failures: [Failure] = []
    /// What the user had set, which the library does not know.
    var unknownSetting: String?

    func text(process: Int32) -> String {
        let fields =
            ["\(process)", own, wanted ?? "-"]
            + failures.map { "\($0.kernel)=\($0.reason.rawValue)" }
        return fields.joined(separator: " ") + (unknownSetting.map { "\n" + $0 } ?? "")
    }

    init(own: String, wanted: String?, failures: [Failure] = [], unknownSetting: String? = nil) {
        self.own = own
        self.wanted = wanted
        self.failures = failures
        self.unknownSetting = unknownSetting
    }

    /// Reads what `text` gives; nil for anything else, or for another process.
    init?(_ text: String, process: Int32) {
        let lines = text.split(separator: "\n", maxSplits: 1).map(String.init)
        let fields = lines.first?.split(separator: " ").map(String.init) ?? []
        guard fields.count >= 3, fields[0] == "\(process)" else { return nil }
        own = fields[1]
        wanted = fields[2] == "-" ? nil : fields[2]
        unknownSetting = lines.count > 1 ? lines[1] : nil
        for field in fields[3...] {
            let parts = field.split(separator: "=").map(String.init)
            guard parts.count == 2, let reason = Reason(rawValue: parts[1]) else { return nil }
            failures.append(Failure(kernel: parts[0], reason: reason))
        }
    }
}
