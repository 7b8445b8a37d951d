import Elements
import Foundation
import TestSupport
import Testing

@testable import Formats

/// Packed weights whose codes and scales are the blocks of a GGUF type get into GGUF files as they are.
@Suite struct FourBitBlocksTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
    }

    // MARK: - Single layers

    @Test(arguments: PackingFixture.all)
    func blocksHoldTheValues(fixture: PackingFixture) throws {
        let type: ElementType? =
            fixture.name.hasSuffix("nvfp4")
            ? .nvfp4 : fixture.name.hasSuffix("mxfp4") ? .mxfp4 : nil
        for weight in try fixture.open().tensors {
            guard let packed = weight.packed else { continue }
            #expect(packed.blockType == type)
            guard type != nil else { continue }
            let (found, expected) = (try Self.values(ofBlocks: packed), try weight.values())
            // A factor is one rounding, a divisor another.
            let bound: Float = fixture.name == "ct-nvfp4" ? 0x1p-23 : 0
            for (own, wanted) in zip(found, expected) {
                #expect(abs(own - wanted) <= bound * abs(wanted))
            }
        }
    }

    @Test func negativeScalesTurnTheCodes() throws {
        let model = try Self.copy("modelopt-nvfp4", in: folder) { bytes in
            for index in stride(from: 0, to: bytes.count, by: 3) { bytes[index] |= 0x80 }
        }
        let weight = try #require(model.tensors.first { $0.packed != nil })
        let packed = try #require(weight.packed)
        #expect(try weight.values().contains { $0 < 0 })
        #expect(try Self.values(ofBlocks: packed) == weight.values())
    }

    @Test(arguments: [("modelopt-nvfp4", UInt8(0x7F)), ("modelopt-nvfp4", 0xFF), ("mxfp4", 0xFF)])
    func scalesThatAreNoNumbersAreRefused(name: String, scale: UInt8) throws {
        let model = try Self.copy(name, in: folder) { $0[1] = scale }
        let packed = try #require(model.tensors.lazy.compactMap(\.packed).first)
        let type = try #require(packed.blockType)
        let first = type == .nvfp4 ? 16 : 32
        #expect(throws: QuantizationError.notFinite(type: type, index: first)) {
            _ = try Self.values(ofBlocks: packed)
        }
    }

    private static func copy(
        _ name: String, in folder: TemporaryFolder, _ change: (inout [UInt8]) -> Void
    ) throws -> Checkpoint {
        try PackingFixture(name: name).copy(
            in: folder,
            tensors: { tensors in
                for index in tensors.indices
                where tensors[index].description.name.hasSuffix("_scale")
                    || tensors[index].description.name.hasSuffix("_scales")
                {
                    guard tensors[index].bytes.count > 4 else { continue }
                    change(&tensors[index].bytes)
                }
            })
    }

    /// The values of a weight's blocks as a GGUF file's reader makes them.
    private static func values(ofBlocks packed: PackedTensor) throws -> [Float] {
        let type = try #require(packed.blockType)
        let size = try #require(type.byteCount(elements: packed.columns))
        let rows = packed.shape.dropLast().reduce(1, *)
        var row = [UInt8](repeating: 0, count: size)
        return try (0..<rows).flatMap { index in
            try row.withUnsafeMutableBytes { try packed.writeBlocks(row: index, to: $0) }
            let values = try [Float](filling: packed.columns) { values in
                try row.withUnsafeBytes { try Dequantizer.widen($0, type: type, into: values) }
            }
            return values.map { $0 * packed.blockFactor }
        }
    }

    // MARK: - Whole models

    private static let families = ["llama", "mixtral", "gemma2"]

    @Test(arguments: families, [ElementType.nvfp4, .mxfp4])
    func aModelKeepsThemInGGUF(family: String, type: ElementType) throws {
        let packed = try Self.write(family, type, to: folder)
        let written = try folder.write(packed, as: "own.gguf")
        var kept = 0
        for tensor in written.tensors {
            guard let role = tensor.role, role.part == .weight, role.block != nil else { continue }
            let sources = tensor.shape.count > 2 ? tensor.matrices.compactMap(\.role) : [role]
            let values = try sources.flatMap { try Self.rows(of: packed.tensor($0)) }
            #expect(try Self.rows(of: tensor) == values, "\(tensor.name)")
            let isPacked = sources.contains { packed.tensor($0)?.packed != nil }
            let isScaled = family != "gemma2" || !role.description.contains("feedForward")
            #expect(tensor.type == (isPacked && (isScaled || type == .mxfp4) ? type : .f32))
            if tensor.type == type { kept += 1 }
            let scale = written.tensor(WeightRole(role.slot, .scale))
            #expect((scale != nil) == (tensor.type == .nvfp4), "\(tensor.name)")
            let count = tensor.shape.count > 2 ? tensor.shape[0] : 1
            #expect(scale.map { $0.shape == [count] } ?? true)
        }
        #expect(kept > 0)
        #expect(Self.fileType(of: written) == (type == .nvfp4 ? 39 : 38))
    }

    @Test func anEditedMatrixIsWrittenInF32() throws {
        let packed = try Self.write("llama", .nvfp4, to: folder)
        let role = WeightRole.block(1, .feedForwardDown)
        let written = try folder.write(packed, [.multiply(role, by: 2)], as: "own.gguf")
        let (own, source) = (try #require(written.tensor(role)), try #require(packed.tensor(role)))
        #expect(own.type == .f32 && written.tensor(WeightRole(role.slot, .scale)) == nil)
        #expect(try own.values() == source.values().map { 2 * $0 })
        #expect(written.tensor(.block(0, .feedForwardDown))?.type == .nvfp4)
    }

    @Test func anotherTypeLeavesNoScales() throws {
        let packed = try Self.write("llama", .nvfp4, to: folder)
        let written = try folder.write(packed, [.types(.plain(.f16))], as: "own.gguf")
        #expect(!written.tensors.contains { $0.role?.part == .scale || $0.type == .nvfp4 })
    }

    @Test func theSameTypeAskedForQuantisesNothingTwice() throws {
        let packed = try Self.write("llama", .nvfp4, to: folder)
        let policy = try #require(TypePolicy(named: "nvfp4"))
        let plan = try OutputPlan(source: packed, edits: [.types(policy)], format: .gguf)
        #expect(!plan.notes.contains { $0.contains("anew") })
        let written = try folder.write(packed, [.types(policy)], as: "own.gguf")
        let role = WeightRole.block(1, .attentionQuery)
        #expect(try Self.rows(of: written.tensor(role)) == Self.rows(of: packed.tensor(role)))
    }

    /// The values in the weight's own order.
    private static func rows(of weight: WeightTensor?) throws -> [Float] {
        let weight = try #require(weight)
        let (values, columns) = (try weight.values(), weight.shape.last ?? 1)
        guard weight.form.rows != .same else { return values }
        return (0..<(values.count / columns)).flatMap { row in
            let source = weight.form.rows.source(of: row)
            return values[(source * columns)..<((source + 1) * columns)]
        }
    }

    private static func fileType(of model: Checkpoint) -> Int? {
        guard case .gguf(let file) = model.source else { return nil }
        return file.metadata["general.file_type"]?.integer
    }

    /// A small model whose projections are random codes and scales, packed by compressed-tensors or as gpt-oss is.
    private static func write(
        _ family: String, _ type: ElementType, to folder: TemporaryFolder
    ) throws -> Checkpoint {
        let path = folder.path("packed")
        _ = try WideFamily.write(family, to: folder, as: "packed")
        var generator = SeededGenerator(seed: 5)
        func bytes(_ count: Int, _ range: ClosedRange<UInt8>) -> [UInt8] {
            (0..<count).map { _ in .random(in: range, using: &generator) }
        }
        var stored: [StoredBytes] = []
        for tensor in try SafetensorsFile(path: path + "/model.safetensors").tensors {
            let isProjection = tensor.shape.count == 2 && !tensor.name.contains("embed")
            guard isProjection, !tensor.name.contains("lm_head"),
                !tensor.name.hasSuffix("gate.weight")
            else {
                stored.append((tensor.description, tensor.bytes.withUnsafeBytes { Array($0) }))
                continue
            }
            let (rows, columns) = (tensor.shape[0], tensor.shape[1])
            let group = type == .nvfp4 ? 16 : 32
            func add(_ suffix: String, _ type: ElementType, _ shape: [Int], _ bytes: [UInt8]) {
                let name = String(tensor.name.dropLast("weight".count)) + suffix
                stored.append((TensorDescription(name: name, type: type, shape: shape), bytes))
            }
            add("weight_packed", .u8, [rows, columns / 2], bytes(rows * columns / 2, 0...255))
            add(
                "weight_scale", type == .nvfp4 ? .f8E4M3 : .u8, [rows, columns / group],
                bytes(rows * columns / group, type == .nvfp4 ? 8...0x7E : 117...124))
            guard type == .nvfp4 else { continue }
            // A power of two divides without rounding.
            add("weight_global_scale", .f32, [1], le(Float(4096).bitPattern))
            add("input_global_scale", .f32, [1], le(Float(8).bitPattern))
        }
        try FamilyFixture.writeWeights(stored, to: path + "/model.safetensors")
        try declare(type, in: path + "/config.json")
        return try Checkpoint.open(path)
    }

    private static func declare(_ type: ElementType, in file: String) throws {
        let format = type == .nvfp4 ? "nvfp4-pack-quantized" : "mxfp4-pack-quantized"
        let strategy = type == .nvfp4 ? "tensor_group" : "group"
        let size = type == .nvfp4 ? 16 : 32
        let declaration =
            #"{"quant_method": "compressed-tensors", "format": "\#(format)", "ignore": ["lm_head"], "#
            + #""config_groups": {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 4, "#
            + #""type": "float", "symmetric": true, "strategy": "\#(strategy)", "group_size": \#(size)}}}}"#
        let text = try String(contentsOfFile: file, encoding: .utf8)
        let changed = text.replacing(
            "{", with: "{\"quantization_config\": \(declaration),", maxReplacements: 1)
        try Data(changed.utf8).write(to: URL(fileURLWithPath: file))
    }
}
