import Formats
import Foundation

@testable import Transformer

/// The decoder once more, without cleverness: one token and one head at a time, in Double, no cache.
struct DecoderTwin {
    let model: SmallModel
    /// Arrays (tokens, width) named as `Trace` names them.
    private(set) var arrays: [String: [Float]] = [:]

    init(_ model: SmallModel, tokens: [Int], interventions: [Intervention] = []) {
        self.model = model
        let sizes = model.configuration.sizes
        let embedding = matrix(WeightRole(.tokenEmbedding))
        var stream = tokens.map { token in
            (0..<sizes.hiddenSize).map { Double(embedding.values[token * sizes.hiddenSize + $0]) }
        }
        func visit(_ site: Site, _ block: Int, _ name: String) {
            for intervention in interventions
            where intervention.site == site && intervention.block == block {
                stream = stream.map { Self.change($0, intervention) }
            }
            arrays[name] = stream.flatMap { $0 }.map(Float.init)
        }
        func added(_ update: [[Double]], _ site: Site, _ block: Int) -> [[Double]] {
            let own = interventions.filter { $0.site == site && $0.block == block }
            return own.reduce(update) { update, one in
                update.map { Self.changeOutput($0, one) }
            }
        }
        stream = added(stream, .embed, 0)
        visit(.embed, 0, "embed")
        for block in 0..<sizes.blockCount {
            add(added(attention(block, stream), .residMid, block), to: &stream)
            visit(.residMid, block, "resid_mid.\(block)")
            let update = stream.map { feedForward(block, $0) }
            add(added(update, .residPost, block), to: &stream)
            visit(.residPost, block, "resid_post.\(block)")
        }
        let head = sizes.tiesEmbeddings ? WeightRole(.tokenEmbedding) : WeightRole(.output)
        let logits = stream.map { multiply(head, norm($0, WeightRole(.outputNorm))) }
        arrays["logits"] = logits.flatMap { $0 }.map(Float.init)
    }

    private static func change(_ row: [Double], _ intervention: Intervention) -> [Double] {
        let strength = Double(intervention.strength)
        let vector = intervention.vector.map(Double.init)
        switch intervention.operation {
        case .add:
            return zip(row, vector).map { $0 + strength * $1 }
        case .ablate:
            let projection = zip(row, vector).reduce(0) { $0 + $1.0 * $1.1 }
            let square = vector.reduce(0) { $0 + $1 * $1 }
            return zip(row, vector).map { $0 - strength * projection / square * $1 }
        case .scale:
            return row.map { $0 * strength }
        case .scaleOutput, .ablateOutput:
            return row
        }
    }

    private static func changeOutput(_ row: [Double], _ intervention: Intervention) -> [Double] {
        var own = intervention
        switch intervention.operation {
        case .scaleOutput: (own.operation, own.strength) = (.scale, 1 + own.strength)
        case .ablateOutput: own.operation = .ablate
        default: return row
        }
        return change(row, own)
    }

    private func attention(_ block: Int, _ stream: [[Double]]) -> [[Double]] {
        let sizes = model.configuration.sizes
        let normed = stream.map { norm($0, .block(block, .attentionNorm)) }
        let queries = normed.enumerated().map {
            rotate(project(block, .attentionQuery, $1), position: $0)
        }
        let keys = normed.enumerated().map {
            rotate(project(block, .attentionKey, $1), position: $0)
        }
        let values = normed.map { project(block, .attentionValue, $0) }
        let group = sizes.headCount / sizes.keyValueHeadCount
        let size = sizes.headSize
        return queries.enumerated().map { position, query in
            var output: [Double] = []
            for head in 0..<sizes.headCount {
                let own = Array(query[head * size..<(head + 1) * size])
                let shared = head / group * size..<(head / group + 1) * size
                let scores = (0...position).map { seen in
                    zip(own, keys[seen][shared]).reduce(0) { $0 + $1.0 * $1.1 }
                        / Double(size).squareRoot()
                }
                let weights = scores.map { exp($0 - (scores.max() ?? 0)) }
                let total = weights.reduce(0, +)
                output += shared.map { column in
                    (0...position).reduce(0) { $0 + weights[$1] / total * values[$1][column] }
                }
            }
            return project(block, .attentionOutput, output)
        }
    }

    private func feedForward(_ block: Int, _ row: [Double]) -> [Double] {
        let normed = norm(row, .block(block, .feedForwardNorm))
        let gate = project(block, .feedForwardGate, normed)
        let up = project(block, .feedForwardUp, normed)
        return project(block, .feedForwardDown, zip(gate, up).map { $0 / (1 + exp(-$0)) * $1 })
    }

    private func rotate(_ row: [Double], position: Int) -> [Double] {
        let sizes = model.configuration.sizes
        let pairs = sizes.rope.dimensions / 2
        var result = row
        for head in 0..<row.count / sizes.headSize {
            for pair in 0..<pairs {
                let angle =
                    Double(position)
                    * pow(sizes.rope.base, -2 * Double(pair) / Double(sizes.rope.dimensions))
                let start = head * sizes.headSize
                let (first, second) =
                    model.configuration.ropePairing == .halves
                    ? (start + pair, start + pair + pairs)
                    : (start + 2 * pair, start + 2 * pair + 1)
                result[first] = row[first] * cos(angle) - row[second] * sin(angle)
                result[second] = row[second] * cos(angle) + row[first] * sin(angle)
            }
        }
        return result
    }

    private func norm(_ row: [Double], _ role: WeightRole) -> [Double] {
        let mean = row.reduce(0) { $0 + $1 * $1 } / Double(row.count)
        let scale = 1 / (mean + Double(model.configuration.sizes.normEpsilon)).squareRoot()
        return zip(row, model.vectors[role] ?? []).map { $0 * scale * Double($1) }
    }

    private func project(_ block: Int, _ slot: BlockSlot, _ row: [Double]) -> [Double] {
        let product = multiply(.block(block, slot), row)
        guard let bias = model.vectors[.block(block, slot, .bias)] else { return product }
        return zip(product, bias).map { $0 + Double($1) }
    }

    private func multiply(_ role: WeightRole, _ row: [Double]) -> [Double] {
        let matrix = matrix(role)
        return (0..<matrix.rows).map { output in
            (0..<matrix.columns).reduce(0) {
                $0 + Double(matrix.values[output * matrix.columns + $1]) * row[$1]
            }
        }
    }

    private func matrix(_ role: WeightRole) -> SmallModel.Matrix {
        model.matrices[role] ?? SmallModel.Matrix(rows: 0, columns: 0, values: [])
    }

    private func add(_ update: [[Double]], to stream: inout [[Double]]) {
        stream = zip(stream, update).map { zip($0, $1).map(+) }
    }
}
