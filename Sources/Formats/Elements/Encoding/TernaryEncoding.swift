/// A format of 256 elements whose groups hold vectors of IQ1's codebook, to which values can be encoded as ggml does it, bit
/// for bit: the same float operations in the same order.
///
/// The values of a group are parted in three by trying all places to do so; where the vectors that come of it are not in
/// the codebook, those near them are taken that are best. The groups' scales are odd multiples of the block's.
protocol TernaryEncoding: WeightedRowEncoding {
    /// How many ways there are to shift a group's vectors: 2 for all together, 4 for its halves.
    static var combinations: Int { get }
    /// A group without larger values is zeros.
    static var leastValue: Float { get }

    /// The levels of a vector of a group.
    static func levels(_ combination: Int, vector: Int) -> TernaryLevels
    /// Writes the sums of eight splits, for each combination.
    static func fill(
        _ output: UnsafeMutablePointer<SplitSums>, _ group: SortedGroup, first: Int, second: Int)
    /// Writes the places of a group's vectors.
    static func store(
        _ places: UnsafePointer<UInt16>, group: Int, in block: UnsafeMutableRawPointer)
    /// Writes the scales and shifts; returns whether the block's scale, of which `scale` is an estimate, is a number.
    static func finish(
        _ block: UnsafeMutableRawPointer, _ search: TernaryBlock, _ values: UnsafePointer<Float>,
        scale: Float
    ) -> Bool
}

extension TernaryEncoding {
    static var needsImportance: Bool { true }

    static func encode(
        _ row: UnsafePointer<Float>, count: Int, importance: UnsafePointer<Float>?,
        into output: UnsafeMutableRawPointer
    ) -> Int? {
        guard let importance else { return 0 }
        return withUnsafeTemporaryAllocation(byteCount: TernaryBlock.byteCount, alignment: 32) {
            guard let memory = $0.baseAddress else { return 0 }
            let search = TernaryBlock(memory: memory)
            for block in 0..<count / elements {
                let first = block * elements
                let isDone = search.encode(
                    row + first, importance + first, into: output + block * byteCount,
                    as: Self.self)
                guard isDone else { return block }
            }
            return nil
        }
    }
}

/// What the search for a block's vectors finds, in memory that the next block overwrites.
struct TernaryBlock {
    private let memory: UnsafeMutableRawPointer

    /// Where things lie in the memory, in bytes.
    private enum Plane: Int {
        case weights = 0
        case scales = 1024
        case places = 1088
        case combinations = 1152
        case integers = 1168
        case sums = 1184
        case group = 1440
        case vectors = 2208
    }

    static var byteCount: Int { Plane.vectors.rawValue + TernaryVectors.byteCount }

    init(memory: UnsafeMutableRawPointer) { self.memory = memory }

    @inline(__always)
    private func plane<Element>(
        _ plane: Plane, of: Element.Type = Element.self
    ) -> UnsafeMutablePointer<Element> {
        (memory + plane.rawValue).assumingMemoryBound(to: Element.self)
    }

    /// How much the error of each element counts.
    @inline(__always) var weights: UnsafeMutablePointer<Float> { plane(.weights) }
    /// The place of each eight elements' vector.
    @inline(__always) var places: UnsafeMutablePointer<UInt16> { plane(.places) }
    /// How each group's vectors are shifted.
    @inline(__always) var combinations: UnsafeMutablePointer<UInt8> { plane(.combinations) }
    /// Each group's scale: n for 2 n + 1 of the block's.
    @inline(__always) var integers: UnsafeMutablePointer<UInt8> { plane(.integers) }
    @inline(__always) var vectors: TernaryVectors {
        TernaryVectors(memory: memory + Plane.vectors.rawValue)
    }

    /// - Returns: false where values or their scale are too large
    @inline(__always)
    func encode<Format: TernaryEncoding>(
        _ values: UnsafePointer<Float>, _ importance: UnsafePointer<Float>,
        into block: UnsafeMutableRawPointer, as format: Format.Type
    ) -> Bool {
        block.initializeMemory(as: UInt8.self, repeating: 0, count: Format.byteCount)
        guard weigh(values, importance) else { return false }
        let scales: UnsafeMutablePointer<Float> = plane(.scales)
        var largest: Float = 0
        for group in 0..<Format.groups {
            guard let scale = choose(group, values + group * Format.groupSize, format) else {
                return false
            }
            scales[group] = scale
            largest = max(largest, scale)
            Format.store(places + group * Format.groupSize / 8, group: group, in: block)
        }
        guard largest > 0 else { return true }
        let scale = largest / 15
        let inverse = 1 / scale
        for group in 0..<Format.groups {
            let number = wholeNumber(0.5 * (inverse * scales[group] - 1))
            integers[group] = UInt8(max(0, min(7, number)))
        }
        return Format.finish(block, self, values, scale: scale)
    }

