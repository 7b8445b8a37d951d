/// A block of 256 values laid out for searching the scales of its groups: a lane for each group, eight groups at a time,
/// so that each group's sums are taken in the order of its elements, as a loop over one group takes them.
///
/// Half 0 has groups 0–7, half 1 groups 8–15 where groups have 16 elements.
struct BlockLanes {
    let groupSize: Int
    private let memory: UnsafeMutableRawPointer

    /// Calls the body with room for one block, on the stack.
    @inline(__always)
    static func with<Result>(groupSize: Int, _ body: (BlockLanes) -> Result) -> Result {
        withUnsafeTemporaryAllocation(byteCount: Plane.integers.rawValue + 256, alignment: 32) {
            // A temporary allocation that is not empty always has an address.
            let memory = $0.baseAddress.unsafelyUnwrapped
            return body(BlockLanes(groupSize: groupSize, memory: memory))
        }
    }

    private enum Plane: Int {
        case values = 0
        case weights = 1024
        case best = 2048
        case trial = 3072
        /// The chosen integers in the order of the block's elements.
        case integers = 4096
    }

    /// One of the two halves, or the only one.
    struct Half {
        let count: Int
        let values: UnsafeMutablePointer<SIMD8<Float>>
        /// How much an element's error counts.
        let weights: UnsafeMutablePointer<SIMD8<Float>>
        /// The integers of the best scale so far.
        let best: UnsafeMutablePointer<SIMD8<Float>>
        /// The integers of the scale that is tried.
        let trial: UnsafeMutablePointer<SIMD8<Float>>
    }

    var halves: Int { 32 / groupSize }

    @inline(__always)
    func half(_ index: Int) -> Half {
        func plane(_ plane: Plane) -> UnsafeMutablePointer<SIMD8<Float>> {
            (memory + plane.rawValue + index * groupSize * 32).assumingMemoryBound(
                to: SIMD8<Float>.self)
        }
        return Half(
            count: groupSize, values: plane(.values), weights: plane(.weights), best: plane(.best),
            trial: plane(.trial))
    }

    /// Takes 256 values.
    @inline(__always)
    func load(_ values: UnsafeRawPointer) {
        for index in 0..<halves {
            let lanes = half(index).values
            let first = values + index * groupSize * 32
            for element in 0..<groupSize {
                lanes[element] = SIMD8(
                    first.float(element), first.float(groupSize + element),
                    first.float(2 * groupSize + element), first.float(3 * groupSize + element),
                    first.float(4 * groupSize + element), first.float(5 * groupSize + element),
                    first.float(6 * groupSize + element), first.float(7 * groupSize + element))
            }
        }
    }

    /// Chooses the integers anew for the scales and minimums that are stored: nearest to (value + minimum) / scale, and
    /// `offset` more. Where a stored scale is zero, the integers of the search stay.
    @inline(__always)
    func requantize(
        half index: Int, scales: SIMD8<Float>, minimums: SIMD8<Float>, from low: Float,
        to high: Float, offset: Float = 0
    ) {
        let half = half(index)
        let isScaled = scales .!= 0
        for element in 0..<half.count {
            let integers = nearest((half.values[element] + minimums) / scales)
                .clamped(to: low, high)
            half.best[element].replace(with: integers + offset, where: isScaled)
        }
    }

    /// The chosen integers in the order of the block's elements.
    @inline(__always)
    func integers() -> UnsafeRawPointer {
        let output = memory + Plane.integers.rawValue
        for index in 0..<halves {
            let first = output + index * groupSize * 8
            let best = half(index).best
            for element in 0..<groupSize {
                let bytes = bytes(ofWhole: best[element])
                for group in 0..<8 {
                    first.storeBytes(
                        of: bytes[group], toByteOffset: group * groupSize + element, as: UInt8.self)
                }
            }
        }
        return UnsafeRawPointer(output)
    }
}

/// A format of 256 elements whose groups' scales are integers themselves, to which values can be encoded.
protocol SuperBlockEncoding: WeightedRowEncoding {
    /// Encodes the finite values of `lanes`; false where a scale of the scales is too large for f16.
    static func encode(_ lanes: BlockLanes, into block: UnsafeMutableRawPointer) -> Bool
}

extension SuperBlockEncoding {
    @inline(__always)
    static func encode(
        _ row: UnsafePointer<Float>, count: Int, importance: UnsafePointer<Float>?,
        into output: UnsafeMutableRawPointer
    ) -> Int? {
        BlockLanes.with(groupSize: groupSize) { lanes in
            for block in 0..<count / elements {
                lanes.load(row + block * elements)
                guard encode(lanes, into: output + block * byteCount) else { return block }
            }
            return nil
        }
    }
}
