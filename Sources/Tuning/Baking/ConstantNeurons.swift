import Formats
import Glibc

/// Neurons of a gated feed-forward part whose sum is one number at every position, 2^`exponent`.
///
/// With a(z) = z · s(z) and s(z) + s(−z) = 1, as of SiLU and both GELUs, two neurons with gate rows ±g and up rows ±u of one
/// coordinate give a(gz)·uz + a(−gz)·(−uz) = g·u·z². A norm makes the sum of squares a constant. RMS: with z = γ x̂ the
/// products g·u = 2^k / (d·γ²) give Σ x̂² · 2^k / d = 2^k · ms / (ms + ε). LayerNorm: with z = γ x̂ + β and b = β / γ they
/// give 2^k / d · (Σ x̂² + 2 b·x̂ + |b|²), and Σ x̂ = 0, so that the row r = t / γ sees the constant t · Σ b. A neuron with
/// it as its gate passes its up row on unchanged, which takes 2 b·x̂ + |b|² away again.
struct ConstantNeurons: Sendable {
    /// What the type of a projection keeps.
    struct Tables {
        var gate: SingleValues
        var up: SingleValues
        let down: SingleValues
    }

    /// What stands before the feed-forward part.
    struct Norm {
        let name: String
        let gain: [Float]
        /// Of LayerNorm.
        let bias: [Float]?
    }

    /// The sum is 2 to this power; the down columns hold the vector divided by it.
    let exponent: Int
    /// The positive rows' one number, by coordinate.
    let gates: [Float]
    let ups: [Float]
    /// The rows of the neuron that takes the norm's bias away.
    private(set) var linear: (gate: [Float], up: [Float])?
    /// How far the sum is from what it should be, in parts of it, by what the types make of the rows.
    private(set) var error: Double

    /// How many neurons count: a pair for each coordinate; the linear one has a place after them.
    var pairedCount: Int { 2 * gates.count }

    /// The largest error that is no mistake.
    private static let mostError = 0x1p-7
    /// Gate inputs of a usual size: there every activation is 0 or passes its input on, so that tables of GELU cost
    /// nothing, and outliers stay in f16.
    private static let gateExponent = 6
    /// The largest sum: a token whose energy is all in one coordinate has it in one neuron.
    private static let mostExponent = 10

    /// - Parameters:
    ///   - largest: of the vector's numbers.
    ///   - types: of gate and up, for rows that are not of one number.
    /// - Throws: `WidenRoute.Refusal` where a coordinate cannot be seen through the norm or the types are too coarse.
    init(
        _ norm: Norm, largest: Float, tables: inout Tables,
        types: (gate: ElementType, up: ElementType)
    ) throws(WidenRoute.Refusal) {
        let width = norm.gain.count
        if let index = norm.gain.firstIndex(where: { !$0.isNormal }) {
            throw .zeroGain(norm: norm.name, index: index, value: norm.gain[index])
        }
        let middle = norm.gain.map(abs).sorted()[width / 2]
        exponent = Self.exponent(
            width: width, gain: middle, largest: largest, tables)
        error = 0
        var (gates, ups): ([Float], [Float]) = ([], [])
        let sum = Double(Float.power(exponent))
        for (index, gain) in norm.gain.enumerated() {
            let target = sum / (Double(width) * Double(gain) * Double(gain))
            guard
                let (gate, up) = Self.factors(
                    of: target, gain: gain, at: index, &tables, types)
            else {
                if abs(gain) < 0x1p-16 {
                    throw .zeroGain(norm: norm.name, index: index, value: gain)
                }
                throw .coarse(norm: norm.name, types: [types.gate, types.up], error: 1)
            }
            gates.append(gate)
            ups.append(up)
            error = max(error, abs(Double(gate) * Double(up) / target - 1))
        }
        (self.gates, self.ups) = (gates, ups)
        guard Self.areKept(gates, as: types.gate), Self.areKept(ups, as: types.up) else {
            throw .coarse(norm: norm.name, types: [types.gate, types.up], error: 1)
        }
        if let bias = norm.bias, bias.contains(where: { $0 != 0 }) {
            try addLinear(norm, bias, types)
        }
        guard error <= Self.mostError else {
            throw .coarse(norm: norm.name, types: [types.gate, types.up], error: error)
        }
    }

    /// The power of two that the sum is to be: as large as leaves the down columns, of which the largest holds `largest`,
    /// six octaves above where their type rounds more, and what gate and up lack for their types halfway into that.
    private static func exponent(
        width: Int, gain: Float, largest: Float, _ tables: Tables
    ) -> Int {
        let size = largest > 0 ? Int(largest.exponent) : 0
        let most = min(mostExponent, size - tables.down.lowestExponent - 6)
        let product = Double(most) - log2(Double(width)) - 2 * log2(Double(gain).magnitude)
        let lowest = tables.gate.lowestExponent + tables.up.lowestExponent
        let lack = Double(lowest) - product
        return lack > 0 ? min(mostExponent, most + Int((lack / 2).rounded(.up))) : most
    }

