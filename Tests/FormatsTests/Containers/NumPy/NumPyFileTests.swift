import TestSupport
import Testing

@testable import Formats

@Suite struct NumPyFileTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private static func fixture(_ name: String) -> String {
        Samples.path("../Tests/TuningTests/Fixtures/vectors/" + name)
    }

    private static func row(_ block: Int) -> [Float] {
        (0..<6).map { (Float($0) - 2.5) * Float(block + 1) / 8 }
    }

    @Test(arguments: [
        ("stored.npz", ElementType.f32), ("deflated.npz", .f32), ("half.npz", .f16),
        ("double.npz", .f64),
    ])
    func archivesOfNumPyAreRead(name: String, type: ElementType) throws {
        let file = try NumPyFile(path: Self.fixture(name))
        #expect(file.arrays.map(\.name) == ["1", "3"])
        for array in file.arrays {
            #expect(array.shape == [6])
            #expect(array.type == type)
            #expect(try array.values() == Self.row(Int(array.name) ?? -1))
        }
    }

    @Test func fortranOrderIsTurned() throws {
        let array = try #require(NumPyFile(path: Self.fixture("fortran.npy")).arrays.first)
        #expect(array.name == "" && array.shape == [4, 6])
        #expect(try array.values() == (0..<4).flatMap(Self.row))
    }

    @Test(arguments: [
        ("big.npz", "big-endian"), ("object.npz", "pickles of Python"), ("bfloat.npz", "bfloat16"),
    ])
    func typesThatAreNotReadAreNamed(name: String, reason: String) throws {
        let error = try #require(throws: NumPyError.self) {
            try NumPyFile(path: Self.fixture(name))
        }
        #expect(error.kind == .unsupported)
        #expect(error.description.contains("array '1'"))
        #expect(error.description.contains(reason))
    }

    @Test func whatIsWrittenReadsBackAndIsTheSameEachTime() throws {
        let items: [NumPyFile.Item] = [
            .floats("a", shape: [2, 3], [1, 2, 3, 4, 5, 6]), .floats("none", shape: [0], []),
            .text("text", "naïve 𝄞"), .text("empty", ""),
        ]
        let path = folder.path("a.npz")
        try NumPyFile.write(items, to: path, replacing: false)
        let file = try NumPyFile(path: path)
        #expect(file.arrays.map(\.name) == ["a", "none"])
        #expect(file.arrays.map(\.shape) == [[2, 3], [0]])
        #expect(try file.arrays[0].values() == [1, 2, 3, 4, 5, 6])
        #expect(file.texts.map(\.text) == ["naïve 𝄞", ""])
        let first = try bytes(ofFile: path)
        try NumPyFile.write(items, to: path, replacing: true)
        #expect(try bytes(ofFile: path) == first)
        #expect(throws: FileError.self) {
            try NumPyFile.write(items, to: path, replacing: false)
        }
    }

    private func array(_ header: String, data count: Int = 8, version: UInt8 = 1) throws -> String {
        let length =
            version == 1 ? le(UInt16(header.utf8.count)) : le(UInt32(header.utf8.count))
        return try folder.write(
            NumPyHeader.magic + [version, 0] + length + Array(header.utf8)
                + Array(repeating: 0, count: count), as: "a.npy")
    }

    @Test(arguments: [UInt8(1), 2, 3])
    func everyVersionIsRead(version: UInt8) throws {
        let header = "{\"shape\": (2,), 'descr':'<f4','fortran_order':False}   \n"
        let file = try NumPyFile(path: array(header, version: version))
        #expect(file.arrays.first?.shape == [2])
    }

    @Test(arguments: [
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n",
            "needs 12 bytes, but has 8"
        ),
        ("{'descr': '<f4', 'fortran_order': False, }", "is missing"),
        ("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", "or twice"),
        ("{'descr': '<f4', 'fortran_order': 0, 'shape': (2,), }", "'False' is wanted at byte 34"),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2, -1), }", "a size is wanted"),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }",
            "overflows 64 bits"
        ),
        (
            "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,), }",
            "a size is wanted"
        ),
        ("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), } x", "the end is wanted"),
        ("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (2,), }", "records"),
        ("{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", "'<c8'"),
        ("{", "a string is wanted"), ("", "'{' is wanted"),
    ])
    func malformedHeadersAreNamed(header: String, reason: String) throws {
        let path = try array(header)
        let error = try #require(throws: NumPyError.self) { try NumPyFile(path: path) }
        #expect(error.description.contains(reason), "\(error)")
        #expect(error.description.hasPrefix(path + ": the array"))
    }

    @Test func otherVersionsAndLongHeadersAreRefused() throws {
        #expect(throws: NumPyError.self) { try NumPyFile(path: array("{}", version: 4)) }
        let long = NumPyHeader.magic + [2, 0] + le(UInt32.max)
        let path = try folder.write(long, as: "long.npy")
        let error = try #require(throws: NumPyError.self) { try NumPyFile(path: path) }
        #expect(error.description.contains("4294967295"))
    }

    // MARK: - Archives

    @Test func aChecksumThatIsWrongIsRefused() throws {
        for name in ["stored.npz", "deflated.npz"] {
            var data = try bytes(ofFile: Self.fixture(name))
            // The checksum of the first entry, in the directory.
            let mark = try #require(
                data.indices.first { data[$0...].starts(with: [0x50, 0x4B, 1, 2]) })
            data[mark + 16] ^= 1
            let path = try folder.write(data, as: name)
            let error = try #require(throws: ZipError.self) { try NumPyFile(path: path) }
            #expect(error.description.contains("'1.npy' has CRC-32"), "\(error)")
        }
    }

    /// Every field of the directory, and the end, set to what it cannot be.
    @Test(arguments: ["stored.npz", "deflated.npz"])
    func changedDirectoriesAreRefusedOrReadTheSame(name: String) throws {
        let whole = try bytes(ofFile: Self.fixture(name))
        let mark = try #require(
            whole.indices.first { whole[$0...].starts(with: [0x50, 0x4B, 1, 2]) })
        for place in mark..<whole.count {
            for value in [UInt8(0), 0x7F, 0xFF] where whole[place] != value {
                var data = whole
                data[place] = value
                let path = try folder.write(data, as: name)
                do {
                    for array in try NumPyFile(path: path).arrays { _ = try array.values() }
                } catch let error as any Failure {
                    #expect(error.description.hasPrefix(path))
                }
            }
        }
    }

    @Test func cutArchivesAreRefused() throws {
        let whole = try bytes(ofFile: Self.fixture("stored.npz"))
        for length in [4, 21, 22, 100, whole.count - 1] {
            let path = try folder.write(Array(whole.prefix(length)), as: "cut.npz")
            let error = try #require(throws: ZipError.self) { try NumPyFile(path: path) }
            #expect(error.problem == .noDirectory(fileSize: length))
        }
    }

    /// A small file whose entries announce more than they can hold, or share their bytes.
    @Test func whatWouldExpandWithoutBoundIsRefused() throws {
        let whole = try bytes(ofFile: Self.fixture("deflated.npz"))
        let marks = whole.indices.filter { whole[$0...].starts(with: [0x50, 0x4B, 1, 2]) }
        var large = whole
        large.replaceSubrange(marks[0] + 24..<marks[0] + 28, with: le(UInt32(100_000_000)))
        let error = try #require(throws: ZipError.self) {
            try NumPyFile(path: folder.write(large, as: "large.npz"))
        }
        #expect(error.description.contains("announces 100000000 bytes"))
        var shared = whole
        shared.replaceSubrange(
            marks[1] + 16..<marks[1] + 28, with: whole[marks[0] + 16..<marks[0] + 28])
        shared.replaceSubrange(marks[1] + 42..<marks[1] + 46, with: le(UInt32(0)))
        let overlap = try #require(throws: ZipError.self) {
            try NumPyFile(path: folder.write(shared, as: "shared.npz"))
        }
        #expect(overlap.description.contains("begins at 0"))
    }

    @Test func archivesOfOtherThingsAreNamed() throws {
        var data = try bytes(ofFile: Self.fixture("stored.npz"))
        for place in data.indices where data[place...].starts(with: Array("1.npy".utf8)) {
            data.replaceSubrange(place..<place + 5, with: Array("d.pkl".utf8))
        }
        let path = try folder.write(data, as: "weights.pt")
        let error = try #require(throws: NumPyError.self) { try NumPyFile(path: path) }
        #expect(error.description.contains("'d.pkl' is none"))
        #expect(try CheckpointContent.of(path) == .model)
        #expect(try CheckpointContent.of(Self.fixture("stored.npz")) == .steeringVector)
    }
}
