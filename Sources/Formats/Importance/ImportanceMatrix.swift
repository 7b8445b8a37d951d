/// How much each input of each weight matters to a model: sums of squares of what the weights were multiplied with while
/// the model read a text. Quantisation spends its precision where they are large.
///
///     let matrix = try ImportanceMatrix(contentsOf: "imatrix.gguf")
///     let importance = try matrix.values(for: "blk.0.attn_q.weight", columns: 576)
///
/// Files are those of llama.cpp's `llama-imatrix`: GGUF, and the format it had before.
package struct ImportanceMatrix: Sendable, Equatable {
    /// The sums of one weight.
    package struct Entry: Sendable, Equatable {
        /// (matrices, columns): sums of squares of a column's inputs; a mixture's weight has a matrix for each expert.
        package var sums: [Float]
        /// How many inputs each matrix had, or one number for all: tokens, or chunks where `chunkSize` is nil.
        package var counts: [Int]

        /// - Precondition: there is at least one count, and the sums are a multiple of the counts.
        package init(sums: [Float], counts: [Int]) {
            precondition(!counts.isEmpty && sums.count % counts.count == 0)
            self.sums = sums
            self.counts = counts
        }
    }

    /// Which run made the file and how far it got, so that it can go on.
    package struct Progress: Sendable, Equatable {
        /// A hash of all that the sums depend on but the number of chunks.
        package let run: String
        /// How many chunks of the run's text are in the sums.
        package let chunks: Int

        package init(run: String, chunks: Int) {
            self.run = run
            self.chunks = chunks
        }
    }

    /// The file it was read from or is for, as errors name it.
    package let path: String
    /// By the weight's name in GGUF files, such as `blk.0.attn_q.weight`.
    package let entries: [ExactString: Entry]
    /// The texts that were read, as the runs called them.
    package let datasets: [String]
    /// How many chunks were read in all.
    package let chunkCount: Int
    /// Tokens of a chunk; nil where the file does not say, as those of the older format: counts are then chunks.
    package let chunkSize: Int?
    /// Nil where another program made it, or several were combined.
    package let progress: Progress?

    init(
        path: String, entries: [ExactString: Entry], datasets: [String], chunkCount: Int,
        chunkSize: Int?, progress: Progress? = nil
    ) {
        self.path = path
        self.entries = entries
        self.datasets = datasets
        self.chunkCount = chunkCount
        self.chunkSize = chunkSize
        self.progress = progress
    }

    /// A matrix whose chunks are counted by the entry that has seen most.
    ///
    /// - Parameters:
    ///   - path: the file, for errors
    ///   - entries: by the weight's name in GGUF files, their counts in tokens
    ///   - datasets: the texts that were read
    ///   - chunkSize: tokens of a chunk
    ///   - progress: how far the run got that made it
    /// - Precondition: a chunk has at least one token.
    package init(
        path: String, entries: [ExactString: Entry], datasets: [String], chunkSize: Int,
        progress: Progress? = nil
    ) {
        precondition(chunkSize > 0)
        let most = entries.values.lazy.flatMap(\.counts).max() ?? 0
        self.init(
            path: path, entries: entries, datasets: datasets, chunkCount: most / chunkSize,
            chunkSize: chunkSize, progress: progress)
    }

    /// Reads a file of either format; which one it is its first bytes tell.
    ///
    /// - Throws: `FileError` and `GGUFError` where the file cannot be read; `ImportanceError` where it holds no importance
    ///   matrix, lacks a key or half an entry, or has sums or counts that no measurement gives.
    package init(contentsOf path: String) throws {
        let file = try MappedFile(path: path)
        if FileContent(file.bytes) == .gguf {
            self = try Self(gguf: path)
        } else {
            self = try Self(legacy: file)
        }
    }

    /// The names of all entries, in the order of their bytes.
    package var names: [String] {
        entries.keys.map(\.string).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// The importance of a weight's columns as `llama-quantize` takes it: mean squares for each of its matrices, and 1
    /// for all columns of one that no token reached.
    ///
    /// - Parameters:
    ///   - name: the weight's name in GGUF files
    ///   - columns: its inputs
    ///   - experts: how many matrices it has
    /// - Returns: (experts, columns), or nil where there is no entry; nil also for an entry of token embeddings that does
    ///   not fit.
    /// - Throws: `ImportanceError` with `wrongSize` where another entry does not fit.
    package func values(
        for name: String, columns: Int, experts: Int = 1
    ) throws(ImportanceError) -> [Float]? {
        guard let entry = entries[ExactString(name)] else { return nil }
        let (expected, overflow) = columns.multipliedReportingOverflow(by: experts)
        guard !overflow, entry.sums.count == expected else {
            if name.hasSuffix("token_embd.weight") { return nil }
            throw ImportanceError(
                path: path,
                problem: .wrongSize(
                    entry: name, found: entry.sums.count, columns: columns, experts: experts))
        }
        return entry.means
    }
}

extension ImportanceMatrix.Entry {
    /// (matrices, columns): the mean square of each column, 1 where nothing was counted.
    package var means: [Float] {
        let columns = sums.count / counts.count
        var means = sums
        for (matrix, count) in counts.enumerated() {
            let divisor = Float(count)
            for index in matrix * columns..<(matrix + 1) * columns {
                means[index] = count > 0 ? sums[index] / divisor : 1
            }
        }
        return means
    }

    /// The indices of the matrices that no token reached.
    package var unreached: [Int] { counts.indices.filter { counts[$0] == 0 } }
}
