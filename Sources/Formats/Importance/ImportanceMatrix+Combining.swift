/// Several matrices as one: what each weight saw in all their texts.
extension ImportanceMatrix {
    /// Adds matrices as `llama-imatrix` does. Sums and counts add up; one count for all of a weight's matrices stands for
    /// each of them. Where a matrix counts chunks, they are taken to be as long as those of the result.
    ///
    /// - Parameters:
    ///   - matrices: in the order in which sums are added
    ///   - path: the file they are combined for, for errors
    ///   - chunkSize: tokens of a chunk of the result, which its number of chunks is counted in
    /// - Throws: `ImportanceError` with `otherSums`, `otherCounts` where a weight has not the same shape in all, `tooLarge`
    ///   where a sum or count exceeds its type.
    package init(
        combining matrices: [ImportanceMatrix], path: String, chunkSize: Int
    ) throws(ImportanceError) {
        var entries: [ExactString: Entry] = [:]
        var origins: [ExactString: String] = [:]
        for matrix in matrices {
            for (name, entry) in matrix.entries {
                do throws(ImportanceError.Problem) {
                    let added = try entry.scaled(
                        by: matrix.chunkSize == nil ? chunkSize : 1, name: name.string)
                    entries[name] =
                        try entries[name]?
                        .adding(added, name: name.string, other: origins[name] ?? "") ?? added
                } catch {
                    throw ImportanceError(path: matrix.path, problem: error)
                }
                origins[name] = origins[name] ?? matrix.path
            }
        }
        self.init(
            path: path, entries: entries, datasets: matrices.flatMap(\.datasets),
            chunkSize: chunkSize)
    }
}

extension ImportanceMatrix.Entry {
    fileprivate func scaled(
        by factor: Int, name: String
    ) throws(ImportanceError.Problem) -> ImportanceMatrix.Entry {
        guard factor != 1 else { return self }
        let counts = counts.map { $0.multipliedReportingOverflow(by: factor) }
        let sums = sums.map { $0 * Float(factor) }
        guard !counts.contains(where: \.overflow), sums.allSatisfy(\.isFinite) else {
            throw .tooLarge(entry: name)
        }
        return ImportanceMatrix.Entry(sums: sums, counts: counts.map(\.partialValue))
    }

    fileprivate func adding(
        _ added: ImportanceMatrix.Entry, name: String, other: String
    ) throws(ImportanceError.Problem) -> ImportanceMatrix.Entry {
        guard added.sums.count == sums.count else {
            throw .otherSums(
                entry: name, found: added.sums.count, other: other, expected: sums.count)
        }
        let matrices = max(counts.count, added.counts.count)
        guard let own = spread(over: matrices), let more = added.spread(over: matrices) else {
            throw .otherCounts(
                entry: name, found: added.counts.count, other: other, expected: counts.count)
        }
        let totals = zip(own, more).map { $0.addingReportingOverflow($1) }
        let sums = zip(sums, added.sums).map { $0 + $1 }
        guard !totals.contains(where: \.overflow), sums.allSatisfy(\.isFinite) else {
            throw .tooLarge(entry: name)
        }
        return ImportanceMatrix.Entry(sums: sums, counts: totals.map(\.partialValue))
    }

    /// A count for each matrix; nil where there are counts for another number of matrices.
    private func spread(over matrices: Int) -> [Int]? {
        if counts.count == matrices { return counts }
        guard counts.count == 1, sums.count % matrices == 0 else { return nil }
        return [Int](repeating: counts[0], count: matrices)
    }
}
