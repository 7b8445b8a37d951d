import Formats
import Transformer

/// What vectors that are added come to in the weights: the one rule for every route that adds.
extension [Intervention] {
    /// The sums of all vectors of each block, 0 for site `embed`, each divided by what the model multiplies it by.
    ///
    /// - Parameters:
    ///   - scale: what the model multiplies what the weights make by, before it is the stream.
    ///   - file: the model's path, for errors.
    /// - Throws: `VectorError` where a vector or its block does not fit the model; `TooLargeAddition`.
    func sumsByBlock(
        in numbers: Hyperparameters, dividedBy scale: Double, file: String
    ) throws -> [Int: [Float]] {
        try checkFit(numbers, file: file)
        var sums: [Int: [Float]] = [:]
        for (block, group) in Dictionary(grouping: self, by: \.block).sorted(
            by: { $0.key < $1.key })
        {
            let place = first?.site == .embed ? "to the embeddings" : "in block \(block)"
            let sum = group.sumOfAdditions
            try TooLargeAddition.check(sum, of: "what is added \(place)")
            let held = sum.map { Float(Double($0) / scale) }
            try TooLargeAddition.check(held, of: "what is added \(place) before it is multiplied")
            sums[block] = held
        }
        return sums
    }

    /// - Throws: `VectorError` where a vector or its block does not fit the model.
    func checkFit(_ numbers: Hyperparameters, file: String) throws(VectorError) {
        for intervention in self {
            guard intervention.vector.count == numbers.hiddenSize else {
                throw .wrongWidth(
                    file: file, width: intervention.vector.count, model: numbers.hiddenSize)
            }
            guard (0..<numbers.blockCount).contains(intervention.block) else {
                throw .noSuchBlock(
                    file: file, block: intervention.block, blockCount: numbers.blockCount)
            }
        }
    }
}

/// A sum of vectors that is not finite or that half precision cannot hold: folders are loaded in it and most runtimes compute
/// in it, so that the stream would be infinite, and a stream that large means nothing anyway.
struct TooLargeAddition: Failure, Hashable {
    /// What would hold the sum.
    let place: String
    let index: Int
    let value: Float

    /// The largest value of f16.
    static let limit = Float(Float16.greatestFiniteMagnitude)

    var kind: FailureKind { .unsupported }

    var description: String {
        "\(place) would be \(value) at index \(index), but f16, in which runtimes hold the residual stream, ends at "
            + "\(Self.limit); take a smaller scale"
    }

    static func check(_ values: [Float], of place: String) throws(TooLargeAddition) {
        if let index = values.firstIndex(where: { !(abs($0) <= limit) }) {
            throw TooLargeAddition(place: place, index: index, value: values[index])
        }
    }
}
