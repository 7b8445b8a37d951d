import Glibc
import Synchronization

/// A crew of threads that runs the chunks of one parallel region after another.
///
///     let crew = WorkCrew(threads: 2)
///     crew.run(rows) { row in widen(row) }
///
/// Chunks are claimed one by one from an atomic word, and the caller claims along: a helper that the system
/// does not run is never waited for, except for the chunk it has begun. Helpers spin between regions, yield the
/// processor after a few hundred turns, and sleep after a few milliseconds without work; they end with the crew.
package final class WorkCrew: Sendable {
    /// How many threads take part in a region, the caller included.
    package let threads: Int
    private let region: Region
    private let helpers: [pthread_t]

    /// Starts `threads − 1` helpers, or as many of them as the system allows.
    package init(threads: Int) {
        let region = Region()
        var helpers: [pthread_t] = []
        while helpers.count < threads - 1, let helper = Self.startHelper(of: region) {
            helpers.append(helper)
        }
        self.region = region
        self.helpers = helpers
        self.threads = helpers.count + 1
    }

    deinit {
        region.close()
        for helper in helpers { pthread_join(helper, nil) }
    }

    /// Runs body(0) … body(chunks − 1), each exactly once and in any order, and returns when all are done.
    ///
    /// A call made while another region of this crew is under way (from inside a body, from another thread) does
    /// all of its chunks on the calling thread.
    /// - Precondition: chunks < 2³².
    package func run(_ chunks: Int, _ body: @Sendable (Int) -> Void) {
        run(chunks, atLeast: 2, meanwhile: {}, body)
    }

    /// What the body gives for 0 … count − 1, each computed once, in the order of the indices.
    ///
    /// - Throws: what the body throws for the least index, whatever the number of threads; what comes after a failure
    ///   may be left out.
    package func map<Value: Sendable, Problem: Error>(
        _ count: Int, _ body: @Sendable (Int) throws(Problem) -> Value
    ) throws(Problem) -> [Value] {
        try map(count, meanwhile: { () throws(Problem) in }, body)
    }

    /// The same, with something of its own that the calling thread does first, while the others begin.
    ///
    /// - Throws: what `own` throws, else as the other.
    package func map<Value: Sendable, Problem: Error>(
        _ count: Int, meanwhile own: () throws(Problem) -> Void,
        _ body: @Sendable (Int) throws(Problem) -> Value
    ) throws(Problem) -> [Value] {
        var ownProblem: Problem?
        var results = [Result<Value, Problem>?](repeating: nil, count: max(0, count))
        results.withUnsafeMutableBufferPointer { results in
            let results = Shared(results)
            let firstFailure = Atomic<Int>(.max)
            run(count, atLeast: 1) {
                do throws(Problem) {
                    try own()
                } catch {
                    ownProblem = error
                    firstFailure.min(-1, ordering: .relaxed)
                }
            } _: { index in
                guard index < firstFailure.load(ordering: .relaxed) else { return }
                do throws(Problem) {
                    results.pointer[index] = .success(try body(index))
                } catch {
                    results.pointer[index] = .failure(error)
                    firstFailure.min(index, ordering: .relaxed)
                }
            }
        }
        if let ownProblem { throw ownProblem }
        var values: [Value] = []
        values.reserveCapacity(results.count)
        for result in results { if let result { values.append(try result.get()) } }
        return values
    }

    /// Runs the chunks and, on the calling thread before it helps, something of its own.
    ///
    /// - Parameter least: how many chunks are worth a region.
    private func run(
        _ chunks: Int, atLeast least: Int, meanwhile own: () -> Void,
        _ body: @Sendable (Int) -> Void
    ) {
        precondition(chunks < 1 << 32)
        guard !helpers.isEmpty, chunks >= least, region.tryEnter() else {
            own()
            for chunk in 0..<max(0, chunks) { body(chunk) }
            return
        }
        defer { region.leave() }
        withoutActuallyEscaping(body) { region.run(chunks, meanwhile: own, $0) }
    }

    private static func startHelper(of region: Region) -> pthread_t? {
        var helper = pthread_t()
        let context = Unmanaged.passRetained(region)
        let status = pthread_create(
            &helper, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Region>.fromOpaque(context).takeRetainedValue().serve()
                return nil
            }, context.toOpaque())
        guard status == 0 else {
            context.release()
            return nil
        }
        return helper
    }
}

/// What a crew and its helpers share.
private final class Region: Sendable {
    typealias Body = @Sendable (Int) -> Void

