import Foundation
import TestSupport
import Testing

@testable import Formats

/// Every family's folder against what llama.cpp's own converter makes of it: Fixtures/Conversion/make_conversion.py says
/// what the files hold. The folders are those of the decoder's tests.
@Suite struct FamilyConversionTests {
    /// All but a second Gemma 2, which differs in what a GGUF file has no place for.
    static let families = Families.convertible.filter { $0 != "gemma2-scaled" }

    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    private func write(_ source: String, _ edits: [CheckpointEdit] = [], as name: String) throws
        -> String
    {
        let path = folder.path(name)
        let plan = try OutputPlan(
            source: try Checkpoint.open(source), edits: edits,
            format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        _ = try CheckpointWriter(crew: WorkCrew(threads: 2)).write(
            plan, to: path, shardLimit: nil, replacing: true)
        return path
    }

    /// The converter writes the ramp's bounds under keys that llama.cpp does not read for a Llama.
    @Test func aYarnWithTheStandardRampBecomesTheConvertersFileButForTheRamp() throws {
        let ramp = [
            "llama.rope.scaling.yarn_beta_fast", "llama.rope.scaling.yarn_beta_slow",
        ]
        var scaling = try #require(
            try FamilyFixture("llama-yarn").open().config?["rope_scaling"]?.object)
        scaling["beta_fast"] = .number(32)
        scaling["beta_slow"] = nil
        let fixture = try FamilyFixture(
            "llama-yarn", in: folder, config: ["rope_scaling": .object(scaling)])
        let path = try write(fixture.path, [.types(.plain(.f32))], as: "model.gguf")
        let expected = try ConverterOutput("llama-yarn", .f32)
        let found = try GGUFFile.open(path)
        #expect(found.tensors.map(Fact.init) == expected.tensors)
        #expect(
            found.metadata.entries.map(Fact.init).filter { !$0.isFreeText }
                == expected.metadata.filter { !ramp.contains($0.name) })
    }

    @Test(arguments: families, [ElementType.f32, .f16])
    func aFolderBecomesTheConvertersFile(_ family: String, type: ElementType) throws {
        let expected = try ConverterOutput(family, type)
        let path = try write(Families.folder(family), [.types(.plain(type))], as: "model.gguf")
        let found = try GGUFFile.open(path)
        let tensors = found.tensors.map(Fact.init)
        #expect(tensors.map(\.name) == expected.tensors.map(\.name))
        for fact in expected.tensors {
            #expect(tensors.first { $0.name == fact.name } == fact)
        }
        let metadata = found.metadata.entries.map(Fact.init).filter { !$0.isFreeText }
        #expect(metadata.map(\.name) == expected.metadata.map(\.name))
        for fact in expected.metadata {
            #expect(metadata.first { $0.name == fact.name } == fact)
        }
        if type == .f16 {
            let equal = expected.tensors.count(where: tensors.contains)
            let told = expected.metadata.count(where: metadata.contains)
            try Families.record(
                family, .toGGUF,
                "\(equal) of \(expected.tensors.count) tensors, \(told) of \(expected.metadata.count) keys"
            )
        }
    }

    @Test(arguments: families)
    func thereAndBackGivesTheFoldersTensors(_ family: String) throws {
        let there = try write(Families.folder(family), as: "model.gguf")
        let found = try Checkpoint.open(try write(there, as: "back"))
        let expected = try Checkpoint.open(Families.folder(family))
        // The folder of a text decoder alone has the family's own names.
        let architecture = try #require(expected.architecture?.named(.own))
        let numbers = try expected.hyperparameters()
        let tensors =
            expected.tensors.filter { $0.role != nil || expected.wrapper == nil }
            + expected.prediction.weights
        func name(_ tensor: WeightTensor) -> String? {
            tensor.role.flatMap { architecture.folderName(of: $0, numbers) }
        }
        #expect(found.tensors.map(\.name).sorted() == tensors.compactMap(name).sorted())
        var identical = 0
        for tensor in tensors {
            let other = try #require(
                (found.tensors.filter { $0.role != nil } + found.prediction.weights)
                    .first { $0.name == name(tensor) })
            #expect(other.type == tensor.type && other.shape == tensor.shape)
            if other.bytes.withUnsafeBytes({ Array($0) })
                == tensor.bytes.withUnsafeBytes({ Array($0) })
            {
                identical += 1
            }
            let rule = tensor.role.flatMap { architecture.rule(for: $0.slot) }
            // What 1 is added to loses its low bits; the sums come back as they were.
            let values = try tensor.values().map {
                rule?.transform == .plusOne ? ($0 - 1) + 1 : $0
            }
            #expect(
                try other.values().map(\.bitPattern) == values.map(\.bitPattern), "\(tensor.name)")
        }
        try Families.record(family, .toHuggingFace, "\(identical) of \(tensors.count) tensors")
    }
}

