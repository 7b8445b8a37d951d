import Formats
import Tuning

/// What was done to a model, as people and scripts read it.
struct DifferenceExplanation {
    let explanation: Explanation
    private let words: [DifferenceWords]

    /// How many spectra are shown where the page has them all.
    private static let shortList = 8

    init(_ explanation: Explanation) {
        self.explanation = explanation
        words = explanation.findings.map(DifferenceWords.init)
    }

    /// The findings in words, that which says most first.
    var findings: [DifferenceWords] { words }

    func show(on console: Console) {
        console.print()
        for finding in words {
            console.print(finding.sentence, style: .strong)
            for line in finding.evidence { console.print("  \(line)") }
        }
        showSpectra(on: console)
    }

    /// The changes with a spectrum, largest normalised change first.
    static func spectra(
        _ explanation: Explanation
    ) -> [(change: TensorChange, spectrum: ChangeSpectrum)] {
        explanation.changes.compactMap { change in change.spectrum.map { (change, $0) } }
            .enumerated().sorted { left, right in
                let (x, y) = (left.element.0.tensor.rank, right.element.0.tensor.rank)
                return x != y ? x > y : left.offset < right.offset
            }.map(\.element)
    }

    private func showSpectra(on console: Console) {
        let spectra = Self.spectra(explanation)
        guard !spectra.isEmpty else { return }
        var table = Table([
            .left("spectrum of the change"), .right("rank"), .right("99 % in"),
            .left("singular values"), .right("beyond"),
        ])
        for (change, spectrum) in spectra.prefix(Self.shortList) {
            let values = spectrum.values.prefix(4).map { Quantity.scientific($0, 1) }
            table.add(
                change.tensor.name, spectrum.updateRank.map(String.init) ?? "full",
                spectrum.rankOf99Percent.map(String.init) ?? ">\(spectrum.values.count)",
                values.joined(separator: " "),
                Quantity.percent(
                    spectrum.residualEnergy / max(spectrum.energy, .leastNormalMagnitude))
            )
        }
        console.print()
        console.print(table)
        let hidden = spectra.count - Self.shortList
        console.print(
            "beyond: the share of the change's energy outside the singular vectors found, by which the "
                + "squares of the values may be too small" + (hidden > 0 ? "; \(hidden) more" : ""))
    }

    var json: JSONObject {
        JSONObject([
            .init("verdict", .array(words.map { .string($0.key) })),
            .init(
                "findings",
                .array(
                    zip(words, explanation.findings).map { words, finding in
                        .object(
                            JSONObject(
                                [
                                    .init("kind", .string(words.key)),
                                    .init("summary", .string(words.sentence)),
                                    .init("evidence", .array(words.evidence.map { .string($0) })),
                                ] + FindingFields(finding).members))
                    })),
            .init(
                "spectra",
                .array(Self.spectra(explanation).map { .object(Self.json($0.change, $0.spectrum)) })
            ),
        ])
    }

    private static func json(_ change: TensorChange, _ spectrum: ChangeSpectrum) -> JSONObject {
        JSONObject([
            .init("name", .string(change.tensor.name)),
            .init("rank", spectrum.updateRank.map { .integer($0) } ?? .null),
            .init("rank_99", spectrum.rankOf99Percent.map { .integer($0) } ?? .null),
            .init("singular_values", .array(spectrum.values.map { .number($0) })),
            .init("energy", .number(spectrum.energy)),
            .init("residual_energy", .number(spectrum.residualEnergy)),
            .init("rounding_limits", .array(spectrum.noiseLimits.map { .number($0) })),
            .init("changed_rows", .integer(spectrum.changedRows)),
        ])
    }
}
