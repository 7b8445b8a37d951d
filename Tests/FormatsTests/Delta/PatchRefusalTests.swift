import Foundation
import TestSupport
import Testing

@testable import Formats

@Suite struct PatchRefusalTests {
    private let fixture: PatchFixture
    private let base: String
    private let target: String
    private let patch: String

    init() throws {
        fixture = try PatchFixture()
        base = try fixture.folder.write(Self.weights(bias: 1), as: "base.safetensors")
        target = try fixture.folder.write(Self.weights(bias: 2), as: "target.safetensors")
        patch = try fixture.create(base, target)
    }

    /// Three small tensors; the second depends on the bias.
    private static func weights(bias: UInt8) -> [UInt8] {
        let header = """
            {"a":{"dtype":"F16","shape":[8,16],"data_offsets":[0,256]},\
            "b":{"dtype":"BF16","shape":[64],"data_offsets":[256,384]},\
            "c":{"dtype":"I8","shape":[100],"data_offsets":[384,484]}}
            """
        var bytes = safetensorsFile(header, data: 484)
        let start = bytes.count - 484
        for index in 0..<484 { bytes[start + index] = UInt8(truncatingIfNeeded: index * 37) }
        for index in 256..<384 { bytes[start + index] &+= bias }
        return bytes
    }

    /// The error of applying a patch; nothing must have been written.
    private func refusal(of patch: String, base: String) throws -> PatchError? {
        let before = try fixture.folder.names()
        do {
            _ = try fixture.apply(patch, to: base)
            return nil
        } catch let error as PatchError {
            #expect(try fixture.folder.names() == before)
            return error
        }
    }

    @Test func theRightBaseGivesTheTarget() throws {
        #expect(try bytes(ofFile: fixture.apply(patch, to: base)) == bytes(ofFile: target))
    }

    @Test func aWrongBaseIsNamedByItsFirstTensorThatDiffers() throws {
        var changed = try bytes(ofFile: base)
        changed[changed.count - 1] ^= 1
        changed[changed.count - 300] ^= 1
        let other = try fixture.folder.write(changed, as: "other.safetensors")
        let error = try #require(try refusal(of: patch, base: other))
        #expect(error.kind == .input)
        expectOneLine(error, containing: ["other.safetensors", "not the patch's base", "'a'"])
    }

    @Test func aBaseWithoutTheTensorOrInAnotherFormIsRefused() throws {
        let text = String(
            decoding: try bytes(ofFile: base).dropFirst(8).dropLast(484), as: UTF8.self)
        let data = try bytes(ofFile: base).suffix(484)
        func variant(_ old: String, _ new: String) throws -> PatchError {
            let header = text.replacingOccurrences(of: old, with: new)
            let path = try fixture.folder.write(
                safetensorsFile(header) + data, as: "variant.safetensors")
            return try #require(try refusal(of: patch, base: path))
        }
        expectOneLine(try variant("\"c\"", "\"d\""), containing: ["tensor 'c' is missing"])
        expectOneLine(
            try variant("\"I8\",\"shape\":[100]", "\"U8\",\"shape\":[100]"),
            containing: ["tensor 'c' is u8 100, but i8 100"])
    }

    @Test func everyCutIsRefused() throws {
        let whole = try bytes(ofFile: patch)
        for size in 0..<whole.count {
            let path = try fixture.folder.write(Array(whole[..<size]), as: "cut.rtdelta")
            #expect(try refusal(of: path, base: base) != nil)
        }
        let longer = try fixture.folder.write(whole + [0], as: "cut.rtdelta")
        #expect(try refusal(of: longer, base: base) != nil)
    }

    @Test func namesThatLeaveTheFolderAndDoubleNamesAreRefused() throws {
        func write(_ names: [String]) throws -> String {
            let files = names.map {
                PatchDirectory.File(
                    name: $0, size: 3, digest: [UInt8](repeating: 0, count: 32),
                    segments: [.zeros(3)])
            }
            let directory = PatchDirectory(isFolder: true, sources: [], files: files).bytes
            let head = PatchHead.bytes(
                directoryOffset: PatchHead.size, stored: directory, rawSize: directory.count)
            return try fixture.folder.write(head + directory, as: "hostile.rtdelta")
        }
        for name in ["../x", "/etc/x", "..", ".", "", "a/b", "a\u{0}b", "a\nb"] {
            let error = try #require(try refusal(of: write([name]), base: base))
            #expect(error == .hostileName(path: fixture.folder.path("hostile.rtdelta"), name: name))
            expectOneLine(error, containing: ["hostile.rtdelta"])
        }
        let twice = try #require(try refusal(of: write(["a", "a"]), base: base))
        #expect(twice == .duplicateName(path: fixture.folder.path("hostile.rtdelta"), name: "a"))
        let wrong = try #require(try refusal(of: write(["a", "b"]), base: base))
        expectOneLine(wrong, containing: ["SHA-256"])
    }

    @Test func aLaterVersionAndOtherFilesAreRefused() throws {
        var later = try bytes(ofFile: patch)
        later[8] = 2
        let path = try fixture.folder.write(later, as: "later.rtdelta")
        expectOneLine(
            try #require(try refusal(of: path, base: base)),
            containing: ["version 2", "only 1 is supported"])
        expectOneLine(
            try #require(try refusal(of: base, base: base)), containing: ["does not begin with"])
    }

    @Test func anExistingOutputIsKept() throws {
        let path = try fixture.folder.write([1], as: "kept")
        #expect(throws: FileError.self) {
            try PatchApplier(crew: fixture.crew).apply(
                PatchFile(path: patch), to: FileSet(path: base), path: path, replacing: false)
        }
        #expect(try bytes(ofFile: path) == [1])
    }

    @Test func theBaseMayBeReplacedByTheResult() throws {
        let expected = try bytes(ofFile: target)
        _ = try PatchApplier(crew: fixture.crew).apply(
            PatchFile(path: patch), to: FileSet(path: base), path: base, replacing: true)
        #expect(try bytes(ofFile: base) == expected)
    }
}
