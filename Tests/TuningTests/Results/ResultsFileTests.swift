import Formats
import TestSupport
import Testing

@testable import Tuning

@Suite struct ResultsFileTests {
    private let folder: TemporaryFolder
    private let identity = JSONObject([.init("model", .string("ab"))])

    init() throws { folder = try TemporaryFolder() }

    private func open(
        _ identity: JSONObject? = nil, kernel: String, isNew: Bool = false
    ) throws -> ResultsFile {
        try ResultsFile(
            path: folder.path("r.jsonl"), identity: identity ?? self.identity, kernel: kernel,
            isNew: isNew)
    }

    @Test func otherKernelsGoOnAndAreKept() throws {
        var results = try open(kernel: "A", isNew: true)
        #expect(results.kernels == ["A"])
        try results.add("one", JSONObject([.init("loss", .number(1))]))
        var others = try open(kernel: "B")
        #expect(others.kernels == ["A", "B"])
        #expect(others["one"]?["loss"]?.number == 1)
        try others.add("two", JSONObject())
        #expect(try open(kernel: "A").kernels == ["A", "B"])
        let another = JSONObject([.init("model", .string("cd"))])
        #expect(throws: ResultsError.otherRun(file: folder.path("r.jsonl"), differing: ["model"])) {
            try open(another, kernel: "A")
        }
    }

    @Test func resultsOfAVersionThatDidNotKeepItsKernelsGoOn() throws {
        let line = "{\"key\":\"identity\",\"value\":{\"model\":\"ab\"}}\n"
        _ = try folder.write(Array(line.utf8), as: "r.jsonl")
        #expect(try open(kernel: "B").kernels == ["B"])
    }
}