    /// - Returns: false where a weight is too large
    @inline(__always)
    private func weigh(
        _ values: UnsafePointer<Float>, _ importance: UnsafePointer<Float>
    ) -> Bool {
        var squares: Float = 0
        for index in 0..<256 { squares += values[index] * values[index] }
        let meanSquares = 2 * squares / 256
        // Zero times a finite number is zero, times others it is no number.
        var zeros = SIMD8<Float>.zero
        for first in stride(from: 0, to: 256, by: 8) {
            let eight = UnsafeRawPointer(values).floats8(first * 4)
            let weights =
                UnsafeRawPointer(importance).floats8(first * 4)
                * roots(meanSquares + eight * eight)
            zeros += weights * 0
            memory.storeBytes(of: weights, toByteOffset: first * 4, as: SIMD8<Float>.self)
        }
        return !isAny(zeros .!= 0)
    }

    /// Chooses a group's vectors and how they are shifted; returns the scale, or nil where values are too large.
    @inline(__always)
    private func choose<Format: TernaryEncoding>(
        _ group: Int, _ values: UnsafePointer<Float>, _ format: Format.Type
    ) -> Float? {
        let count = Format.groupSize / 8
        let places = places + group * count
        for vector in 0..<count { places[vector] = 0 }
        combinations[group] = 0
        var largest: Float = 0
        for index in 0..<Format.groupSize { largest = max(largest, abs(values[index])) }
        guard largest >= Format.leastValue else { return 0 }
        let sorted = SortedGroup(
            count: Format.groupSize, memory: memory + Plane.group.rawValue)
        let weights = weights + group * Format.groupSize
        sorted.load(values, weights, parts: Format.combinations / 2)
        guard let split = bestSplit(sorted, format) else { return 0 }
        combinations[group] = UInt8(split.combination)
        let points = split.points(sorted.order, count: Format.groupSize)
        var isExact = true
        for vector in 0..<count {
            let found = vectors.place(
                UInt32(truncatingIfNeeded: points >> UInt64(16 * vector) & 0xFFFF),
                values + vector * 8, weights + vector * 8, scale: split.scale,
                Format.levels(split.combination, vector: vector))
            guard let found else { return nil }
            places[vector] = UInt16(found.place)
            isExact = isExact && found.isExact
        }
        let scale = isExact ? split.scale : bestScale(group, values, split, format)
        return scale >= 0 ? scale : nil
    }

    @inline(__always)
    private func bestSplit<Format: TernaryEncoding>(
        _ group: SortedGroup, _ format: Format.Type
    ) -> TernarySplit? {
        let sums: UnsafeMutablePointer<SplitSums> = plane(.sums)
        var split = TernarySplit()
        for first in 0...Format.groupSize {
            for second in stride(from: first, through: Format.groupSize, by: 8) {
                Format.fill(sums, group, first: first, second: second)
                split.take(
                    sums, combinations: Format.combinations, first: first, second: second)
            }
        }
        guard split.isFound else { return nil }
        split.makePositive(combinations: Format.combinations)
        return split
    }

    /// The scale that is best for the vectors.
    @inline(__always)
    private func bestScale<Format: TernaryEncoding>(
        _ group: Int, _ values: UnsafePointer<Float>, _ split: TernarySplit, _ format: Format.Type
    ) -> Float {
        let first = group * Format.groupSize
        var (sumQX, sumQQ): (Float, Float) = (0, 0)
        for index in 0..<Format.groupSize {
            let weight = weights[first + index]
            let level = vectors.level(
                Int(places[first / 8 + index / 8]), element: index % 8,
                Format.levels(split.combination, vector: index / 8))
            sumQX += weight * level * values[index]
            sumQQ += weight * level * level
        }
        return sumQX > 0 && sumQQ > 0 ? sumQX / sumQQ : split.scale
    }
}