    /// generation << 32 | chunks not yet claimed. The generation keeps a helper that was suspended in the middle of
    /// a claim from claiming with the word of an earlier region.
    private let claims = Atomic<UInt64>(0)
    private let unfinished = Atomic<Int>(0)
    private let isEntered = Atomic<Bool>(false)
    private let isClosed = Atomic<Bool>(false)
    private let sleepers = Atomic<Int>(0)
    private let wakeUp: Shared<UnsafeMutablePointer<sem_t>>

    // Written before `claims` is published, read only by whoever holds a claim, so never while being written.
    private let chunks = Atomic<Int>(0)
    private let body = Atomic<Shared<UnsafePointer<Body>>?>(nil)

    private static let spinsBeforeYield = 300
    private static let idleMilliseconds = 3

    init() {
        wakeUp = Shared(.allocate(capacity: 1))
        sem_init(wakeUp.pointer, 0, 0)
    }

    deinit {
        sem_destroy(wakeUp.pointer)
        wakeUp.pointer.deallocate()
    }

    func tryEnter() -> Bool {
        isEntered.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    }

    func leave() { isEntered.store(false, ordering: .releasing) }

    func run(_ count: Int, meanwhile own: () -> Void, _ body: @escaping Body) {
        withUnsafePointer(to: body) { run(count, meanwhile: own, at: $0) }
    }

    private func run(_ count: Int, meanwhile own: () -> Void, at place: UnsafePointer<Body>) {
        chunks.store(count, ordering: .relaxed)
        body.store(Shared(place), ordering: .relaxed)
        unfinished.store(count, ordering: .relaxed)
        let generation = (claims.load(ordering: .relaxed) >> 32) &+ 1
        claims.store(generation << 32 | UInt64(count), ordering: .sequentiallyConsistent)
        wakeSleepers()
        own()
        while let chunk = claim() { finish(chunk) }
        var spins = 0
        while unfinished.load(ordering: .acquiring) > 0 { pause(&spins) }
        body.store(nil, ordering: .relaxed)
    }

    /// The helpers' loop.
    func serve() {
        while !isClosed.load(ordering: .acquiring) {
            if let chunk = claim() { finish(chunk) } else { waitForWork() }
        }
    }

    func close() {
        isClosed.store(true, ordering: .sequentiallyConsistent)
        wakeSleepers()
    }

    private func claim() -> Int? {
        var word = claims.load(ordering: .acquiring)
        while word & 0xFFFF_FFFF != 0 {
            let (exchanged, seen) = claims.compareExchange(
                expected: word, desired: word - 1, ordering: .acquiring)
            if exchanged { return chunks.load(ordering: .relaxed) - Int(word & 0xFFFF_FFFF) }
            word = seen
        }
        return nil
    }

    private func finish(_ chunk: Int) {
        perform(chunk)
        unfinished.subtract(1, ordering: .acquiringAndReleasing)
    }

    // Not inlined, so that the closure is released before the chunk counts as finished.
    @inline(never)
    private func perform(_ chunk: Int) { body.load(ordering: .relaxed)?.pointer.pointee(chunk) }

    private func waitForWork() {
        var spins = 0
        var deadline: UInt64?
        while !isCalled {
            pause(&spins)
            guard spins % Self.spinsBeforeYield == 0 else { continue }
            let now = monotonicNanoseconds()
            if now >= deadline ?? .max { return sleep() }
            deadline = deadline ?? now + UInt64(Self.idleMilliseconds) * 1_000_000
        }
    }

    /// Whether there is a chunk to claim or the crew is closing.
    private var isCalled: Bool {
        claims.load(ordering: .sequentiallyConsistent) & 0xFFFF_FFFF != 0
            || isClosed.load(ordering: .sequentiallyConsistent)
    }

    /// Announces itself, looks once more for work (whoever publishes work looks for sleepers after it), sleeps.
    private func sleep() {
        sleepers.add(1, ordering: .sequentiallyConsistent)
        if isCalled, withdraw() { return }
        while sem_wait(wakeUp.pointer) != 0 && errno == EINTR {}
    }

    /// Takes the announcement back; false where a wake-up is already on its way.
    private func withdraw() -> Bool {
        var count = sleepers.load(ordering: .sequentiallyConsistent)
        while count > 0 {
            let (exchanged, seen) = sleepers.compareExchange(
                expected: count, desired: count - 1, ordering: .sequentiallyConsistent)
            if exchanged { return true }
            count = seen
        }
        return false
    }

    private func wakeSleepers() {
        guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
        for _ in 0..<sleepers.exchange(0, ordering: .sequentiallyConsistent) {
            sem_post(wakeUp.pointer)
        }
    }

    /// One turn of a waiting loop; gives the processor away every few hundred turns.
    private func pause(_ spins: inout Int) {
        spins &+= 1
        if spins % Self.spinsBeforeYield == 0 { sched_yield() }
    }
}

private func monotonicNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
