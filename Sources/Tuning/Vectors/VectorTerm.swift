/// A vector that is put together or compared with others: what a file holds, under the name its user gave it.
package struct VectorTerm: Sendable {
    /// As the user wrote it: `FILE[:SCALE][@BLOCKS]`.
    package let name: String
    package let scale: Float
    /// Of the blocks that the name asks for.
    package let vector: SteeringVector

    package init(name: String, scale: Float = 1, vector: SteeringVector) {
        self.name = name
        self.scale = scale
        self.vector = vector
    }

    /// Opens the file that a text names.
    ///
    /// - Throws: as `VectorSpecification.init` and `VectorFile.read`, and `VectorError.missingBlock`.
    package init(_ text: String, convention: VectorFile.Convention = .llamaCpp) throws {
        let specification = try VectorSpecification(text)
        let whole = VectorTerm(
            name: text, scale: specification.scale,
            vector: try VectorFile.read(specification.file, convention: convention))
        self = try specification.blocks.map { try whole.restricted(to: $0) } ?? whole
    }

    /// The vector times the scale, of which its record says nothing.
    ///
    /// - Throws: `VectorError.beyondFloat`.
    package func scaled() throws(VectorError) -> SteeringVector {
        guard scale != 1 else { return vector }
        var scaled = try vector.scaled(by: Double(scale), name: name)
        scaled.provenance.operations = vector.provenance.operations
        return scaled
    }

    /// The same of some of its blocks.
    ///
    /// - Throws: `VectorError.missingBlock`.
    package func restricted(to blocks: [Int]) throws(VectorError) -> VectorTerm {
        if let missing = blocks.first(where: { vector.directions[$0] == nil }) {
            throw .missingBlock(file: name, block: missing, available: vector.blocks)
        }
        return VectorTerm(name: name, scale: scale, vector: vector.restricted(to: blocks))
    }
}

extension [VectorTerm] {
    /// Refuses vectors of different widths.
    func checkWidths() throws(VectorError) {
        guard let first else { return }
        for term in self where term.vector.width != first.vector.width {
            throw .otherWidth(
                file: term.name, width: term.vector.width, other: first.name,
                wanted: first.vector.width)
        }
    }

    /// Refuses vectors that do not act on the same thing.
    ///
    /// - Throws: `VectorError.otherWidth`, `.otherSite`.
    func checkTogether() throws(VectorError) {
        try checkWidths()
        guard let first else { return }
        for term in self where term.vector.site != first.vector.site {
            throw .otherSite(
                file: term.name, site: term.vector.site, wanted: first.vector.site)
        }
    }

    /// The pairs of vectors whose files say that they were found in different models.
    package var otherBases: [(first: String, other: String)] {
        indices.flatMap { left in
            indices.filter { $0 > left }.compactMap { right in
                let bases = (self[left].vector.provenance.base, self[right].vector.provenance.base)
                return bases.0.isOther(than: bases.1)
                    ? (first: self[left].name, other: self[right].name) : nil
            }
        }
    }
}

extension SteeringVector {
    /// The same of some of its blocks.
    func restricted(to blocks: [Int]) -> SteeringVector {
        var copy = self
        let kept = Set(blocks)
        copy.directions = directions.filter { kept.contains($0.key) }
        for (_, member) in VectorKey.figures {
            copy.provenance[keyPath: member] = provenance[keyPath: member].filter {
                kept.contains($0.key)
            }
        }
        return copy
    }

    /// Notes in the vector what was done with it; a name of several lines is one.
    mutating func record(_ operation: String) {
        provenance.operations.append(operation.split(separator: "\n").joined(separator: " "))
    }
}