    /// Two numbers that the types keep in a column, with the product next to a target.
    private static func factors(
        of target: Double, gain: Float, at index: Int, _ tables: inout Tables,
        _ types: (gate: ElementType, up: ElementType)
    ) -> (gate: Float, up: Float)? {
        guard target.isFinite, target > 0 else { return nil }
        let product = Int(target.exponent)
        let (lowGate, lowUp) = (tables.gate.lowestExponent, tables.up.lowestExponent)
        var exponent = gateExponent - Int(gain.exponent)
        exponent = min(exponent, product - lowUp)
        if exponent < lowGate { exponent = (product + lowGate - lowUp) / 2 }
        exponent = min(exponent, tables.gate.highestExponent)
        exponent = max(exponent, product - tables.up.highestExponent)
        guard exponent <= tables.gate.highestExponent else { return nil }
        let octave = tables.gate.octave(exponent)
        var found: [(gate: Float, up: Float, error: Double)] = []
        for gate in octave.enumerated() where gate.offset % max(1, octave.count / 128) == 0 {
            guard let up = tables.up.nearest(to: Float(target / Double(gate.element))) else {
                continue
            }
            let error = abs(Double(gate.element) * Double(up) / target - 1)
            found.append((gate.element, up, error))
            if error < 0x1p-21, areKept([gate.element], as: types.gate, from: index),
                areKept([up], as: types.up, from: index)
            {
                return (gate.element, up)
            }
        }
        // The encoders of some types sum up rounding errors, so that what they keep is another thing in every place.
        let best = found.sorted { $0.error < $1.error }.first {
            areKept([$0.gate], as: types.gate, from: index)
                && areKept([$0.up], as: types.up, from: index)
        }
        return best.map { ($0.gate, $0.up) }
    }

    /// Whether rows of these numbers and their negatives come back as they are, each where it stands.
    ///
    /// - Parameter first: the column of the first.
    private static func areKept(
        _ numbers: [Float], as type: ElementType, from first: Int = 0
    ) -> Bool {
        guard type != .f32, type != .f64 else { return true }
        return [1, -1].allSatisfy { (sign: Float) in
            let signed = numbers.map { sign * $0 }
            return SingleValues.roundTrip(signed, as: type, place: { first + $0 }) == signed
        }
    }

    // MARK: - LayerNorm

    /// The gate input that is the same at every position: large enough that every activation passes it on.
    private static let constantInput = 32.0

    /// Adds the neuron that takes the norm's bias away, and what its rounding leaves to the error.
    private mutating func addLinear(
        _ norm: Norm, _ bias: [Float], _ types: (gate: ElementType, up: ElementType)
    ) throws(WidenRoute.Refusal) {
        let gain = norm.gain.map(Double.init)
        let shift = bias.map(Double.init)
        let ratios = zip(shift, gain).map { $0 / $1 }
        let (total, square) = (
            ratios.reduce(0, +), ratios.reduce(0) { $0 + $1 * $1 }
        )
        let length = square.squareRoot()
        guard abs(total) > 0x1p-10 * length else {
            throw .unbalanced(norm: norm.name, sum: total, length: length)
        }
        let share = Double(Float.power(exponent)) / Double(gain.count)
        let wanted = gain.map { Float(Self.constantInput / total / $0) }
        guard let gate = RowEncoder.roundTrip(wanted, as: types.gate)?.values else {
            throw .coarse(norm: norm.name, types: [types.gate], error: 1)
        }
        let input = gate.dot(bias)
        let rest = square * share / (total * input)
        let row = zip(ratios, gain).map { Float((-2 * $0 * share / input + rest) / $1) }
        guard let up = RowEncoder.roundTrip(row, as: types.up)?.values else {
            throw .coarse(norm: norm.name, types: [types.up], error: 1)
        }
        linear = (wanted, row)
        error += leftover(norm, shift, gate: gate, up: up)
    }

    /// What stored rows of the linear neuron leave, in parts of the sum, for a stream without outliers.
    private func leftover(
        _ norm: Norm, _ shift: [Double], gate: [Float], up: [Float]
    ) -> Double {
        let gain = norm.gain.map(Double.init)
        let squares = zip(gates, ups).map { Double($0) * Double($1) }
        let (first, second) = (
            zip(gate, gain).map { Double($0) * $1 }, zip(up, gain).map { Double($0) * $1 }
        )
        let constants = (gate.dot(shift.map(Float.init)), up.dot(shift.map(Float.init)))
        let width = Double(gain.count)
        func centred(_ row: [Double]) -> [Double] {
            let mean = row.reduce(0, +) / width
            return row.map { $0 - mean }
        }
        func length(_ row: [Double]) -> Double { row.reduce(0) { $0 + $1 * $1 }.squareRoot() }
        let slopes = gain.indices.map {
            2 * squares[$0] * gain[$0] * shift[$0] + constants.0 * second[$0]
                + constants.1 * first[$0]
        }
        let offset =
            zip(squares, shift).reduce(0) { $0 + $1.0 * $1.1 * $1.1 } + constants.0 * constants.1
        let noise = length(centred(slopes)) + length(centred(first)) * length(centred(second))
        return (noise + abs(offset)) / Double(Float.power(exponent))
    }

    // MARK: - Rows

    /// Which of the two projections before the product.
    enum Projection { case gate, up }

    /// Writes the row of a neuron.
    func write(_ projection: Projection, _ neuron: Int, to row: UnsafeMutableBufferPointer<Float>) {
        row.update(repeating: 0)
        if neuron < pairedCount {
            let value = (projection == .gate ? gates : ups)[neuron / 2]
            row[neuron / 2] = neuron % 2 == 0 ? value : -value
        } else if neuron == pairedCount, let linear {
            let values = projection == .gate ? linear.gate : linear.up
            for index in row.indices { row[index] = values[index] }
        }
    }
}
