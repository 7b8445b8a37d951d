package import Formats
package import Transformer

/// A vector or a scaling as a call names it: which option, which file, and what of it.
package struct CertifiedVector: Sendable, Hashable {
    package let operation: Intervention.Operation
    package let file: CertifiedFile
    package let scale: Float
    /// Nil: all blocks of the file.
    package let blocks: [Int]?

    /// Reads the file.
    ///
    /// - Throws: `FileError` where it cannot be opened.
    package init(
        _ operation: Intervention.Operation, _ specification: VectorSpecification
    ) throws(FileError) {
        self.operation = operation
        file = try CertifiedFile(path: specification.file)
        scale = specification.scale
        blocks = specification.blocks
    }

    init(_ object: StrictObject) throws(CertificateError) {
        var object = object
        operation = try object.text("operation", "'add', 'ablate' or 'scale_output'") { text in
            Intervention.Operation(rawValue: text).flatMap { $0 == .scale ? nil : $0 }
        }
        file = try CertifiedFile(try object.object("file"))
        scale = try object.float("scale")
        blocks = try object.textIfAny("blocks", "a list of blocks") { BlockSet.parse($0) }
        try object.end()
    }

    var json: JSONValue {
        .object(
            JSONObject([
                .init("blocks", blocks.map { .string(BlockSet.text($0)) } ?? .null),
                .init("file", file.json), .init("operation", .string(operation.rawValue)),
                .init("scale", .number(Double(scale))),
            ]))
    }

    /// The words that name it in a call: `mood.gguf:1.5@10-15`.
    package var text: String {
        file.name + (scale == 1 ? "" : ":\(scale)") + (blocks.map { "@" + BlockSet.text($0) } ?? "")
    }

    /// Whether a call asks for the same of a file, whichever that is.
    package func asksForTheSame(
        as operation: Intervention.Operation, _ specification: VectorSpecification
    ) -> Bool {
        self.operation == operation && scale == specification.scale
            && blocks == specification.blocks
    }
}

/// An intervention as it was compared, its vector by the SHA-256 of its values (f32, little-endian).
package struct CertifiedIntervention: Sendable, Hashable {
    package let site: Site
    package let block: Int
    package let operation: Intervention.Operation
    package let strength: Float
    package let valuesHash: String

    package init(_ intervention: Intervention) {
        site = intervention.site
        block = intervention.block
        operation = intervention.operation
        strength = intervention.strength
        var hash = SHA256()
        let bytes = intervention.vector.flatMap { value in
            withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init)
        }
        bytes.withUnsafeBytes { hash.update($0) }
        valuesHash = hash.hexDigest()
    }

    init(_ object: StrictObject) throws(CertificateError) {
        var object = object
        site = try object.text("site", "a site") { Site(rawValue: $0) }
        block = try object.integer("block", in: 0...Int.max)
        operation = try object.text("operation", "an operation") {
            Intervention.Operation(rawValue: $0)
        }
        strength = try object.float("strength")
        valuesHash = try object.digest("values_sha256")
        try object.end()
    }

    var json: JSONValue {
        .object(
            JSONObject([
                .init("block", .integer(block)), .init("operation", .string(operation.rawValue)),
                .init("site", .string(site.rawValue)),
                .init("strength", .number(Double(strength))),
                .init("values_sha256", .string(valuesHash)),
            ]))
    }

    /// What is told of it where it is not the one that was certified.
    var facts: String {
        "\(operation.rawValue) at \(site.rawValue) of block \(block), strength \(strength), values "
            + valuesHash
    }
}
