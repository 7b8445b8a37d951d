import Foundation

/// A low-rank update whose rows are put together from a bank of vectors that all modules share (VB-LoRA, arXiv
/// 2405.15179): each piece is the sum of the vectors with the largest logits, weighted by their softmax.
struct VBLoRA: PEFTMethod {
    static let kind = "VBLORA"
    static let parts = ["A", "B"].flatMap { half in
        ["", "_topk_indices", "_topk_weights"].map { "vblora_logits_\(half)\($0)" }
    }
    static let sharedParts = ["vblora_vector_bank"]
    static let keys: Set<String> = [
        "fan_in_fan_out", "init_logits_std", "init_vector_bank_bound", "num_vectors", "r",
        "save_only_topk_weights", "topk", "vblora_dropout", "vector_length",
    ]
    static let takesTransposed = true

    private let rank: Int
    /// How many vectors a piece has.
    private let count: Int

    init(_ keys: PEFTKeys) throws(AdapterError) {
        rank = try keys.positive("r")
        count = try keys.positive("topk", standard: 2)
    }

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let bank = try module.shared(Self.sharedParts[0], dimensions: 2)
        let length = bank.shape[1]
        let (rows, columns) = (module.outputs / length, module.inputs / length)
        guard module.outputs % length == 0, module.inputs % length == 0, bank.shape[0] >= count
        else {
            throw AdapterError.unsupportedTensor(
                file: module.file, tensor: module.names.inFile,
                reason: "cannot be put together from \(bank.shape[0]) vectors of \(length)")
        }
        // (rank, pieces) pieces are the rows of A as they are; those of B are its columns.
        let a = try pieces("vblora_logits_A", [rank, columns], of: module, bank)
        let pieces = try pieces("vblora_logits_B", [rows, rank], of: module, bank)
        var b = [Float](repeating: 0, count: pieces.count)
        for piece in 0..<(rows * rank) {
            let (row, step) = piece.quotientAndRemainder(dividingBy: rank)
            for index in 0..<length {
                b[(row * length + index) * rank + step] = pieces[piece * length + index]
            }
        }
        return ModuleChange(.update(rank: rank, a: a, b: b, scale: 1))
    }

    private func pieces(
        _ part: String, _ shape: [Int], of module: PEFTModule, _ bank: PEFTModule.SharedValues
    ) throws -> [Float] {
        let length = bank.shape[1]
        var values: [Float] = []
        for choice in try choices(part, shape, of: module, vectors: bank.shape[0]) {
            var sum = [Float](repeating: 0, count: length)
            for (vector, weight) in choice {
                for index in 0..<length {
                    sum[index] += weight * bank.values[vector * length + index]
                }
            }
            values += sum
        }
        return values
    }

    private typealias Choice = [(vector: Int, weight: Float)]

    /// The vectors of each piece.
    private func choices(
        _ part: String, _ shape: [Int], of module: PEFTModule, vectors: Int
    ) throws -> [Choice] {
        let pieces = shape[0] * shape[1]
        if module.has(part) {
            let logits = try module.values(part, shape + [vectors])
            return (0..<pieces).map { piece in
                largest(Array(logits[(piece * vectors)..<((piece + 1) * vectors)]))
            }
        }
        let indices = try module.indices(part + "_topk_indices", shape + [count], below: vectors)
        let weights = try module.values(part + "_topk_weights", shape + [count - 1])
        return (0..<pieces).map { piece in
            let own = weights[(piece * (count - 1))..<((piece + 1) * (count - 1))]
            // The last weight is what the others leave.
            let all = own + [1 - own.reduce(0, +)]
            return Array(zip(indices[(piece * count)..<((piece + 1) * count)], all))
                .map { (vector: $0.0, weight: $0.1) }
        }
    }

    private func largest(_ logits: [Float]) -> Choice {
        let best = logits.indices.sorted { logits[$0] > logits[$1] }.prefix(count)
        let top = best.first.map { Double(logits[$0]) } ?? 0
        let powers = best.map { exp(Double(logits[$0]) - top) }
        let sum = powers.reduce(0, +)
        return zip(best, powers).map { (vector: $0, weight: Float($1 / sum)) }
    }
}
