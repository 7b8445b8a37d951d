import Formats
import Glibc
import Synchronization
import Testing

@Suite struct WorkCrewTests {
    @Test(arguments: [1, 2, 3, 5]) func runsEveryChunkOfManyRegionsExactlyOnce(threads: Int) {
        let crew = WorkCrew(threads: threads)
        let most = 37
        let counts = (0..<most).map { _ in Counter() }
        var expected = [Int](repeating: 0, count: most)
        for region in 0..<20_000 {
            let chunks = region % (most + 1)
            crew.run(chunks) { counts[$0].add() }
            for chunk in 0..<chunks { expected[chunk] += 1 }
        }
        #expect(counts.map(\.value) == expected)
    }

    @Test func seesWhatEarlierRegionsWrote() {
        let crew = WorkCrew(threads: 3)
        var cells = [Int](repeating: 0, count: 16)
        cells.withUnsafeMutableBufferPointer { cells in
            let cells = Shared(cells)
            for _ in 0..<5_000 { crew.run(16) { cells.pointer[$0] += 1 } }
        }
        #expect(cells == [Int](repeating: 5_000, count: 16))
    }

    @Test func helpersWakeAfterSleeping() async throws {
        let crew = WorkCrew(threads: 2)
        let total = Counter()
        for _ in 0..<5 {
            crew.run(8) { _ in total.add() }
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(total.value == 40)
    }

    @Test func nestedAndConcurrentRegionsRunWhole() async {
        let crew = WorkCrew(threads: 2)
        let total = Counter()
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    for _ in 0..<200 {
                        crew.run(4) { _ in crew.run(3) { _ in total.add() } }
                    }
                }
            }
        }
        #expect(total.value == 4 * 200 * 4 * 3)
    }

    @Test func crewsComeAndGo() {
        let total = Counter()
        for _ in 0..<200 { WorkCrew(threads: 3).run(5) { _ in total.add() } }
        #expect(total.value == 1_000)
    }

    @Test(arguments: [-1, 0, 1]) func aCrewOfOneRunsInOrderOnTheCaller(threads: Int) {
        let crew = WorkCrew(threads: threads)
        let order = Mutex<[Int]>([])
        crew.run(5) { chunk in order.withLock { $0.append(chunk) } }
        crew.run(0) { chunk in order.withLock { $0.append(chunk) } }
        #expect(crew.threads == 1)
        #expect(order.withLock { $0 } == [0, 1, 2, 3, 4])
    }

    @Test(arguments: [1, 2, 3])
    func mapsInTheOrderOfTheIndices(threads: Int) {
        let crew = WorkCrew(threads: threads)
        #expect(crew.map(1000) { "\($0)" } == (0..<1000).map { "\($0)" })
        #expect(crew.map(0) { $0 }.isEmpty)
    }

    @Test(arguments: [1, 2, 3])
    func throwsWhatTheLeastIndexThrows(threads: Int) {
        let crew = WorkCrew(threads: threads)
        for _ in 0..<500 {
            #expect(throws: Refused(index: 3)) {
                try crew.map(64) { index throws(Refused) in
                    if index % 7 == 3 { throw Refused(index: index) }
                }
            }
        }
    }

    @Test func computesNothingAfterAFailureThatCameBefore() {
        let calls = Counter()
        #expect(throws: Refused(index: 2)) {
            try WorkCrew(threads: 1).map(9) { index throws(Refused) in
                calls.add()
                if index == 2 { throw Refused(index: index) }
            }
        }
        #expect(calls.value == 3)
    }

    @Test(arguments: [1, 2, 3])
    func doesSomethingOfItsOwnMeanwhile(threads: Int) throws {
        let crew = WorkCrew(threads: threads)
        let caller = pthread_self()
        var own = 0
        for count in [0, 1, 5] {
            let values = crew.map(count, meanwhile: { own += pthread_self() == caller ? 1 : 0 }) {
                $0 * 2
            }
            #expect(values == (0..<count).map { $0 * 2 })
        }
        #expect(own == 3)
        // What the caller does comes before what it has made.
        #expect(throws: Refused(index: -1)) {
            try crew.map(4) { () throws(Refused) in
                throw Refused(index: -1)
            } _: { index throws(Refused) in
                throw Refused(index: index)
            }
        }
        // The crew works on after a failure.
        #expect(crew.map(3) { $0 } == [0, 1, 2])
    }
}

private struct Refused: Error, Equatable {
    let index: Int
}

private final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}
