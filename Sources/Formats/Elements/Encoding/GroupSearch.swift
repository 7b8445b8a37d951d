/// The inverse scales that a search tries for a group: (2 levels − 1 + n · step) / reach, n from −count / 2 to count / 2.
struct ScaleTries {
    let count: Int
    let step: Float
}

/// Which of a group's vectors are chosen anew once the best scale is known.
enum VectorRefinement {
    /// All of them.
    case all
    /// All, where the nearest point of any was no vector.
    case allOrNone
    /// Those whose nearest point was none.
    case others
}

/// Finds the scale and the vectors of a group that are best together, by trying scales.
struct GroupSearch<Lattice: CodebookLattice> {
    private let vectors: VectorSearch<Lattice>
    private let tries: ScaleTries
    private let refinement: VectorRefinement
    private let memory: UnsafeMutableRawPointer

    /// Room for four times eight scales.
    static var byteCount: Int { Plane.table.rawValue + VectorSearch<Lattice>.byteCount }

    /// Where things lie in the memory, in bytes.
    private enum Plane: Int {
        /// Packed points, for each eight scales those of up to eight vectors.
        case points = 0
        /// Σ w q x and Σ w q², for each eight scales.
        case sums = 1024
        /// Which points were vectors, a byte for each eight scales and each vector.
        case found = 1280
        /// The chosen points.
        case chosen = 1312
        case table = 1344
    }

    init(
        _ map: CodebookMap, tries: ScaleTries, refinement: VectorRefinement,
        memory: UnsafeMutableRawPointer
    ) {
        vectors = VectorSearch(map, memory: memory + Plane.table.rawValue)
        self.tries = tries
        self.refinement = refinement
        self.memory = memory
    }

    /// The chosen packed vectors.
    @inline(__always) var chosen: UnsafeMutablePointer<Int32> {
        (memory + Plane.chosen.rawValue).assumingMemoryBound(to: Int32.self)
    }

    /// By eight scales and vector.
    @inline(__always) private var points: UnsafeMutablePointer<SIMD8<Int32>> {
        memory.assumingMemoryBound(to: SIMD8<Int32>.self)
    }

    @inline(__always) private var found: UnsafeMutablePointer<UInt8> {
        (memory + Plane.found.rawValue).assumingMemoryBound(to: UInt8.self)
    }

    /// Searches a group.
    ///
    /// - Parameters:
    ///   - start: the scale where no other is better than none
    ///   - reach: the value that the highest level stands for, of which the tries are parts
    /// - Returns: the scale, or nil where errors are not finite
    @inline(__always)
    func run(_ group: CodebookGroup, start: Float, reach: Float) -> Float? {
        for eight in 0..<(tries.count + 7) / 8 {
            guard scan(group, eight, reach: reach) else { return nil }
        }
        let (scale, best) = best(start: start)
        let count = group.count / Lattice.dimension
        var others = UInt32(0)
        for vector in 0..<count {
            guard let best else {
                chosen[vector] = 0
                continue
            }
            chosen[vector] = points[best / 8 * 8 + vector][best % 8]
            if found[best / 8 * 8 + vector] >> UInt8(best % 8) & 1 == 0 {
                others |= 1 << UInt32(vector)
            }
        }
        guard scale > 0, let chosenAnew = chosenAnew(others, isChosen: best != nil) else {
            return scale
        }
        return refine(group, chosenAnew, scale)
    }

    /// A bit for each vector that is chosen anew, or nil where nothing is.
    private func chosenAnew(_ others: UInt32, isChosen: Bool) -> UInt32? {
        switch refinement {
        case .all: return .max
        // Where no scale was any good, the reference takes the vectors for no vectors.
        case .allOrNone: return others != 0 || !isChosen ? .max : nil
        case .others: return others != 0 ? others : nil
        }
    }

    /// Chooses the vectors for eight of the scales.
    ///
    /// - Returns: false where errors are not finite
    @inline(__always)
    private func scan(_ group: CodebookGroup, _ eight: Int, reach: Float) -> Bool {
        let inverses = inverseScales(eight) / reach
        let scales = 1 / inverses
        var (sumQX, sumQQ) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
        var worst = SIMD8<Float>.zero
        for vector in 0..<group.count / Lattice.dimension {
            let first = vector * Lattice.dimension
            var nearest = vectors.points(group.values + first, inverses: inverses)
            found[eight * 8 + vector] = vectors.replaceOthers(
                &nearest, group.values + first, group.roots + first, scales: scales)
            worst.replace(with: nearest, where: nearest .< worst)
            let chosen = wholeNumbers(nearest)
            points[eight * 8 + vector] = chosen
            for element in 0..<Lattice.dimension {
                let integers = vectors.integers(chosen, element: element)
                sumQX += group.products[first + element] * integers
                sumQQ += group.weights[first + element] * integers * integers
            }
        }
        memory.storeBytes(
            of: sumQX, toByteOffset: Plane.sums.rawValue + eight * 64, as: SIMD8<Float>.self)
        memory.storeBytes(
            of: sumQQ, toByteOffset: Plane.sums.rawValue + eight * 64 + 32, as: SIMD8<Float>.self)
        return !isAny(worst .< 0)
    }

    /// Eight of the inverse scales of a reach of 1; past the last one that again.
    @inline(__always)
    private func inverseScales(_ eight: Int) -> SIMD8<Float> {
        var numbers = SIMD8<Float>.zero
        for lane in 0..<8 {
            numbers[lane] = Float(min(eight * 8 + lane, tries.count - 1) - tries.count / 2)
        }
        return numbers * tries.step + Float(2 * Lattice.levels - 1)
    }

    /// The scale with the largest gain, of equals the first, and which try it was.
    @inline(__always)
    private func best(start: Float) -> (scale: Float, number: Int?) {
        let sums = (memory + Plane.sums.rawValue).assumingMemoryBound(to: Float.self)
        var (scale, gain) = (start, Float(0))
        var best: Int?
        for number in 0..<tries.count {
            let (sumQX, sumQQ) = (
                sums[number / 8 * 16 + number % 8], sums[number / 8 * 16 + number % 8 + 8]
            )
            guard sumQQ > 0, sumQX * sumQX > gain * sumQQ else { continue }
            scale = sumQX / sumQQ
            gain = scale * sumQX
            best = number
        }
        return (scale, best)
    }

    /// Chooses vectors for the scale, and the scale for all vectors.
    @inline(__always)
    private func refine(_ group: CodebookGroup, _ chosenAnew: UInt32, _ scale: Float) -> Float? {
        let inverses = SIMD8<Float>(repeating: 1 / scale)
        let scales = SIMD8<Float>(repeating: scale)
        var (sumQX, sumQQ) = (SIMD8<Float>.zero, SIMD8<Float>.zero)
        for vector in 0..<group.count / Lattice.dimension {
            let first = vector * Lattice.dimension
            if chosenAnew >> UInt32(vector) & 1 != 0 {
                var anew = vectors.points(group.values + first, inverses: inverses)
                _ = vectors.replaceOthers(
                    &anew, group.values + first, group.roots + first, scales: scales)
                guard anew[0] >= 0 else { return nil }
                chosen[vector] = wholeNumber(anew[0])
            }
            let point = SIMD8(repeating: chosen[vector])
            for element in 0..<Lattice.dimension {
                let integers = vectors.integers(point, element: element)
                sumQX += group.products[first + element] * integers
                sumQQ += group.weights[first + element] * integers * integers
            }
        }
        return sumQQ[0] > 0 ? sumQX[0] / sumQQ[0] : scale
    }
}
