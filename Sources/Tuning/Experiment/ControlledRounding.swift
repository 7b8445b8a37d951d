import Transformer

/// Unbiased rounding of a table of shares, so that every row, every column and the whole go to a neighbouring integer
/// (Cox 1987, "A constructive procedure for unbiased controlled rounding").
///
/// One more row and one more column fill all sums up to integers. Where an entry is open, each row and column that it is
/// in then has another open one, so that there is a cycle of open entries. Along it the entries go up and down by turns as
/// far as one of them allows, in one direction or the other, by a lot that leaves all expectations as they were: an entry
/// at least is decided, and no sum has changed.
struct ControlledRounding {
    private let whole: Int
    private let entryCount: Int
    /// By edge, from 0 to `whole`: the entries, and then those of the additional row and column.
    private var shares: [Int] = []
    /// By edge, the nodes that it joins: a row's and a column's.
    private var ends: [(row: Int, column: Int)] = []
    /// By node, its edges; those that are decided are taken out as they are met.
    private var edges: [[Int]] = []

    /// - Parameters:
    ///   - entries: one at most for a row and column; their shares add up to a multiple of `whole`.
    ///   - whole: the share of what is taken for certain.
    init<Row: Hashable, Column: Hashable>(
        _ entries: [(row: Row, column: Column, share: Int)], whole: Int
    ) {
        self.whole = whole
        entryCount = entries.count
        // The additional column and row are the first two nodes.
        edges = [[], []]
        var rows: [Row: Int] = [:]
        var columns: [Column: Int] = [:]
        for entry in entries {
            let row = node(entry.row, in: &rows)
            let column = node(entry.column, in: &columns)
            add(row: row, column: column, entry.share)
        }
        for row in rows.values.sorted() { add(row: row, column: 0, missing(row)) }
        for column in columns.values.sorted() { add(row: 1, column: column, missing(column)) }
    }

    private mutating func node<Key: Hashable>(_ key: Key, in nodes: inout [Key: Int]) -> Int {
        if let node = nodes[key] { return node }
        nodes[key] = edges.count
        edges.append([])
        return edges.count - 1
    }

    private mutating func add(row: Int, column: Int, _ share: Int) {
        edges[row].append(shares.count)
        edges[column].append(shares.count)
        ends.append((row, column))
        shares.append(share)
    }

    /// What a row or column lacks to the next integer.
    private func missing(_ node: Int) -> Int {
        let sum = edges[node].reduce(0) { $0 + shares[$1] }
        return (whole - sum % whole) % whole
    }

    /// Whether each entry is taken.
    mutating func rounded(_ random: inout Xoshiro256) -> [Bool] {
        for edge in shares.indices {
            while isOpen(edge), let cycle = cycle(from: edge) { shift(cycle, &random) }
        }
        return shares.prefix(entryCount).map { $0 == whole }
    }

    private func isOpen(_ edge: Int) -> Bool { shares[edge] > 0 && shares[edge] < whole }

    /// Walks over open edges until a node is met again.
    private mutating func cycle(from start: Int) -> [Int]? {
        var path = [start]
        var visited = [ends[start].row: 0]
        var node = ends[start].column
        while visited[node] == nil {
            visited[node] = path.count
            guard let last = path.last, let edge = openEdge(at: node, besides: last) else {
                return nil
            }
            path.append(edge)
            node = ends[edge].row == node ? ends[edge].column : ends[edge].row
        }
        return Array(path[(visited[node] ?? 0)...])
    }

    private mutating func openEdge(at node: Int, besides edge: Int) -> Int? {
        let open = edges[node].filter(isOpen)
        edges[node] = open
        return open.first { $0 != edge }
    }

    /// How far an entry lets its cycle be moved.
    private struct Room {
        let up: Int
        let down: Int
    }

    /// Moves a cycle's edges up and down by turns.
    private mutating func shift(_ cycle: [Int], _ random: inout Xoshiro256) {
        let rooms = cycle.enumerated().map { place, edge in
            let below = shares[edge]
            return place % 2 == 0
                ? Room(up: whole - below, down: below)
                : Room(up: below, down: whole - below)
        }
        let up = rooms.map(\.up).min() ?? 0
        let down = rooms.map(\.down).min() ?? 0
        let step = random.next(below: up + down) < down ? up : -down
        for (place, edge) in cycle.enumerated() { shares[edge] += place % 2 == 0 ? step : -step }
    }
}
