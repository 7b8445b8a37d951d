import Formats
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
        let cells = (0..<16).map { _ in Cell() }
        for _ in 0..<5_000 { crew.run(cells.count) { cells[$0].value += 1 } }
        #expect(cells.allSatisfy { $0.value == 5_000 })
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
        var order: [Int] = []
        crew.run(5) { order.append($0) }
        crew.run(0) { order.append($0) }
        #expect(crew.threads == 1)
        #expect(order == [0, 1, 2, 3, 4])
    }

    @Test(arguments: [1, 2, 3])
    func mapsInTheOrderOfTheIndices(threads: Int) {
        let crew = WorkCrew(threads: threads)
        #expect(crew.map(1000) { "\($0)" } == (0..<1000).map { "\($0)" })
        #expect(crew.map(0) { $0 }.isEmpty)
    }
}

private final class Counter: Sendable {
    private let count = Atomic<Int>(0)
    var value: Int { count.load(ordering: .relaxed) }
    func add() { count.add(1, ordering: .relaxed) }
}

private final class Cell {
    var value = 0
}
