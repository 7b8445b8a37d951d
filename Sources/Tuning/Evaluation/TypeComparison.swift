package import Formats
import Glibc
package import Transformer

/// One model stored in several types, the size of each file against how far its predictions are from the source's.
///
/// Everything is planned before the first file is written. Each file is written, opened, measured on a text and removed
/// before the next one, so that one is on disk at a time. Both models run on the text in one go, which gives the
/// divergence and the file's perplexity together.
package struct TypeComparison: Sendable {
    /// A type under the name that `TypePolicy.names` has for it, and the output in it.
    package struct Candidate: Sendable {
        package let name: String
        let plan: OutputPlan

        /// Of the tensors of the output.
        package var byteCount: Int { plan.tensorByteCount }
    }

    /// What a type costs and what it changes.
    package struct Row: Sendable {
        package let name: String
        /// Of the whole file.
        package let byteCount: Int
        /// Of the tensors.
        package let bitsPerWeight: Double
        /// The root mean squared error of the rounded weights over their size; 0 where none was rounded.
        package let relativeError: Double
        /// The mean KL(source ‖ file) of the next token, in nats.
        package let divergence: Double
        /// Where that would lie for other text of the kind, by resampling windows; nil for a single one.
        package let interval: Bootstrap.Interval?
        /// Share of positions where both have the same most likely token.
        package let topAgreement: Double
        /// The perplexity of the file, on the same tokens as the source's.
        package let perplexity: Double

        /// Whether a row is as small and as near and in one of both better.
        fileprivate func isBetter(than other: Row) -> Bool {
            byteCount <= other.byteCount && divergence <= other.divergence
                && (byteCount < other.byteCount || divergence < other.divergence)
        }
    }

    /// In the order of the policies.
    package let candidates: [Candidate]

    private let crew: WorkCrew

    /// Plans the outputs.
    ///
    /// - Parameter policies: a policy and its name for each type.
    /// - Throws: as `OutputPlan.init`; `CheckpointError.cannotExpress` in the type's name where its output cannot be
    ///   written, such as for the lack of an importance matrix.
    package init(
        of source: Checkpoint, as policies: [(name: String, policy: TypePolicy)], crew: WorkCrew
    ) throws {
        self.crew = crew
        candidates = try policies.map { name, policy in
            let plan = try OutputPlan(source: source, edits: [.types(policy)], format: .gguf)
            if let refusal = plan.refusal {
                throw CheckpointError.cannotExpress(fact: "\(name): \(refusal)")
            }
            return Candidate(name: name, plan: plan)
        }
    }

    /// What the user should know about all of the outputs.
    package var notes: [String] {
        guard let first = candidates.first else { return [] }
        return first.plan.notes.filter { note in
            candidates.allSatisfy { $0.plan.notes.contains(note) }
        }
    }

    /// What the user should know about single outputs, each in its type's name.
    package var notesOnTypes: [String] {
        let shared = notes
        return candidates.flatMap { candidate in
            candidate.plan.notes.filter { !shared.contains($0) }.map { "\(candidate.name): \($0)" }
        }
    }

    /// What the files are measured with.
    package struct Passage {
        let decoder: Decoder
        let tokens: [Int]
        package let windows: SlidingWindows
        /// That of the source.
        package let perplexity: Perplexity
        let bootstrap: Bootstrap

        /// Measures the source.
        ///
        /// - Parameters:
        ///   - tokens: those of the text.
        ///   - decoder: runs the source.
        ///   - progress: called with the windows done and in all.
        /// - Throws: as `Perplexity.init`.
        package init(
            _ tokens: [Int], windows: SlidingWindows, decoder: Decoder,
            bootstrap: Bootstrap = Bootstrap(), progress: (Int, Int) -> Void = { _, _ in }
        ) throws {
            self.decoder = decoder
            self.tokens = tokens
            self.windows = windows
            self.bootstrap = bootstrap
            perplexity = try Perplexity(
                of: tokens, windows: windows, decoder: decoder, progress: progress)
        }

        /// The interval of the mean of figures, one for each predicted token in order.
        fileprivate func interval(ofMean values: [Double]) -> Bootstrap.Interval? {
            var rest = values[...]
            let sums = perplexity.windows.map { window in
                defer { rest = rest.dropFirst(window.predictedCount) }
                return rest.prefix(window.predictedCount).reduce(0, +)
            }
            return bootstrap.interval(units: sums.count) { chosen in
                let count = chosen.reduce(0) { $0 + perplexity.windows[$1].predictedCount }
                return chosen.reduce(0) { $0 + sums[$1] } / Double(count)
            }
        }
    }

    /// Writes a candidate, measures it and removes it.
    ///
    /// - Parameters:
    ///   - scratch: where the file goes meanwhile.
    ///   - written: called from any thread with the number of bytes of tensors written since.
    ///   - progress: called with the windows compared and in all.
    /// - Throws: as `CheckpointWriter.write`, `Checkpoint.open`, `Decoder.init` and `Divergence.init`.
    package func measure(
        _ candidate: Candidate, on passage: Passage, in scratch: ScratchFolder,
        written: @escaping @Sendable (Int) -> Void = { _ in },
        progress: (Int, Int) -> Void = { _, _ in }
    ) throws -> Row {
        defer { scratch.clear() }
        let path = scratch.path(of: "\(candidate.name).gguf")
        let summary = try CheckpointWriter(crew: crew, advance: written).write(
            candidate.plan, to: path, replacing: false)
        let decoder = try Decoder(checkpoint: Checkpoint.open(path), crew: crew)
        let divergence = try Divergence(
            from: passage.decoder, to: decoder, text: passage.tokens, windows: passage.windows,
            progress: progress)
        guard let loss = divergence.meanLoss else {
            throw EvaluationError.shortText(tokens: passage.tokens.count)
        }
        return Row(
            name: candidate.name, byteCount: summary.byteCount,
            bitsPerWeight: candidate.plan.bitsPerWeight,
            relativeError: RoundingReport.total(of: summary.rounding.rounded).relativeError,
            divergence: divergence.mean, interval: passage.interval(ofMean: divergence.values),
            topAgreement: divergence.topAgreement, perplexity: exp(loss))
    }

    /// Which rows are on the front: no other is as small and as near and in one of both better.
    package static func front(of rows: [Row]) -> [Bool] {
        rows.map { row in !rows.contains { $0.isBetter(than: row) } }
    }
}
