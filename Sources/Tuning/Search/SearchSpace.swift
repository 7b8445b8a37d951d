import Foundation
package import Transformer

/// A vector file that is searched: its site, and what it has for each block.
package struct SearchVector: Sendable {
    /// As its user named it.
    package let file: String
    package let site: Site
    /// Ascending.
    package let blocks: [Int]
    /// Of strength 1, one for each of the blocks.
    let interventions: [Intervention]
    /// What strength 1 pushes the stream by in each block, in units of its length, where the file knows that.
    var pushes: [Int: Double] = [:]
}

extension SearchVector {
    /// Opens `FILE[@BLOCKS]`.
    ///
    /// - Throws: `SearchError.scaled` where the text gives a scale, since the search finds it; what steering with the vector
    ///   would throw.
    package init(
        _ text: String, convention: VectorFile.Convention = .llamaCpp, hiddenSize: Int,
        blockCount: Int
    ) throws {
        let specification = try VectorSpecification(text)
        guard specification.scale == 1 else {
            throw SearchError.scaled(text: text, scale: specification.scale)
        }
        interventions = try specification.interventions(
            .add, convention: convention, hiddenSize: hiddenSize, blockCount: blockCount)
        guard let first = interventions.first else {
            throw SearchError.noBlocks(file: specification.file)
        }
        file = specification.file
        site = first.site
        blocks = interventions.map(\.block)
        let vector = try VectorFile.read(file, convention: convention)
        for block in blocks { pushes[block] = vector.relativePush(in: [block]) }
    }
}

/// A vector at some of its blocks, pushing one way.
package struct SearchCandidate: Sendable, Hashable {
    /// Which of the vectors.
    package let vector: Int
    /// Neighbours in the list of the vector's blocks, as indices.
    package let places: ClosedRange<Int>
    package let isNegative: Bool

    /// Whether the two share most of what either has.
    func resembles(_ other: SearchCandidate) -> Bool {
        guard vector == other.vector, isNegative == other.isNegative,
            places.overlaps(other.places)
        else { return false }
        let shared = places.clamped(to: other.places).count
        return 2 * shared >= places.count + other.places.count - shared
    }
}

/// A multiple of a vector, of three significant digits: the same number here and in a SPEC.
package struct SearchStrength: Sendable, Hashable, CustomStringConvertible {
    /// What a SPEC says.
    package let description: String
    package let value: Float

    static let range = 1e-6...1e6

    /// - Parameter value: cut to 10⁻⁶…10⁶ without its sign.
    package init(_ value: Double) {
        let magnitude = min(max(abs(value), Self.range.lowerBound), Self.range.upperBound)
        let signed = value < 0 ? -magnitude : magnitude
        let rounded = Double(String(format: "%.3g", signed)) ?? signed
        let text = "\(rounded)"
        description = text.hasSuffix(".0") ? String(text.dropLast(2)) : text
        self.value = Float(description) ?? Float(rounded)
    }

    var magnitude: Double { Double(description).map(abs) ?? Double(abs(value)) }
}

/// What one trial steers with.
package struct SearchPoint: Sendable, Hashable {
    package let candidate: SearchCandidate
    package let strength: SearchStrength

    /// - Parameter magnitude: the strength without the candidate's sign.
    init(_ candidate: SearchCandidate, _ magnitude: Double) {
        self.candidate = candidate
        strength = SearchStrength(candidate.isNegative ? -magnitude : magnitude)
    }

    /// Ascending.
    package func blocks(in vectors: [SearchVector]) -> [Int] {
        Array(vectors[candidate.vector].blocks[candidate.places])
    }

    /// `FILE:SCALE@BLOCKS`, as every command that steers takes it.
    package func specification(in vectors: [SearchVector]) -> String {
        "\(vectors[candidate.vector].file):\(scaleAndBlocks(in: vectors))"
    }

    /// The same without the file.
    func scaleAndBlocks(in vectors: [SearchVector]) -> String {
        "\(strength)@\(BlockSet.text(blocks(in: vectors)))"
    }

    /// What `--vector` with the specification steers with.
    package func interventions(in vectors: [SearchVector]) -> [Intervention] {
        vectors[candidate.vector].interventions[candidate.places].map { intervention in
            var intervention = intervention
            intervention.strength = strength.value
            return intervention
        }
    }
}
