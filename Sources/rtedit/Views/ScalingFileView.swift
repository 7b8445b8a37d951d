import Formats
import Tuning

/// What a file of learned factors says, as `inspect` shows it.
struct ScalingFileView {
    private let scaling: ActivationScaling

    init(_ scaling: ActivationScaling) { self.scaling = scaling }

    private var lines: [(name: String, value: String)] {
        let base = scaling.base
        let texts: [(String, String?)] =
            [
                ("kind", "scaling of \(scaling.blockCount) blocks"),
                ("found in", base.name ?? base.modelHint), ("sha256", base.hash),
            ] + ScalingFile.notes.sorted().map { ($0, scaling.notes[$0]) }
        return texts.compactMap { name, text in text.map { (name, $0) } }
    }

    func show(on console: Console) {
        for (name, value) in lines { console.print("\(name.padded(to: 14))\(value)") }
        console.print()
        var table = Table([.right("block"), .right("attention"), .right("feed_forward")])
        for block in 0..<scaling.blockCount {
            let alphas = (scaling.attention[block], scaling.feedForward[block])
            guard alphas.0 != 0 || alphas.1 != 0 else { continue }
            table.add(
                "\(block)", Quantity.fixed(Double(alphas.0), 4),
                Quantity.fixed(Double(alphas.1), 4))
        }
        console.print(table)
    }

    var json: JSONObject {
        func list(_ values: [Float]) -> JSONValue { .array(values.map { .number(Double($0)) }) }
        let base = scaling.base
        return JSONObject(
            [
                .init("kind", .string("scaling")), .init("blocks", .integer(scaling.blockCount)),
                .init("architecture", .string(base.modelHint)),
                .init("base_name", base.name.map { .string($0) } ?? .null),
                .init("base_sha256", base.hash.map { .string($0) } ?? .null),
            ]
                + ScalingFile.notes.sorted().map { note in
                    .init(note, scaling.notes[note].map { .string($0) } ?? .null)
                } + [
                    .init("attention", list(scaling.attention)),
                    .init("feed_forward", list(scaling.feedForward)),
                ])
    }
}
