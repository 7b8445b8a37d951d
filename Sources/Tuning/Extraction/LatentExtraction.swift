package import Formats
package import Transformer

/// Directions from latent vectors: each side of a pair is a sentence, for which a vector is found that makes the model write
/// it; a block's direction is the mean difference of the two sides' vectors, by which the paper moves sentences from one
/// sentiment to another (arXiv 2205.05124, section 4).
///
/// The two sides of a pair begin at the same vector, so that what was drawn is no part of their difference.
package struct LatentExtraction: Sendable {
    package let extraction: Extraction
    /// By block; the positive sides of the pairs that differ, then the negative ones.
    package let reconstructions: [Reconstruction]
    /// The texts' places in their file, in the order of the reconstructions' vectors.
    package let places: [String]

    /// What of a sentence stands for it where pairs are compared: all tokens.
    package static let position = Position.all

    /// - Parameters:
    ///   - sentences: each pair's two sides, as `PromptRenderer.sentence` makes them.
    ///   - options: the method and the position aside.
    ///   - decode: the text of some tokens.
    ///   - progress: called with steps done and in all.
    /// - Throws: `VectorError.noSuchBlock`, `ExtractionError.identicalPairs`, `.notFinite`, `.noDirection`,
    ///   `.onlyRounding`; what the decoder throws.
    package init(
        decoder: Decoder, crew: WorkCrew, sentences: [Extraction.Pair],
        options: Extraction.Options, search: LatentSearch.Options, base: BaseIdentity,
        decode: ([Int]) -> String, progress: (Int, Int) -> Void = { _, _ in }
    ) throws {
        var options = options
        options.method = .latent
        options.position = Self.position
        let sizes = decoder.configuration.sizes
        let blocks = try options.wantedBlocks(sizes)
        guard !sentences.isEmpty else { throw ExtractionError.noPairs }
        let pairs = try Extraction.distinctPairs(sentences, at: options.position)
            .map { sentences[$0] }
        let sides = pairs.map(\.positive) + pairs.map(\.negative)
        let searcher = LatentSearch(decoder, site: options.site, options: search)
        var reconstructions: [Reconstruction] = []
        var samples: [Int: SampleMatrix] = [:]
        for (index, block) in blocks.enumerated() {
            let vectors = try searcher.vectors(
                of: sides, starts: Array(pairs.indices) + Array(pairs.indices), block: block
            ) { done, total in progress(index * total + done, blocks.count * total) }
            reconstructions.append(Reconstruction(block: block, vectors: vectors, decode: decode))
            var matrix = SampleMatrix(width: sizes.hiddenSize, rows: vectors.count)
            for (row, vector) in vectors.enumerated() { matrix[row] = vector.values[...] }
            samples[block] = matrix
        }
        extraction = try Extraction(
            samples, groups: Extraction.groups(of: pairs), places: pairs.map(\.positive.place),
            blocks: blocks, tokenCount: sides.reduce(0) { $0 + $1.tokens.count }, options: options,
            crew: crew,
            base: base)
        self.reconstructions = reconstructions
        places = sides.map(\.place)
    }

    /// Writes all vectors for Python: for each block N `positive.N` and `negative.N`, (pairs, hidden size), and where they act
    /// as `site`.
    ///
    /// - Throws: `FileError`, `ZipError`.
    package func write(to path: String, replacing: Bool) throws {
        var items = [NumPyFile.Item.text("site", extraction.vector.site.rawValue)]
        for found in reconstructions {
            let half = found.vectors.count / 2
            let sides = [
                ("positive", found.vectors[..<half]), ("negative", found.vectors[half...]),
            ]
            for (name, vectors) in sides {
                items.append(
                    .floats(
                        "\(name).\(found.block)", shape: [half, extraction.vector.width],
                        vectors.flatMap(\.values)))
            }
        }
        try NumPyFile.write(items, to: path, replacing: replacing)
    }
}

extension PromptRenderer {
    /// A prompt as a sentence that a model is to write: an assistant's text after the turns before it; or all of a plain text
    /// after the token that begins texts. Where the tokenizer names none, the text's first token is given and the rest
    /// is to be written.
    ///
    /// - Parameter limit: the most tokens a sentence may have with what comes before it.
    /// - Throws: `ExtractionError.nothingToWrite`, `TuningDataError.tooLong`; as `sequence`.
    package func sentence(
        _ prompt: Prompt, place: String, limit: Int
    ) throws -> TokenSequence {
        var sequence = try sequence(prompt, place: place)
        if case .text = prompt {
            if let begin = tokenizer.definition.beginningOfText, sequence.tokens.first != begin {
                sequence.tokens.insert(begin, at: 0)
            }
            sequence.promptCount = 1
        }
        guard sequence.promptCount > 0, sequence.promptCount < sequence.tokens.count else {
            throw ExtractionError.nothingToWrite(place: place)
        }
        guard sequence.tokens.count <= limit else {
            throw TuningDataError.tooLong(
                place: place, tokens: sequence.tokens.count, limit: limit)
        }
        return sequence
    }
}
