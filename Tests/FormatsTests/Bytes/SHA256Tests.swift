import Formats
import TestSupport
import Testing

@Suite struct SHA256Tests {
    private func digest(_ bytes: [UInt8], step: Int = .max) -> String {
        var hash = SHA256()
        var rest = bytes[...]
        while !rest.isEmpty {
            Array(rest.prefix(step)).withUnsafeBytes { hash.update($0) }
            rest = rest.dropFirst(step)
        }
        return hash.hexDigest()
    }

    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
        ),
    ])
    func equalsTheStandardsExamples(text: String, expected: String) {
        #expect(digest(Array(text.utf8)) == expected)
    }

    @Test func doesNotDependOnThePieces() {
        let bytes = (0..<1000).map { UInt8(truncatingIfNeeded: $0 * 7) }
        for step in [1, 3, 63, 64, 65, 200] { #expect(digest(bytes, step: step) == digest(bytes)) }
    }
}
