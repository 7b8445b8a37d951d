import Foundation
import Formats
import Testing
import Transformer

@testable import Tuning

/// The neurons themselves, beside the sum that a loop makes of them.
@Suite struct ConstantNeuronsTests {
    /// What the neurons come to on a normed input, with any activation.
    private func sum(
        _ neurons: ConstantNeurons, on input: [Float], _ activation: (Double) -> Double
    ) -> Double {
        var row = [Float](repeating: 0, count: input.count)
        func see(_ projection: ConstantNeurons.Projection, _ neuron: Int) -> Double {
            row.withUnsafeMutableBufferPointer { neurons.write(projection, neuron, to: $0) }
            return row.dot(input)
        }
        return (0..<neurons.pairedCount + 2).reduce(0) { total, neuron in
            total + activation(see(.gate, neuron)) * see(.up, neuron)
        }
    }

    private static let activations: [@Sendable (Double) -> Double] = [
        { $0 / (1 + exp(-$0)) }, { $0 * 0.5 * (1 + erf($0 / 2.0.squareRoot())) },
        { $0 * 0.5 * (1 + tanh((2 / Double.pi).squareRoot() * ($0 + 0.044715 * $0 * $0 * $0))) },
    ]

    private func neurons(
        gain: [Float], bias: [Float]? = nil, _ type: ElementType
    ) throws -> ConstantNeurons {
        let table = try #require(SingleValues(type))
        var tables = ConstantNeurons.Tables(gate: table, up: table, down: table)
        return try ConstantNeurons(
            .init(name: "norm", gain: gain, bias: bias), largest: 0.05, tables: &tables,
            types: (type, type))
    }

    private func stream(_ width: Int, outlier: Double) -> [Double] {
        (0..<width).map { (index: Int) -> Double in
            let value = sin(Double(index * index) * 0.7 + 1)
            return index == 3 ? outlier * value : value
        }
    }

    private func gain(_ width: Int) -> [Float] {
        (0..<width).map { (index: Int) -> Float in
            let size = 0.2 + Float(index % 13) / 7
            return index % 3 == 0 ? -size : size
        }
    }

    @Test(arguments: [1, 2, 7, 24, 256], [ElementType.f32, .bf16])
    func behindAnRMSNormTheSumIsConstant(_ width: Int, type: ElementType) throws {
        let gain = gain(width)
        let neurons = try neurons(gain: gain, type)
        for (index, outlier) in [1.0, 40].enumerated() {
            let stream = stream(width, outlier: outlier)
            let square = stream.reduce(0) { $0 + $1 * $1 } / Double(width)
            let size = (square + 1e-6).squareRoot()
            let input = zip(stream, gain).map { Float($0 / size) * $1 }
            let wanted = Double(Float.power(neurons.exponent)) * square / (square + 1e-6)
            let found = sum(neurons, on: input, Self.activations[index])
            #expect(abs(found / wanted - 1) < (type == .f32 ? 1e-6 : 2e-4), "\(width) \(type)")
        }
    }

    @Test(arguments: [3, 8, 32, 255])
    func behindALayerNormTheSumIsConstant(_ width: Int) throws {
        let gain = gain(width)
        let bias = (0..<width).map { (index: Int) -> Float in
            Float((index * 5) % 7 - 2) / 10
        }
        let neurons = try neurons(gain: gain, bias: bias, .f32)
        for (index, outlier) in [1.0, 5, 40].enumerated() {
            let stream = stream(width, outlier: outlier)
            let mean = stream.reduce(0, +) / Double(width)
            let centred = stream.map { $0 - mean }
            let square = centred.reduce(0) { $0 + $1 * $1 } / Double(width)
            let input = stream.indices.map { index -> Float in
                let normed = (stream[index] - mean) / square.squareRoot()
                return Float(normed) * gain[index] + bias[index]
            }
            let wanted = Double(Float.power(neurons.exponent))
            let found = sum(neurons, on: input, Self.activations[index])
            #expect(abs(found / wanted - 1) < 3e-6, "\(width) \(outlier)")
        }
    }

    /// What storing the rows in a type leaves of the sum, which is a constant share of each coordinate's.
    @Test(arguments: [
        (ElementType.f32, 1e-6), (.f16, 3e-5), (.bf16, 5e-4), (.q8_0, 1e-4), (.q4_0, 3e-4),
        (.q4_1, 1e-3), (.q5_0, 3e-4), (.q5_1, 3e-3), (.q2K, 1e-3), (.q3K, 1e-3), (.q4K, 2e-3),
        (.q5K, 6e-3), (.q6K, 2e-3),
    ])
    func productsAreFinerThanTheirTypes(_ type: ElementType, bound: Double) throws {
        let gain = gain(256)
        let found = try neurons(gain: gain, type)
        #expect(found.error < bound)
    }

    @Test(arguments: [
        (ElementType.f16, 1152), (.bf16, 1152), (.q8_0, 1152), (.q4_0, 1152), (.q4K, 1280),
        (.q6K, 1280), (.q2K, 1280),
    ])
    func theMeanOfTheColumnsIsTheVector(_ type: ElementType, width: Int) throws {
        let values = (0..<32).map { (index: Int) -> Float in
            Float((index * 29) % 61 - 30) / 7 + 0.0003
        }
        let columns = ConstantColumns(values: values, count: 1152, type: type)
        for row in values.indices {
            var made = [Float](repeating: 0, count: width)
            made.withUnsafeMutableBufferPointer { columns.write(row: row, to: $0) }
            let stored = try #require(RowEncoder.roundTrip(made, as: type)).values.prefix(1152)
            let mean = stored.reduce(0) { $0 + Double($1) } / 1152
            let step = type.elementsPerBlock == 1 ? 2e-5 : 2e-4
            #expect(
                abs(mean - Double(values[row])) <= step * Double(abs(values[row])), "\(type) \(row)"
            )
            for pair in stride(from: 0, to: 1152, by: 2) {
                #expect(stored[pair] == stored[pair + 1])
            }
        }
    }
}
