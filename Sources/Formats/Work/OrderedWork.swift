/// Runs jobs that a crew makes in any order and that are taken in theirs: while a batch is made, the one before is taken
/// by one of the threads. Memory holds two batches at most.
struct OrderedWork {
    let crew: WorkCrew

    /// How much each thread makes in a batch, in bytes.
    private static let batchShare = 12 << 20

    /// - Parameters:
    ///   - size: what a job holds in memory, in bytes.
    ///   - make: called from any thread.
    ///   - take: called for one job after the other.
    /// - Throws: what `make` or `take` throws first, in the order of the jobs.
    func run<Job, Value>(
        _ jobs: [Job], size: (Job) -> Int, make: (Job) throws -> Value,
        take: (Job, Value) throws -> Void
    ) throws {
        var next = 0
        var made: ArraySlice<(Job, Value)> = []
        while next < jobs.count || !made.isEmpty {
            let batch = jobs[next..<end(of: jobs, from: next, size)]
            let before = made
            // The first chunk takes; the others make.
            let results = crew.map(batch.count + 1) { chunk -> Result<Value?, any Error> in
                Result {
                    guard chunk == 0 else { return try make(batch[next + chunk - 1]) }
                    for (job, value) in before { try take(job, value) }
                    return nil
                }
            }
            made = []
            for (chunk, result) in results.enumerated() {
                if let value = try result.get() { made.append((batch[next + chunk - 1], value)) }
            }
            next = batch.endIndex
        }
    }

    private func end<Job>(of jobs: [Job], from start: Int, _ size: (Job) -> Int) -> Int {
        var end = start
        var total = 0
        while end < jobs.count, end == start || total < Self.batchShare * crew.threads {
            total += size(jobs[end])
            end += 1
        }
        return end
    }
}
