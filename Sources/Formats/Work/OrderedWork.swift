/// Runs jobs that a crew makes in any order and that are taken in theirs: while a batch is made, the one before is taken
/// by the calling thread. Memory holds two batches at most.
package struct OrderedWork {
    let crew: WorkCrew

    package init(crew: WorkCrew) {
        self.crew = crew
    }

    /// How much each thread makes in a batch, in bytes.
    private static let batchShare = 12 << 20

    /// - Parameters:
    ///   - size: what a job holds in memory, in bytes.
    ///   - make: called from any thread.
    ///   - take: called on the calling thread, for one job after the other.
    /// - Throws: what `make` or `take` throws first, in the order of the jobs.
    package func run<Job: Sendable, Value: Sendable>(
        _ jobs: [Job], size: (Job) -> Int, make: @Sendable (Job) throws -> Value,
        take: (Job, Value) throws -> Void
    ) throws {
        var made: [(Job, Value)] = []
        var next = 0
        while next < jobs.count || !made.isEmpty {
            let batch = Array(jobs[next..<end(of: jobs, from: next, size)])
            let values = try crew.map(batch.count) {
                for (job, value) in made { try take(job, value) }
            } _: { index in
                try make(batch[index])
            }
            made = Array(zip(batch, values))
            next += batch.count
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
