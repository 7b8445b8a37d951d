import Formats
import Transformer
import Tuning

/// How learned factors of sub-layers' outputs are shown.
struct ScalingView {
    let scaling: ActivationScaling
    let measurement: ScalingMeasurement
    /// How many factors were to be learned.
    let placeCount: Int
    /// What was measured on, in words.
    let texts: String

    /// The factors that are named.
    private static let namedFactors = 12

    /// Those that are not 0, the largest first.
    private var largest: [StreamSite] {
        scaling.places.sorted {
            let (a, b) = (abs(scaling[$0.site, $0.block]), abs(scaling[$1.site, $1.block]))
            return a != b ? a > b : ($0.block, $0.site.rawValue) < ($1.block, $1.site.rawValue)
        }
    }

    /// The figures in one line, as the file keeps them.
    var summary: String {
        measurement.rows.map { row in
            "beta \(Self.beta(row.beta)): margin \(Quantity.fixed(row.probes.meanMargin, 3)), accuracy "
                + Quantity.percent(row.probes.accuracy)
                + (row.divergence.map { ", KL \(Quantity.fixed($0.mean, 4))" } ?? "")
        }.joined(separator: "; ")
    }

    func show(on console: Console) {
        let count = measurement.rows.first?.probes.items.count ?? 0
        console.print("\(count) probes kept from learning, KL on \(texts)", style: .strong)
        var table = Table([
            .right("beta"), .right("margin"), .right("accuracy"), .right("KL mean"),
            .right("KL p95"),
        ])
        for row in measurement.rows {
            table.add(
                Self.beta(row.beta), Quantity.fixed(row.probes.meanMargin, 3),
                Quantity.percent(row.probes.accuracy),
                row.divergence.map { Quantity.fixed($0.mean, 4) } ?? "-",
                row.divergence.map { Quantity.fixed($0.percentile95, 4) } ?? "-")
        }
        console.print(table)
        let places = largest
        console.print(
            "\(places.count) of \(placeCount) alphas are not 0"
                + (places.count > Self.namedFactors ? "; the largest:" : ""), style: .strong)
        var factors = Table([
            .right("block"), .left("sub-layer"), .right("alpha"), .right("x with beta 1"),
        ])
        for place in places.prefix(Self.namedFactors) {
            let alpha = scaling[place.site, place.block]
            factors.add(
                "\(place.block)", ActivationScaling.SubLayer(endingAt: place.site).rawValue,
                Quantity.fixed(Double(alpha), 4), Quantity.fixed(Double(1 + alpha), 4))
        }
        if !places.isEmpty { console.print(factors) }
    }

    private static func beta(_ beta: Float) -> String { "\(Int(beta))" }

    /// Members of the JSON report.
    var json: [JSONObject.Member] {
        let rows = measurement.rows.map { row in
            JSONValue.object(
                JSONObject([
                    .init("beta", .integer(Int(row.beta))),
                    .init("margin", .number(row.probes.meanMargin)),
                    .init("accuracy", .number(row.probes.accuracy)),
                    .init("kl_mean", row.divergence.map { .number($0.mean) } ?? .null),
                    .init("kl_p95", row.divergence.map { .number($0.percentile95) } ?? .null),
                    .init("margins", .array(row.probes.items.map { .number($0.margin) })),
                ]))
        }
        func list(_ values: [Float]) -> JSONValue { .array(values.map { .number(Double($0)) }) }
        return [
            .init("probes", .integer(measurement.rows.first?.probes.items.count ?? 0)),
            .init("held_out", .array(rows)), .init("places", .integer(placeCount)),
            .init("not_zero", .integer(scaling.places.count)),
            .init("attention", list(scaling.attention)),
            .init("feed_forward", list(scaling.feedForward)),
        ]
    }
}
