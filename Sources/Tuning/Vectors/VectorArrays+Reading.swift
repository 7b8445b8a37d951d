import Formats
import Transformer

extension VectorArrays {
    /// The vector that the arrays are.
    ///
    /// - Throws: `VectorError` for an array that is no direction, is named by no block or is of another width, and for what
    ///   the file does not say, or says otherwise than the caller.
    func vector(_ reading: VectorFile.Reading) throws -> SteeringVector {
        let texts = try namedTexts()
        let site = try site(texts[VectorKey.site], reading)
        let names = Set(VectorKey.figures.map(\.name) + [Self.baseSample])
        let directions = try directions(
            arrays.filter { !names.contains($0.name) },
            isOwn: texts[VectorKey.site] != nil || texts[SafetensorsFile.contentKey] != nil,
            reading)
        try VectorFile.check(directions, site: site, in: path)
        let blocks = directions.keys.sorted()
        var provenance = SteeringVector.Provenance(texts: texts)
        for entry in arrays where entry.name == Self.baseSample {
            provenance.baseSample = try floats(entry)
        }
        for (name, member) in VectorKey.figures {
            guard let entry = arrays.first(where: { $0.name == name }) else { continue }
            guard entry.shape == [blocks.count] else {
                throw VectorError.badTensor(
                    file: path, name: name,
                    reason: "has shape \(entry.shape), but there are \(blocks.count) blocks")
            }
            provenance[keyPath: member] = Dictionary(
                uniqueKeysWithValues: zip(blocks, try floats(entry)))
        }
        return SteeringVector(site: site, directions: directions, provenance: provenance)
    }

    // MARK: - Texts

    private func namedTexts() throws(VectorError) -> [String: String] {
        if texts.contains(where: {
            $0.key == SafetensorsFile.contentKey && $0.text == SafetensorsFile.scalingContent
        }) {
            throw .notAVector(file: path, reason: "it holds factors of sub-layers, for --scaling")
        }
        let known = SteeringVector.Provenance.textKeys.union([
            VectorKey.site, SafetensorsFile.contentKey,
        ])
        for (key, _) in texts where key.hasPrefix(VectorKey.prefix) && !known.contains(key) {
            throw .badMetadata(file: path, key: key, reason: "is none that a vector has")
        }
        let named = Dictionary(texts.map { ($0.key, $0.text) }) { first, _ in first }
        switch named[SafetensorsFile.contentKey] {
        case nil, SafetensorsFile.vectorContent?: return named
        case SafetensorsFile.offsetsContent?:
            throw .notAVector(
                file: path,
                reason:
                    "it holds directions of several tokens; 'extract' takes those of one from it")
        case let other?:
            throw .badMetadata(
                file: path, key: SafetensorsFile.contentKey,
                reason: "is \(other.quoted), not '\(SafetensorsFile.vectorContent)'")
        }
    }

    private func site(
        _ text: String?, _ reading: VectorFile.Reading
    ) throws(VectorError) -> Site {
        try VectorFile.site(text, key: VectorKey.site, reading, in: path)
    }

    // MARK: - Directions

    private func directions(
        _ entries: [Entry], isOwn: Bool, _ reading: VectorFile.Reading
    ) throws -> [Int: [Float]] {
        if isOwn, reading.convention == .generator {
            throw VectorError.otherConvention(file: path)
        }
        if entries.count == 1, entries[0].shape.count == 2 {
            return try rows(of: entries[0], reading)
        }
        guard reading.firstBlock == nil else { throw VectorError.blocksAreNamed(file: path) }
        var directions: [Int: [Float]] = [:]
        for entry in entries {
            let block = try block(of: entry, reading)
            guard directions[block] == nil else {
                throw VectorError.badTensor(
                    file: path, name: entry.name,
                    reason: "names block \(block), which another array names too")
            }
            guard entry.shape.count == 1 else {
                throw VectorError.badTensor(
                    file: path, name: entry.name,
                    reason: "has shape \(entry.shape), not one dimension")
            }
            directions[block] = try floats(entry)
        }
        return directions
    }

    /// The rows of one array, of blocks in a row. A row of block −1, the embeddings, is left out.
    private func rows(
        of entry: Entry, _ reading: VectorFile.Reading
    ) throws -> [Int: [Float]] {
        guard let first = reading.firstBlock else { throw VectorError.noFirstBlock(file: path) }
        let (count, width) = (entry.shape[0], entry.shape[1])
        guard count < VectorFile.blockLimit - max(0, first) else {
            throw VectorError.badTensor(
                file: path, name: entry.name, reason: "has \(count) rows, more than any model")
        }
        let values = try floats(entry)
        let blocks = (0..<count).map { $0 + first }.filter { $0 >= 0 }
        return Dictionary(
            uniqueKeysWithValues: blocks.map { block in
                let start = (block - first) * width
                return (block, Array(values[start..<start + width]))
            })
    }

    /// The number at the end of a name. What stands before it must be ours or nothing, unless the caller says where such
    /// vectors act.
    private func block(
        of entry: Entry, _ reading: VectorFile.Reading
    ) throws(VectorError) -> Int {
        let isDigit = { (character: Character) in character.isASCII && character.isNumber }
        let digits = String(entry.name.reversed().prefix(while: isDigit).reversed())
        guard let number = Int(digits), number < VectorFile.blockLimit else {
            throw .badTensor(
                file: path, name: entry.name, reason: "does not end in the number of a block")
        }
        let start = entry.name.dropLast(digits.count)
        guard start.isEmpty || start == Self.direction || reading.site != nil else {
            throw .badTensor(
                file: path, name: entry.name,
                reason: "is not called \(Self.direction)N or N: say at which site it acts")
        }
        if let other = arrays.first(where: { hasOtherStart($0.name, start) }) {
            throw .badTensor(
                file: path, name: other.name, reason: "is called otherwise than '\(entry.name)'")
        }
        let block = reading.convention == .generator ? number - 1 : number
        guard block >= 0 else {
            throw .badTensor(file: path, name: entry.name, reason: "names block \(block)")
        }
        return block
    }

    /// Whether a direction is called by another word.
    private func hasOtherStart(_ name: String, _ start: Substring) -> Bool {
        let isDigit = { (character: Character) in character.isASCII && character.isNumber }
        let names = VectorKey.figures.map(\.name) + [Self.baseSample]
        guard !names.contains(name), name.last.map(isDigit) ?? false else { return false }
        return name.dropLast(name.reversed().prefix(while: isDigit).count) != start
    }

    private func floats(_ entry: Entry) throws -> [Float] {
        guard entry.type.isPlainFloat else {
            throw VectorError.badTensor(
                file: path, name: entry.name,
                reason: "is \(entry.type.name), not f32, f64, f16 or bf16")
        }
        return try entry.values()
    }
}