/// One line of a GGUF file's directory: a tensor, or a metadata entry.
private struct Fact: Equatable {
    let name: String
    let type: String
    /// A tensor's shape, the contiguous dimension first; an array's length; empty for single values.
    var shape: [Int] = []
    /// A single value as text, or the SHA-256 of a tensor or an array.
    let content: String

    /// Texts about the model are not for programs to rely on.
    var isFreeText: Bool {
        type == "string" && name.hasPrefix("general.") && name != "general.architecture"
    }
}

extension Fact {
    init(_ tensor: StoredTensor) {
        name = tensor.description.name
        type = tensor.description.type.name
        shape = tensor.description.shape.reversed()
        content = tensor.bytes.withUnsafeBytes { bytes in
            var hash = SHA256()
            hash.update(bytes)
            return hash.hexDigest()
        }
    }

    init(_ entry: GGUFMetadata.Entry) {
        name = entry.key
        switch entry.value {
        case .u8(let value): (type, content) = ("u8", "\(value)")
        case .i8(let value): (type, content) = ("i8", "\(value)")
        case .u16(let value): (type, content) = ("u16", "\(value)")
        case .i16(let value): (type, content) = ("i16", "\(value)")
        case .u32(let value): (type, content) = ("u32", "\(value)")
        case .i32(let value): (type, content) = ("i32", "\(value)")
        case .u64(let value): (type, content) = ("u64", "\(value)")
        case .i64(let value): (type, content) = ("i64", "\(value)")
        case .f32(let value): (type, content) = ("f32", "\(value)")
        case .f64(let value): (type, content) = ("f64", "\(value)")
        case .bool(let value): (type, content) = ("bool", "\(value)")
        case .string(let value): (type, content) = ("string", value.text)
        case .array(let array):
            let elements = Self.elements(array)
            (type, shape) = ("[\(elements.type)]", [elements.count])
            content = elements.bytes.withUnsafeBytes { bytes in
                var hash = SHA256()
                hash.update(bytes)
                return hash.hexDigest()
            }
        }
    }

    /// An array's element type, its length, and its elements as a GGUF file has them.
    private static func elements(_ array: GGUFArray) -> (type: String, count: Int, bytes: [UInt8]) {
        func plain<Value>(_ type: String, _ values: [Value]) -> (String, Int, [UInt8]) {
            (type, values.count, values.withUnsafeBytes { Array($0) })
        }
        switch array {
        case .u8(let values): return plain("u8", values)
        case .i8(let values): return plain("i8", values)
        case .u16(let values): return plain("u16", values)
        case .i16(let values): return plain("i16", values)
        case .u32(let values): return plain("u32", values)
        case .i32(let values): return plain("i32", values)
        case .u64(let values): return plain("u64", values)
        case .i64(let values): return plain("i64", values)
        case .f32(let values): return plain("f32", values)
        case .f64(let values): return plain("f64", values)
        case .bool(let values): return plain("bool", values)
        case .strings(let values):
            return ("string", values.count, values.flatMap { le(UInt64($0.count)) + $0 })
        }
    }
}

/// What llama.cpp's converter wrote.
private struct ConverterOutput {
    let tensors: [Fact]
    let metadata: [Fact]

    init(_ family: String, _ type: ElementType) throws {
        let path =
            try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil)).path
            + "/Conversion/\(family).json"
        let root = try JSONReader.parse(try bytes(ofFile: path), source: path)
        let file = try #require(root.object?[type.name]?.object)
        tensors = try #require(file["tensors"]?.array).map { value in
            let tensor = try #require(value.object)
            return Fact(
                name: try #require(tensor["name"]?.string),
                type: try #require(tensor["type"]?.string).lowercased(),
                shape: try #require(tensor["shape"]?.array).compactMap(\.integer),
                content: try #require(tensor["sha256"]?.string))
        }
        metadata = try #require(file["metadata"]?.array).map { value in
            let entry = try #require(value.object)
            let (key, kind) = (
                try #require(entry["key"]?.string), try #require(entry["type"]?.string)
            )
            if let count = entry["count"]?.integer {
                return Fact(
                    name: key, type: kind, shape: [count],
                    content: try #require(entry["sha256"]?.string))
            }
            return Fact(name: key, type: kind, content: try Self.text(entry["value"], kind))
        }.filter { !$0.isFreeText }
    }

    private static func text(_ value: JSONValue?, _ kind: String) throws -> String {
        switch kind {
        case "string": try #require(value?.string)
        case "bool": "\(try #require(value?.bool as Bool?))"
        case "f32": "\(Float(try #require(value?.number)))"
        case "f64": "\(try #require(value?.number))"
        default: "\(try #require(value?.integer))"
        }
    }
}
