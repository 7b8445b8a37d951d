import Bytes

/// A codebook as an encoder searches it: where each point of the lattice that it was chosen from lies in it, or which of
/// its vectors are near.
///
/// A point is packed: its levels, `bits` each, the first element's lowest. What is near a point that is no vector are all
/// vectors at the least distances (`shells` of them), nearest first, of equals those that come first in the codebook.
struct CodebookMap: Sendable {
    /// By packed point: the place of a vector, or −1 less where in `lists` the near ones are.
    private let places: Shared<UnsafePointer<Int32>>
    /// For each point that is no vector a count, and so many places.
    private let lists: Shared<UnsafePointer<UInt16>>
    /// By place: the packed vector, as a float.
    private let points: Shared<UnsafePointer<Float>>
    /// By place and element: where the vector's level stands in a table of all levels of all elements.
    private let entries: Shared<UnsafePointer<UInt16>>
    private let dimension: Int

    init(_ codebook: Codebook, bits: Int, shells: Int) {
        let points = codebook.numbers.map { Self.packed(codebook.digits(of: $0), bits: bits) }
        var places = [Int32](repeating: -1, count: 1 << (bits * codebook.dimension))
        for (place, point) in points.enumerated() { places[Int(point)] = Int32(place) }
        var near = NearVectors(codebook, shells: shells)
        var lists: [UInt16] = []
        for number in 0..<codebook.pointCount {
            let digits = codebook.digits(of: UInt16(number))
            let point = Int(Self.packed(digits, bits: bits))
            guard places[point] < 0 else { continue }
            places[point] = Int32(-1 - lists.count)
            near.append(to: &lists, near: digits)
        }
        self.places = Shared.permanent(places)
        self.lists = Shared.permanent(lists)
        self.points = Shared.permanent(points.map(Float.init))
        entries = Shared.permanent(
            codebook.numbers.flatMap { number in
                codebook.digits(of: number).enumerated().map { element, level in
                    UInt16(element * codebook.levels + level)
                }
            })
        dimension = codebook.dimension
    }

    private static func packed(_ digits: [Int], bits: Int) -> UInt16 {
        digits.enumerated().reduce(0) { $0 | UInt16($1.element << (bits * $1.offset)) }
    }

    /// The place of a vector, or nil for a point that is none.
    @inline(__always)
    func place(_ point: UInt32) -> Int? {
        let place = Int(places.pointer[Int(point)])
        return place < 0 ? nil : place
    }

    /// The places of the vectors near a point that is none.
    @inline(__always)
    func near(_ point: UInt32) -> UnsafeBufferPointer<UInt16> {
        let list = lists.pointer - Int(places.pointer[Int(point)]) - 1
        return UnsafeBufferPointer(start: list + 1, count: Int(list.pointee))
    }

    /// The packed vector at a place, as a float.
    @inline(__always)
    func point(at place: Int) -> Float { points.pointer[place] }

    /// Where the levels of a vector's elements stand in a table of all levels of the first element, the second, and so on.
    @inline(__always)
    func entries(at place: Int) -> UnsafePointer<UInt16> { entries.pointer + place * dimension }
}

extension Shared {
    /// Elements in memory that is never freed.
    static func permanent<Element: BitwiseCopyable>(_ elements: [Element]) -> Shared
    where Pointer == UnsafePointer<Element> {
        let copy = UnsafeMutablePointer<Element>.allocate(capacity: elements.count)
        copy.initialize(from: elements, count: elements.count)
        return Shared(UnsafePointer(copy))
    }
}

/// Finds the vectors of a codebook at the least distances from a point.
private struct NearVectors {
    private let shells: Int
    private let vectors: [[Int]]
    /// By place: the squared distance.
    private var distances: [Int]
    /// By squared distance: how many vectors are so far away.
    private var counts: [Int]

    init(_ codebook: Codebook, shells: Int) {
        self.shells = shells
        vectors = codebook.numbers.map(codebook.digits)
        distances = [Int](repeating: 0, count: vectors.count)
        let furthest = codebook.dimension * (codebook.levels - 1) * (codebook.levels - 1)
        counts = [Int](repeating: 0, count: furthest + 1)
    }

    /// Appends the number of near vectors and their places.
    mutating func append(to list: inout [UInt16], near point: [Int]) {
        for distance in counts.indices { counts[distance] = 0 }
        for place in vectors.indices {
            var square = 0
            for (ours, theirs) in zip(point, vectors[place]) {
                square += (ours - theirs) * (ours - theirs)
            }
            distances[place] = square
            counts[square] += 1
        }
        let near = counts.indices.filter { counts[$0] > 0 }.prefix(shells)
        list.append(UInt16(near.reduce(0) { $0 + counts[$1] }))
        for distance in near {
            for place in distances.indices where distances[place] == distance {
                list.append(UInt16(place))
            }
        }
    }
}
