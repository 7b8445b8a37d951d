import Formats
import TestSupport
import Testing
import Transformer

@testable import Tuning

/// What an edited file may hold in the rows of its embedding.
@Suite struct ExpectedRowsTests {
    private let configuration: DecoderConfiguration
    private let width: Int
    private let added: Intervention
    private let ablated: Intervention

    init() throws {
        configuration = try DecoderConfiguration(Checkpoint.open(Families.folder("gemma")))
        let width = configuration.sizes.hiddenSize
        self.width = width
        func vector(_ first: Float) -> [Float] { (0..<width).map { first + Float($0 % 3) } }
        added = Intervention(
            site: .embed, block: 0, operation: .add, vector: vector(1), strength: 0.5)
        ablated = Intervention(
            site: .embed, block: 0, operation: .ablate, vector: vector(2), strength: 1)
    }

    /// The row of the file, whose stream is it times the family's scale, written out.
    private func edited(_ row: [Float], addsFirst: Bool) -> [Float] {
        let scale = configuration.sizes.embeddingScale
        var stream = row.map { Double($0) * scale }
        func add() { for index in 0..<width { stream[index] += 0.5 * Double(added.vector[index]) } }
        func ablate() {
            let direction = ablated.vector.map(Double.init)
            let square = direction.reduce(0) { $0 + $1 * $1 }
            let share = zip(stream, direction).reduce(0) { $0 + $1.0 * $1.1 } / square
            for index in 0..<width { stream[index] -= share * direction[index] }
        }
        if addsFirst { add() }
        ablate()
        if !addsFirst { add() }
        return stream.map { Float($0 / scale) }
    }

    @Test(arguments: [true, false])
    func changesActInTheOrderOfTheCall(addsFirst: Bool) throws {
        let steering = addsFirst ? [added, ablated] : [ablated, added]
        let expected = try ExpectedRows(steering, configuration)
        let row = (0..<width).map { Float($0 % 7) / 7 - 0.3 }
        let own = try #require(
            try expected.candidates(for: WeightRole(.tokenEmbedding), of: nil).first)
        #expect(
            own.gives(
                edited(row, addsFirst: addsFirst)[...], of: row[...], row: 0, as: .f32, scale: 1))
        #expect(
            !own.gives(
                edited(row, addsFirst: !addsFirst)[...], of: row[...], row: 0, as: .f32, scale: 1))
        #expect(!own.gives(row[...], of: row[...], row: 0, as: .f32, scale: 1))
    }
}
