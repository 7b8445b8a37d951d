import Formats
import TestSupport
import Testing

/// Small valid files, changed at random: reading either succeeds, and then every byte handed out can be read, or it
/// throws. It never traps.
@Suite struct FileMutationTests {
    private static let rounds = 4000

    /// The file with one to three bytes changed, a part removed or repeated, or its end cut off.
    private func mutated(_ original: [UInt8], _ generator: inout SeededGenerator) -> [UInt8] {
        var bytes = original
        switch Int.random(in: 0..<8, using: &generator) {
        case 0: bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator))
        case 1:
            let start = Int.random(in: 0..<bytes.count, using: &generator)
            let end = min(bytes.count, start + Int.random(in: 1...16, using: &generator))
            bytes.insert(contentsOf: bytes[start..<end], at: start)
        case 2:
            let start = Int.random(in: 0..<bytes.count, using: &generator)
            bytes.removeSubrange(start..<min(bytes.count, start + 8))
        default:
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<bytes.count, using: &generator)
                let interesting: [UInt8] = [
                    0, 1, 0x7f, 0x80, 0xff, bytes[place] ^ 1, bytes[place] ^ 0x20,
                ]
                bytes[place] =
                    Bool.random(using: &generator)
                    ? UInt8.random(in: .min ... .max, using: &generator)
                    : interesting[Int.random(in: 0..<interesting.count, using: &generator)]
            }
        }
        return bytes
    }

    private func sum(_ bytes: MappedBytes) -> Int {
        bytes.withUnsafeBytes { $0.reduce(0) { $0 &+ Int($1) } }
    }

    @Test(arguments: ["all-values.gguf", "aligned.gguf", "all-types.safetensors"])
    func aChangedFileIsReadOrRefused(_ name: String) throws {
        let original = try bytes(ofFile: try fixture(name))
        let folder = try TemporaryFolder()
        var generator = SeededGenerator(seed: 42)
        var refused = 0
        for _ in 0..<Self.rounds {
            let path = try folder.write(mutated(original, &generator), as: name)
            do {
                if name.hasSuffix(".gguf") {
                    let file = try GGUFFile.open(path)
                    _ = file.tensors.reduce(0) { $0 &+ sum($1.bytes) }
                } else {
                    let file = try SafetensorsFile(path: path)
                    _ = file.tensors.reduce(0) { $0 &+ sum($1.bytes) }
                }
            } catch let failure as any Failure {
                refused += 1
                #expect(!failure.description.contains { $0.isNewline })
            }
        }
        #expect(refused > Self.rounds / 10)
    }

    @Test func changedJSONIsReadOrRefused() throws {
        let original = try bytes(ofFile: try fixture("python-indented.json"))
        var generator = SeededGenerator(seed: 7)
        var refused = 0
        for _ in 0..<Self.rounds {
            do {
                let value = try JSONReader.parse(mutated(original, &generator), source: "mutated")
                let written = JSONWriter().bytes(value)
                #expect(try JSONReader.parse(written, source: "written") == value)
            } catch {
                refused += 1
                #expect(!error.description.contains { $0.isNewline })
            }
        }
        #expect(refused > Self.rounds / 10)
    }
}
