import Foundation

/// The transform of a sparse spectrum (FourierFT, arXiv 2405.03003): W + scaling · Re F⁻¹(S), where a seed tells the places
/// of the spectrum's numbers.
struct FourierFT: PEFTMethod {
    static let kind = "FOURIERFT"
    static let parts = ["fourierft_spectrum"]
    static let keys: Set<String> = [
        "fan_in_fan_out", "init_weights", "n_frequency", "n_frequency_pattern", "random_loc_seed",
        "scaling",
    ]
    static let takesTransposed = true

    private let scaling: Double
    private let seed: UInt32

    init(_ keys: PEFTKeys) throws(AdapterError) {
        scaling = try keys.number("scaling", standard: 150)
        seed = try keys.seed("random_loc_seed", standard: 777)
    }

    func change(of module: PEFTModule) throws -> ModuleChange? {
        let part = Self.parts[0]
        let count = try module.length(part, 0)
        let values = try module.values(part, [count])
        let total = module.outputs.multipliedReportingOverflow(by: module.inputs)
        guard !total.overflow, total.partialValue < Int(UInt32.max) / 20,
            count <= total.partialValue
        else {
            throw AdapterError.unsupportedTensor(
                file: module.file, tensor: try module.tensor(part).name,
                reason:
                    "has numbers for a matrix \([module.outputs, module.inputs]), of which torch "
                    + "draws the places otherwise")
        }
        var random = MersenneTwister(seed: seed)
        let places = random.firstOfOrder(count, of: total.partialValue)
        let entries = zip(places, values).map { place, value in
            SpectrumRows.Entry(
                row: place / module.inputs, column: place % module.inputs, value: Double(value))
        }
        return ModuleChange(
            .rows(
                SpectrumRows(
                    entries: entries, rows: module.outputs, sums: FourierSums(module.inputs),
                    scale: scaling / Double(total.partialValue))))
    }
}

/// Rows of the inverse transform: that of the columns is one sum for each entry, that of the row a transform.
private struct SpectrumRows: RowChange {
    struct Entry {
        let row: Int
        let column: Int
        let value: Double
    }

    let entries: [Entry]
    let rows: Int
    let sums: FourierSums
    let scale: Double

    func change(row: Int, _ values: UnsafeMutableBufferPointer<Float>) {
        var spectrum = [FourierSums.Term](repeating: (0, 0), count: values.count)
        for entry in entries {
            let angle = 2 * Double.pi * Double(entry.row * row % rows) / Double(rows)
            spectrum[entry.column].real += entry.value * cos(angle)
            spectrum[entry.column].imaginary += entry.value * sin(angle)
        }
        let transform = sums.transform(spectrum)
        for column in values.indices { values[column] += Float(transform[column].real * scale) }
    }
}

/// Sums over v of c_v · e^(2πi · v · j / n) for all j: the fast transform of Cooley and Tukey, for any n.
struct FourierSums: Sendable {
    typealias Term = (real: Double, imaginary: Double)

    private let count: Int
    private let roots: [Term]

    init(_ count: Int) {
        self.count = count
        roots = (0..<count).map { index in
            let angle = 2 * Double.pi * Double(index) / Double(count)
            return (cos(angle), sin(angle))
        }
    }

    func transform(_ terms: [Term]) -> [Term] {
        let count = terms.count
        guard count > 1 else { return terms }
        let factor = Self.smallestFactor(of: count)
        let parts = (0..<factor).map { first in
            transform(stride(from: first, to: count, by: factor).map { terms[$0] })
        }
        // Of the n-th roots, those of this many terms.
        let step = self.count / count
        return (0..<count).map { index in
            var sum: Term = (0, 0)
            for (first, part) in zip(0..., parts) {
                let (root, term) = (roots[first * index % count * step], part[index % part.count])
                sum.real += root.real * term.real - root.imaginary * term.imaginary
                sum.imaginary += root.real * term.imaginary + root.imaginary * term.real
            }
            return sum
        }
    }

    private static func smallestFactor(of count: Int) -> Int {
        var factor = 2
        while factor * factor <= count {
            if count % factor == 0 { return factor }
            factor += 1
        }
        return count
    }
}
