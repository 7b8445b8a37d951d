import Formats
import Foundation
import TestSupport
import Testing

@testable import Transformer

/// CRC-32 (IEEE 802.3) of token ids, each as four bytes, the least first.
enum TokenChecksum {
    static func crc32(_ ids: [Int]) -> UInt32 {
        var sum: UInt32 = ~0
        for id in ids {
            withUnsafeBytes(of: UInt32(truncatingIfNeeded: id).littleEndian) { bytes in
                for byte in bytes {
                    sum ^= UInt32(byte)
                    for _ in 0..<8 { sum = sum >> 1 ^ (sum & 1 == 1 ? 0xEDB8_8320 : 0) }
                }
            }
        }
        return ~sum
    }
}

/// A small model, and what transformers computed with it.
struct FamilyReference {
    private let checkpoint: Checkpoint
    private let tensors: [String: StoredTensor]

    /// A weight, and the gradient of the loss in its canonical form.
    struct Weight {
        let name: String
        let role: WeightRole
        let gradient: [Float]
    }

    init(_ family: String) throws {
        let folder = Families.folder(family)
        checkpoint = try Checkpoint.open(folder)
        let file = try SafetensorsFile(path: folder + "/reference.safetensors")
        tensors = Dictionary(
            uniqueKeysWithValues: file.tensors.map { ($0.name, $0) })
    }

    func decoder() throws -> Decoder {
        try Decoder(checkpoint: checkpoint, crew: WorkCrew(threads: 2))
    }

    func values(_ name: String) throws -> [Float] {
        try #require(tensors[name], "\(name) is missing in the reference").values()
    }

    func checksums(_ name: String) throws -> [UInt32] {
        let tensor = try #require(tensors[name], "\(name) is missing in the reference")
        return tensor.bytes.withUnsafeBytes { bytes in
            (0..<bytes.count / 4).map {
                UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * $0, as: UInt32.self))
            }
        }
    }

    func tokens(_ prompt: Int) throws -> [Int] {
        try values("\(prompt).tokens").map { Int($0) }
    }

    /// Every tensor of the language model with its gradient, those of all experts one by one.
    func weights() throws -> [Weight] {
        let architecture = try #require(checkpoint.architecture)
        let carried = Set(checkpoint.carriedTensors.map(\.name))
        return try checkpoint.tensors.filter { tensor in
            switch tensor.role?.slot {
            // No gradient reaches what only chooses, and transformers does not train a block's scale.
            case .block(_, .expertChoiceBias), .block(_, .outputScale): false
            default: !carried.contains(tensor.name)
            }
        }.flatMap { tensor in
            let role = try #require(
                architecture.role(of: tensor.name, in: .safetensors), "\(tensor.name) has no role")
            let gradient = try values("gradient.\(tensor.name)")
            let isOfAll = role.slot.isOfExperts && role.expert == nil
            let count = isOfAll ? tensor.shape[0] : 1
            return try (0..<count).map { expert in
                let size = gradient.count / count
                var own = Array(gradient[expert * size..<(expert + 1) * size])
                if role.part == .weight, tensor.form.isTransposed {
                    own = Self.transposed(own, columns: tensor.description.columns)
                }
                if tensor.form.curve == .negatedPower {
                    // d(−eˣ)/dx is −eˣ, the weight itself.
                    own = zip(own, try tensor.values()).map { $0 / $1 }
                }
                return Weight(
                    name: tensor.name,
                    role: WeightRole(role.slot, role.part, expert: isOfAll ? expert : role.expert),
                    gradient: own)
            }
        }
    }

    /// Takes the loss of make_families.py back.
    ///
    /// - Returns: the loss.
    func backward(into sink: GradientSink) throws -> Double {
        let pass = try GradientPass(decoder())
        let tokens = try tokens(1)
        try pass.forward([DecoderSlice(tokens)])
        let gradients = StreamGradients(pass)
        let last = tokens.count - 1
        let targets = tokens.dropFirst().enumerated().map { row, token in
            LogitTarget(token: token, row: row, weight: 1 / Float(last))
        }
        let losses = pass.lossesOnLogits(targets, gradients: gradients, into: sink)
        let probe = try values("probe").map { $0 / 2 }
        let middle = pass.blocks.count / 2
        gradients.add(probe, at: .residPost, block: middle, row: last)
        let product = pass.withStream(.residPost, block: middle, row: last) { stream in
            probe.indices.reduce(0.0) { $0 + Double(probe[$1]) * Double(stream[$1]) }
        }
        pass.backward(gradients, into: sink)
        return losses.reduce(0, +) / Double(last) + product
    }

    private static func transposed(_ values: [Float], columns: Int) -> [Float] {
        let rows = values.count / columns
        return (0..<values.count).map { values[$0 % rows * columns + $0 / rows] }
    }
}
