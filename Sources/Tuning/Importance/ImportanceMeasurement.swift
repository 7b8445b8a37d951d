package import Formats
package import Transformer

/// Measures how much the inputs of each weight matter: the model reads a text, chunk by chunk, and the squares of what
/// each weight is multiplied with are summed up.
///
///     let measurement = try ImportanceMeasurement(of: checkpoint, decoder: decoder, chunks: chunks)
///     let start = measurement.start(adding: nothing, text: "text.txt")
///     let matrix = try measurement.run(upTo: chunks.count, from: start)
///
/// Looked at are the matrices of all blocks, a mixture's experts each on the tokens routed to it. Each chunk is a pass of
/// its own and what it adds is rounded to what the file holds, so that a run that was stopped and goes on ends with the
/// same bytes as one that was not.
package struct ImportanceMeasurement {
    package let chunks: ImportanceChunks
    private let decoder: Decoder
    private let projections: [Projection]
    private let weights: [Weight]
    /// A hash of all that the sums depend on but the number of chunks.
    private let identity: String

    /// A weight as GGUF files have it.
    private struct Weight {
        let name: String
        /// One, or one for each expert.
        var roles: [WeightRole]
        let columns: Int
        /// What brings sums by the model's columns into the order of a GGUF file's.
        let order: RowOrder
    }

    /// - Parameters:
    ///   - checkpoint: the model; its weights are hashed
    ///   - decoder: the same model's
    ///   - chunks: what it reads
    ///   - readsOutput: whether the weight of the head is looked at too
    ///   - added: hashes of the files that the sums are added to
    /// - Throws: `ImportanceRunError.tiedOutput` where the head has no weight of its own; `CheckpointError` where the
    ///   architecture is not known; `FileError` where a file cannot be read any more.
    package init(
        of checkpoint: Checkpoint, decoder: Decoder, chunks: ImportanceChunks,
        readsOutput: Bool = false, addedTo added: [String] = []
    ) throws {
        let head = decoder.weights.head
        guard !readsOutput || head.role.slot == .output else {
            throw ImportanceRunError.tiedOutput(model: checkpoint.path)
        }
        self.decoder = decoder
        self.chunks = chunks
        projections = decoder.weights.blockProjections + (readsOutput ? [head] : [])
        weights = try Self.weights(projections, of: checkpoint)
        let facts = [try checkpoint.weightsHash(), readsOutput ? "output" : "blocks"] + added
        var hash = SHA256()
        for bytes in [Array(facts.joined(separator: "\n").utf8), chunks.identity] {
            bytes.withUnsafeBytes { hash.update($0) }
        }
        identity = hash.hexDigest()
    }

    private static func weights(
        _ projections: [Projection], of checkpoint: Checkpoint
    ) throws -> [Weight] {
        let architecture = try checkpoint.requireArchitecture()
        var weights: [Weight] = []
        var places: [WeightRole: Range<Int>] = [:]
        for projection in projections {
            let whole = projection.role.ofAllExperts
            if let found = places[whole] {
                for place in found { weights[place].roles.append(projection.role) }
                continue
            }
            let names = names(of: whole, in: architecture)
            guard !names.isEmpty else { throw ImportanceRunError.unnamed(whole) }
            places[whole] = weights.count..<weights.count + names.count
            weights += names.map {
                Weight(
                    name: $0, roles: [projection.role], columns: projection.weight.columns,
                    order: checkpoint.form(of: whole).change(
                        to: checkpoint.form(of: whole, in: .gguf)
                    ).columns)
            }
        }
        return weights
    }

    /// What GGUF files call a weight, or each of the projections in it where they have those apart.
    private static func names(of role: WeightRole, in architecture: Architecture) -> [String] {
        if let name = architecture.name(of: role, in: .gguf) { return [name] }
        guard case .block(let block, let slot) = role.slot, slot.parts.count > 1 else { return [] }
        return slot.parts.compactMap {
            architecture.name(of: .block(block, $0, role.part), in: .gguf)
        }
    }

    // MARK: - Starting

    /// What a run begins with that has read nothing yet.
    ///
    /// - Parameters:
    ///   - added: sums of other texts, which those of this one are added to
    ///   - text: what the file is to call the text
    package func start(adding added: ImportanceMatrix, text: String) -> ImportanceMatrix {
        ImportanceMatrix(
            path: added.path, entries: added.entries, datasets: added.datasets + [text],
            chunkSize: chunks.size, progress: .init(run: identity, chunks: 0))
    }

    /// Checks that a file was written by this run, so that it can be gone on with.
    ///
    /// - Throws: `ImportanceRunError.otherRun`.
    package func check(_ written: ImportanceMatrix) throws(ImportanceRunError) {
        guard written.progress?.run == identity else { throw .otherRun(file: written.path) }
    }

    // MARK: - Running

    /// Reads chunks, from the first that was not read yet.
    ///
    /// - Parameters:
    ///   - count: how many chunks of the text are to be read in all
    ///   - start: what was read already
    ///   - interval: after how many chunks what is there is saved
    ///   - save: called with it
    ///   - progress: called with the number of chunks read
    /// - Returns: the sums of all that was read; `start` where nothing is left to read.
    /// - Throws: `ImportanceRunError.otherShape` where an entry of `start` does not fit the model, `.notFinite` for a sum
    ///   that no f32 holds; what the decoder and `save` throw.
    package func run(
        upTo count: Int, from start: ImportanceMatrix, savingEvery interval: Int = .max,
        save: (ImportanceMatrix) throws -> Void = { _ in }, progress: (Int) -> Void = { _ in }
    ) throws -> ImportanceMatrix {
        let done = start.progress?.chunks ?? 0
        let end = min(count, chunks.count)
        guard done < end else { return start }
        let squares = InputSquares(of: projections, earlier: try sums(in: start))
        // The head is computed where somebody takes its logits.
        let logits =
            projections.last?.role.slot == .output
            ? LogitsReceiver(scope: .all) { _, _, _ in } : nil
        for chunk in done..<end {
            try decoder.forward(
                [DecoderSlice(chunks[chunk])], inputSquares: squares, logits: logits)
            progress(chunk + 1)
            if (chunk + 1).isMultiple(of: interval), chunk + 1 < end {
                try save(matrix(squares, chunks: chunk + 1, from: start))
            }
        }
        return try matrix(squares, chunks: end, from: start)
    }

    private func sums(
        in matrix: ImportanceMatrix
    ) throws(ImportanceRunError) -> [WeightRole: InputSquares.Sum] {
        var sums: [WeightRole: InputSquares.Sum] = [:]
        for weight in weights {
            guard let entry = matrix.entries[ExactString(weight.name)] else { continue }
            let (columns, matrices) = (weight.columns, weight.roles.count)
            guard entry.sums.count == matrices * columns,
                entry.counts.count == matrices || entry.counts.count == 1
            else {
                throw .otherShape(
                    file: matrix.path, entry: weight.name, sums: entry.sums.count,
                    counts: entry.counts.count, matrices: matrices, columns: columns)
            }
            for (index, role) in weight.roles.enumerated() {
                sums[role] = InputSquares.Sum(
                    squares: weight.order.inverse.reordered(
                        Array(entry.sums[index * columns..<(index + 1) * columns]), columns: 1),
                    count: entry.counts[entry.counts.count == 1 ? 0 : index])
            }
        }
        return sums
    }

    private func matrix(
        _ squares: InputSquares, chunks count: Int, from start: ImportanceMatrix
    ) throws(ImportanceRunError) -> ImportanceMatrix {
        var entries = start.entries
        for weight in weights {
            let sums = weight.roles.compactMap { squares.sum(of: $0) }
            let entry = ImportanceMatrix.Entry(
                sums: sums.flatMap { weight.order.reordered($0.squares, columns: 1) },
                counts: sums.map(\.count))
            guard entry.sums.allSatisfy(\.isFinite) else {
                throw .notFinite(weight: weight.name, chunk: count)
            }
            entries[ExactString(weight.name)] = entry
        }
        return ImportanceMatrix(
            path: start.path, entries: entries, datasets: start.datasets, chunkSize: chunks.size,
            progress: .init(run: identity, chunks: count))
    }
}
