/// A format of 256 elements whose groups hold vectors of a codebook with signs, to which values can be encoded as ggml
/// does it, bit for bit: the same float operations in the same order.
///
/// For each group a few scales are tried; for each the vectors are chosen that are nearest to the values; the scale that
/// is best for its vectors wins. The groups' scales are odd multiples of the block's.
protocol CodebookEncoding: WeightedRowEncoding {
    associatedtype Lattice: CodebookLattice
    static var map: CodebookMap { get }
    /// Whether of each eight elements an even number is negative.
    static var hasEvenSigns: Bool { get }
    /// The part of the block's mean square that is added to the square of a value for its weight.
    static var meanSquares: Float { get }
    /// A group without larger values is zeros.
    static var leastValue: Float { get }
    static var tries: ScaleTries { get }
    static var refinement: VectorRefinement { get }
    /// What the block's scale is multiplied by, found by experiment by ggml's authors.
    static var correction: Float { get }

    /// The weights of values where no importance is given, from their squares and the meanSquares of the block: the squares
    /// where a format does not say otherwise.
    static func weights(_ squares: SIMD8<Float>, _ meanSquares: Float) -> SIMD8<Float>
    /// A first scale, and the value that the highest level stands for; nil where there is none.
    static func start(_ group: CodebookGroup, largest: Float) -> (scale: Float, reach: Float)?
    /// Writes the places of a group's vectors and a sign for each element.
    static func store(
        _ places: UnsafePointer<UInt16>, signs: UInt32, group: Int,
        in block: UnsafeMutableRawPointer)
    /// Writes the groups' scales: n for 2 n + 1 of the block's.
    static func store(scales: UnsafePointer<UInt8>, in block: UnsafeMutableRawPointer)
}

extension CodebookEncoding {
    @inline(__always)
    static func weights(_ squares: SIMD8<Float>, _ meanSquares: Float) -> SIMD8<Float> { squares }

    @inline(__always)
    static func start(_ group: CodebookGroup, largest: Float) -> (scale: Float, reach: Float)? {
        (largest / Float(2 * Lattice.levels - 1), largest)
    }

    static func encode(
        _ row: UnsafePointer<Float>, count: Int, importance: UnsafePointer<Float>?,
        into output: UnsafeMutableRawPointer
    ) -> Int? {
        let size = CodebookGroup.byteCount + GroupSearch<Lattice>.byteCount + 32 * 4
        return withUnsafeTemporaryAllocation(byteCount: size, alignment: 32) { memory in
            guard let memory = memory.baseAddress else { return 0 }
            let encoder = CodebookBlockEncoder<Self>(memory: memory)
            for block in 0..<count / elements {
                let isDone = encoder.encode(
                    row + block * elements, importance.map { $0 + block * elements },
                    into: output + block * byteCount)
                guard isDone else { return block }
            }
            return nil
        }
    }
}

/// Encodes blocks of one format, in memory that the next block overwrites.
private struct CodebookBlockEncoder<Format: CodebookEncoding> {
    typealias Search = GroupSearch<Format.Lattice>

    private let memory: UnsafeMutableRawPointer
    private let search: Search

    init(memory: UnsafeMutableRawPointer) {
        self.memory = memory
        search = Search(
            Format.map, tries: Format.tries, refinement: Format.refinement,
            memory: memory + CodebookGroup.byteCount)
    }

    /// The groups' scales.
    @inline(__always) private var scales: UnsafeMutablePointer<Float> {
        (memory + CodebookGroup.byteCount + Search.byteCount).assumingMemoryBound(to: Float.self)
    }

    /// - Returns: false where values or their scale are too large
    @inline(__always)
    func encode(
        _ values: UnsafePointer<Float>, _ importance: UnsafePointer<Float>?,
        into block: UnsafeMutableRawPointer
    ) -> Bool {
        clear(block)
        var squares: Float = 0
        for index in 0..<Format.elements { squares += values[index] * values[index] }
        let meanSquares = Format.meanSquares * squares / Float(Format.elements)
        guard meanSquares.isFinite else { return false }
        var largest: Float = 0
        for index in 0..<Format.groups {
            let first = index * Format.groupSize
            guard
                let scale = encode(
                    group: index, values + first, importance.map { $0 + first }, meanSquares, block)
            else { return false }
            scales[index] = scale
            largest = max(largest, scale)
        }
        guard largest > 0 else {
            if Format.hasEvenSigns { clear(block) }
            return true
        }
        return storeScales(largest / 31, in: block)
    }

    private func clear(_ block: UnsafeMutableRawPointer) {
        block.initializeMemory(as: UInt8.self, repeating: 0, count: Format.byteCount)
    }

    /// Writes a group's vectors and signs; returns its scale, or nil where values are too large.
    @inline(__always)
    private func encode(
        group index: Int, _ values: UnsafePointer<Float>, _ importance: UnsafePointer<Float>?,
        _ meanSquares: Float, _ block: UnsafeMutableRawPointer
    ) -> Float? {
        var group = CodebookGroup(count: Format.groupSize, memory: memory)
        group.load(values, hasEvenSigns: Format.hasEvenSigns) { squares, first in
            guard let importance else { return Format.weights(squares, meanSquares) }
            return UnsafeRawPointer(importance).floats8(first * 4) * roots(squares + meanSquares)
        }
        guard group.areWeightsFinite else { return nil }
        let largest = group.largest
        guard largest >= Format.leastValue, let start = Format.start(group, largest: largest)
        else { return 0 }
        guard var scale = search.run(group, start: start.scale, reach: start.reach) else {
            return nil
        }
        if scale < 0 {
            scale = -scale
            group.turnSigns()
        }
        guard scale >= 0 else { return nil }
        store(group, index, block)
        return scale
    }

    @inline(__always)
    private func store(_ group: CodebookGroup, _ index: Int, _ block: UnsafeMutableRawPointer) {
        withUnsafeTemporaryAllocation(of: UInt16.self, capacity: 8) { places in
            guard let places = places.baseAddress else { return }
            for vector in 0..<group.count / Format.Lattice.dimension {
                places[vector] = UInt16(Format.map.place(UInt32(search.chosen[vector])) ?? 0)
            }
            Format.store(places, signs: group.signs, group: index, in: block)
        }
    }

    /// Writes the block's scale, and the groups' as multiples; returns false where it is too large.
    @inline(__always)
    private func storeScales(_ scale: Float, in block: UnsafeMutableRawPointer) -> Bool {
        let half = Float16(scale * Format.correction)
        block.storeBytes(of: half, as: Float16.self)
        let inverse = 1 / scale
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 16) { integers in
            guard let integers = integers.baseAddress else { return }
            for index in 0..<Format.groups {
                let number = wholeNumber(0.5 * (inverse * scales[index] - 1))
                integers[index] = UInt8(max(0, min(15, number)))
            }
            Format.store(scales: integers, in: block)
        }
        return half.isFinite
    }
}
