import Transformer

/// Arithmetic of whole vectors. Products are summed in f64 and rounded once.
extension SteeringVector {
    /// Σ scale · vector, block by block: what the vectors do when they are added to the stream together. A block that only
    /// some of them have gets the sum of those.
    ///
    /// What is the same in all of them, where it comes from, is kept.
    ///
    /// - Throws: `VectorError.otherWidth`, `.otherSite`; `.beyondFloat` where a sum does not fit f32.
    package static func sum(_ terms: [VectorTerm]) throws(VectorError) -> SteeringVector {
        try terms.checkTogether()
        var sums: [Int: [Double]] = [:]
        for term in terms {
            let scale = Double(term.scale)
            for (block, direction) in term.vector.directions {
                let part = direction.map { scale * Double($0) }
                sums[block] = sums[block].map { zip($0, part).map { $0 + $1 } } ?? part
            }
        }
        var directions: [Int: [Float]] = [:]
        for (block, sum) in sums.sorted(by: { $0.key < $1.key }) {
            directions[block] = try rounded(sum, block: block)
        }
        var vector = SteeringVector(
            site: terms.first?.vector.site ?? .residPost, directions: directions,
            provenance: common(terms.map(\.vector), of: directions.keys.sorted()))
        vector.record("add " + terms.map(\.name).joined(separator: " "))
        return vector
    }

    /// scale · vector.
    ///
    /// - Parameter name: of the vector, for errors and the record
    /// - Throws: `VectorError.beyondFloat`.
    package func scaled(by scale: Double, name: String) throws(VectorError) -> SteeringVector {
        var vector = self
        for (block, direction) in directions {
            vector.directions[block] = try Self.rounded(
                direction.map { scale * Double($0) }, block: block)
        }
        vector.provenance.forgetSigns(isTurned: scale < 0)
        if abs(scale) != 1 { vector.provenance.normalization = Self.anyLength }
        vector.record(scale == -1 ? "negate \(name)" : "scale \(name) by \(scale)")
        return vector
    }

    /// The vector with directions of one length.
    ///
    /// - Parameter name: of the vector, for errors and the record
    /// - Throws: `VectorError.noLength` for a direction of zeros, `.beyondFloat`.
    package func withLength(_ length: Double, name: String) throws(VectorError) -> SteeringVector {
        var vector = self
        for (block, direction) in directions {
            let norm = direction.norm
            guard norm > 0 else { throw .noLength(file: name, block: block) }
            vector.directions[block] = try Self.rounded(
                direction.map { Double($0) / norm * length }, block: block)
        }
        vector.provenance.normalization = length == 1 ? Self.unitLength : Self.anyLength
        vector.record("scale \(name) to length \(length)")
        return vector
    }

    /// What normalisations are called in files.
    private static let anyLength = Normalization.none.rawValue
    private static let unitLength = Normalization.unit.rawValue

    private static func rounded(
        _ values: [Double], block: Int
    ) throws(VectorError) -> [Float] {
        var floats: [Float] = []
        floats.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            guard Float(value).isFinite else {
                throw .beyondFloat(block: block, index: index, value: value)
            }
            floats.append(Float(value))
        }
        return floats
    }

    /// What vectors that are added up have in common. What each direction was measured by holds of the sum where it is the
    /// stream that was measured and all say the same.
    private static func common(
        _ vectors: [SteeringVector], of blocks: [Int]
    ) -> Provenance {
        guard var common = vectors.first?.provenance else { return Provenance(modelHint: "") }
        let others = vectors.dropFirst().map(\.provenance)
        func keep<Value: Equatable>(_ member: WritableKeyPath<Provenance, Value?>) {
            if others.contains(where: { $0[keyPath: member] != common[keyPath: member] }) {
                common[keyPath: member] = nil
            }
        }
        keep(\.method)
        keep(\.token)
        if others.contains(where: { common.base.isOther(than: $0.base) }) {
            common.base = BaseIdentity(modelHint: common.modelHint)
        }
        common.normalization = anyLength
        common.pairCount = nil
        common.signAgreement = [:]
        common.lengthLost = [:]
        common.projectedOut = []
        common.operations = []
        let norms = vectors.map(\.provenance.activationNorm)
        var agreed: [Int: Float] = [:]
        for block in blocks {
            let figures = Set(
                zip(vectors, norms).compactMap { vector, norms in
                    vector.directions[block] == nil ? nil : norms[block] ?? .nan
                })
            if figures.count == 1, let figure = figures.first, figure.isFinite {
                agreed[block] = figure
            }
        }
        common.activationNorm = agreed.count == blocks.count ? agreed : [:]
        return common
    }
}

extension SteeringVector.Provenance {
    /// A direction that is turned has another share of pairs along it, which nobody has counted.
    fileprivate mutating func forgetSigns(isTurned: Bool) {
        if isTurned { signAgreement = [:] }
    }
}
