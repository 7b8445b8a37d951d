import Formats

/// What can be done with a file that is no model: calls with its name in them.
struct FileUses {
    private let calls: [(purpose: String, call: String)]

    private init(_ calls: [(purpose: String, call: String)]) {
        self.calls = calls
    }

    /// Of a steering vector.
    ///
    /// - Parameter runsInLlamaCpp: whether its file is one that llama.cpp takes, and says all of it.
    static func ofVector(_ path: String, runsInLlamaCpp: Bool) -> FileUses {
        let file = ShellWord.quoted(path)
        return FileUses(
            [
                ("steer", "rtedit generate MODEL --prompt TEXT --vector \(file):1"),
                ("make permanent", "rtedit bake MODEL OUT --vector \(file):1"),
                ("tune toward it", "rtedit tune MODEL OUT --vector \(file) --data FILE"),
                ("tokens it points to", "rtedit vector lens \(file) MODEL"),
            ]
                + (runsInLlamaCpp
                    ? [("llama.cpp", "llama-cli -m MODEL --control-vector \(file)")] : []))
    }

    static func ofScaling(_ path: String) -> FileUses {
        let file = ShellWord.quoted(path)
        return FileUses([
            ("steer", "rtedit generate MODEL --prompt TEXT --scaling \(file)"),
            ("make permanent", "rtedit bake MODEL OUT --scaling \(file)"),
        ])
    }

    static func ofAdapter(_ path: String) -> FileUses {
        let file = ShellWord.quoted(path)
        return FileUses(
            [("merge into its base", "rtedit merge MODEL \(file) OUT")]
                + (path.hasSuffix(".gguf")
                    ? [("llama.cpp", "llama-cli -m MODEL --lora \(file)")] : []))
    }

    static func ofPatch(_ path: String) -> FileUses {
        FileUses([("make the model", "rtedit delta apply BASE \(ShellWord.quoted(path)) OUT")])
    }

    static func ofImportance(_ path: String) -> FileUses {
        FileUses([
            (
                "quantise by it",
                "rtedit convert MODEL OUT.gguf --type q4_k_m --imatrix \(ShellWord.quoted(path))"
            )
        ])
    }

    func show(on console: Console) {
        console.print()
        let width = calls.map(\.purpose.count).max() ?? 0
        for (purpose, call) in calls {
            console.print("\(purpose.padded(to: width + 2))\(call)")
        }
    }

    /// For `--json`.
    var member: JSONObject.Member {
        .init(
            "uses",
            .array(
                calls.map { purpose, call in
                    .object(
                        JSONObject([
                            .init("purpose", .string(purpose)), .init("call", .string(call)),
                        ]))
                }))
    }
}
