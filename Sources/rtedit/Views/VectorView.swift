import Formats
import Transformer
import Tuning

/// What a steering vector's file says, as `inspect` shows it.
struct VectorView {
    private let path: String
    private let vector: SteeringVector
    let tensors: [StoredTensor]
    let metadata: GGUFMetadata

    /// - Throws: as `VectorFile.read`.
    init(_ path: String) throws {
        self.path = path
        vector = try VectorFile.read(path)
        let file = try GGUFFile.open(path)
        metadata = file.metadata
        tensors = file.tensors
    }

    private var provenance: SteeringVector.Provenance { vector.provenance }

    func show(on console: Console) {
        for (name, value) in lines { console.print("\(name.padded(to: 14))\(value)") }
        console.print()
        var table = Table([.right("block"), .right("norm")] + columns.map { .right($0.title) })
        for block in vector.blocks {
            table.add(
                ["\(block)", Quantity.fixed(norm(ofBlock: block), 4)]
                    + columns.map { column in
                        column.values[block].map { Quantity.fixed(Double($0), 4) } ?? ""
                    })
        }
        console.print(table)
    }

    private var lines: [(name: String, value: String)] {
        var lines = [
            ("format", "steering vector (control vector of llama.cpp)"),
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
        return lines
    }

    private var columns: [(title: String, key: String, values: [Int: Float])] {
        [
            ("sign agreement", "sign_agreement", provenance.signAgreement),
            ("stream's norm", "activation_norm", provenance.activationNorm),
            ("length lost", "length_lost", provenance.lengthLost),
        ].filter { !$0.values.isEmpty }
    }

    private func norm(ofBlock block: Int) -> Double {
        (vector.directions[block] ?? []).norm
    }

    var json: JSONObject {
        func text(_ value: String?) -> JSONValue { value.map { .string($0) } ?? .null }
        return JSONObject([
            .init("kind", .string("vector")), .init("format", .string("gguf")),
            .init("site", .string(vector.site.rawValue)), .init("width", .integer(vector.width)),
            .init("architecture", text(provenance.modelHint)),
            .init("base", text(provenance.baseName)),
            .init("base_sha256", text(provenance.baseHash)),
            .init("method", text(provenance.method)), .init("token", text(provenance.token)),
            .init("normalize", text(provenance.normalization)),
            .init("pairs", provenance.pairCount.map { .integer($0) } ?? .null),
            .init("projected_out", .array(provenance.projectedOut.map { .string($0) })),
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
                                    + columns.compactMap { column in
                                        column.values[block].map {
                                            .init(column.key, .number(Double($0)))
                                        }
                                    }))
                    })),
        ])
    }
}
