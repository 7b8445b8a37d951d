import Formats
import Transformer
import Tuning

/// What a steering vector's file says, as `inspect` shows it.
struct VectorView {
    private let vector: SteeringVector
    private let format: VectorFile.Format

    /// - Parameter path: its file
    init(_ term: VectorTerm, _ path: String) {
        vector = term.vector
        format = VectorFile.Format(ofContent: path)
    }

    /// - Throws: as `VectorFile.read`.
    init(_ path: String) throws {
        self.init(VectorTerm(name: path, vector: try VectorFile.read(path)), path)
    }

    /// Whether llama.cpp loads the file and steers as rtedit does with it.
    var runsInLlamaCpp: Bool {
        format == .gguf && vector.site == .residPost && !vector.blocks.contains(0)
    }

    private var provenance: SteeringVector.Provenance { vector.provenance }

    func show(on console: Console) {
        for (name, value) in lines { console.print("\(name.padded(to: 14))\(value)") }
        console.print()
        let hasShares = !provenance.activationNorm.isEmpty
        var table = Table(
            [.right("block"), .right("norm")] + columns.map { .right($0.title) }
                + (hasShares ? [.right("of stream's")] : []))
        for block in vector.blocks {
            table.add(
                ["\(block)", Quantity.fixed(norm(ofBlock: block), 4)]
                    + columns.map { column in
                        column.values[block].map { Quantity.fixed(Double($0), 4) } ?? ""
                    }
                    + (hasShares ? [share(ofBlock: block).map(Quantity.percent) ?? ""] : []))
        }
        console.print(table)
    }

    private static let names: [VectorFile.Format: String] = [
        .gguf: "control vector of llama.cpp", .numpy: "NumPy", .safetensors: "safetensors",
    ]

    private var lines: [(name: String, value: String)] {
        var lines = [
            ("format", "steering vector (\(Self.names[format] ?? format.rawValue))"),
            ("site", vector.site.rawValue),
            ("blocks", "\(BlockSet.text(vector.blocks)) (\(vector.blocks.count))"),
            ("width", "\(vector.width)"),
        ]
        func add(_ name: String, _ value: String?) {
            if let value, !value.isEmpty { lines.append((name, value)) }
        }
        add("architecture", provenance.modelHint)
        add("base", provenance.baseName)
        add("base SHA-256", provenance.baseHash)
        add("method", provenance.method)
        add("token", provenance.token)
        add("normalised", provenance.normalization)
        add("pairs", provenance.pairCount.map(String.init))
        add("projected out", provenance.projectedOut.joined(separator: ", "))
        add("made by", provenance.operations.joined(separator: "; "))
        return lines
    }

    private var columns: [(title: String, key: String, values: [Int: Float])] {
        [
            ("sign agreement", "sign_agreement", provenance.signAgreement),
            ("stream's norm", "activation_norm", provenance.activationNorm),
            ("length lost", "length_lost", provenance.lengthLost),
        ].filter { !$0.values.isEmpty }
    }

    /// The norm over that of the activations.
    private func share(ofBlock block: Int) -> Double? {
        guard let stream = provenance.activationNorm[block], stream > 0 else { return nil }
        return norm(ofBlock: block) / Double(stream)
    }

    private func norm(ofBlock block: Int) -> Double {
        (vector.directions[block] ?? []).norm
    }

    var json: JSONObject {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        return JSONObject([
            .init("kind", .string("vector")), .init("format", .string(format.rawValue)),
            .init("site", .string(vector.site.rawValue)), .init("width", .integer(vector.width)),
            .init("architecture", text(provenance.modelHint)),
            .init("base", text(provenance.baseName)),
            .init("base_sha256", text(provenance.baseHash)),
            .init("method", text(provenance.method)), .init("token", text(provenance.token)),
            .init("normalize", text(provenance.normalization)),
            .init("pairs", provenance.pairCount.map { .integer($0) } ?? .null),
            .init("projected_out", .array(provenance.projectedOut.map { .string($0) })),
            .init("operations", .array(provenance.operations.map { .string($0) })),
            .init(
                "blocks",
                .array(
                    vector.blocks.map { block in
                        .object(
                            JSONObject(
                                [
                                    .init("block", .integer(block)),
                                    .init("norm", .number(norm(ofBlock: block))),
                                ]
                                    + (share(ofBlock: block).map {
                                        [.init("relative_norm", .number($0))]
                                    } ?? [])
                                    + columns.compactMap { column in
                                        column.values[block].map {
                                            .init(column.key, .number(Double($0)))
                                        }
                                    }))
                    })),
        ])
    }
}
