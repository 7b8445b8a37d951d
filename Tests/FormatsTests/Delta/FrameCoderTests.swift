import TestSupport
import Testing

@testable import Formats

@Suite struct FrameCoderTests {
    private let coder = FrameCoder(Zstandard())

    /// Whether the frame gives the target again; the frame is returned too.
    private func roundTrip(
        _ target: [UInt8], _ base: [UInt8]?, _ type: ElementType, rowBytes: Int = 0
    ) throws -> (isEqual: Bool, frame: FrameCoder.Frame) {
        let frame = try target.withUnsafeBytes { target in
            guard let base else {
                return try coder.encode(target, base: nil, type: type, rowBytes: rowBytes)
            }
            return try base.withUnsafeBytes {
                try coder.encode(target, base: $0, type: type, rowBytes: rowBytes)
            }
        }
        return (try decode(frame, base, type, rowBytes, count: target.count) == target, frame)
    }

    private func decode(
        _ frame: FrameCoder.Frame, _ base: [UInt8]?, _ type: ElementType, _ rowBytes: Int,
        count: Int
    ) throws -> [UInt8] {
        var result = [UInt8](repeating: 0xAA, count: count)
        try result.withUnsafeMutableBytes { result in
            try frame.payload.withUnsafeBytes { payload in
                func decode(_ base: UnsafeRawBufferPointer?) throws {
                    try coder.decode(
                        frame.coding, isSparse: frame.isSparse, payload: payload, base: base,
                        type: type, rowBytes: rowBytes, into: result)
                }
                if let base {
                    try base.withUnsafeBytes { try decode($0) }
                } else {
                    try decode(nil)
                }
            }
        }
        return result
    }

    private func random(_ count: Int, _ generator: inout SeededGenerator) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
    }

    @Test(arguments: ElementType.allCases)
    func everyTypeComesBackFromAnyBytes(type: ElementType) throws {
        var generator = SeededGenerator(seed: 7)
        for blocks in [1, 2, 3, 33, 700] {
            let size = blocks * type.deltaBlockBytes
            let base = random(size, &generator)
            #expect(try roundTrip(base, nil, type).isEqual)
            var near = base
            for _ in 0..<(size / 3 + 1) {
                near[Int.random(in: 0..<size, using: &generator)] &+= 1
            }
            #expect(try roundTrip(near, base, type).isEqual)
            #expect(try roundTrip(random(size, &generator), base, type).isEqual)
            let same = try roundTrip(base, base, type)
            #expect(same.isEqual && same.frame.coding == .copy && same.frame.payload.isEmpty)
        }
    }

    @Test func fieldsTileTheBlocksOfEveryType() {
        for type in ElementType.allCases {
            var end = 0
            for field in type.deltaFields {
                #expect(field.offset == end, "\(type)")
                end += field.width * field.count
            }
            #expect(end == type.deltaBlockBytes, "\(type)")
        }
    }

    /// Normal weights of a 16-bit type, and the same after small updates.
    private func weights(_ count: Int, update: Float) -> (base: [UInt8], target: [UInt8]) {
        var numbers = Numbers(seed: 3)
        var (base, target): ([UInt8], [UInt8]) = ([], [])
        for _ in 0..<count {
            let weight = numbers.normal(0.03)
            let old = UInt16(weight.bitPattern >> 16)
            let new = Float(bitPattern: UInt32(old) << 16) + numbers.normal(update)
            base.appendBytes(of: old)
            target.appendBytes(of: UInt16((new.bitPattern + 0x8000) >> 16))
        }
        return (base, target)
    }

    @Test func aSmallUpdateTakesFewBits() throws {
        for (update, limit) in [(1e-5, 0.03), (1e-4, 0.17), (1e-3, 0.38)] as [(Float, Double)] {
            let (base, target) = weights(300_001, update: update)
            let (isEqual, frame) = try roundTrip(target, base, .bf16)
            #expect(isEqual)
            #expect(frame.coding == .grouped)
            #expect(Double(frame.payload.count) < limit * Double(target.count))
        }
    }

    @Test func onlyRowsThatDifferAreStored() throws {
        var (target, _) = weights(100_000, update: 0)
        let base = target
        for row in [0, 17, 99] {
            for place in (row * 2000)..<(row * 2000 + 500) { target[place] ^= 0x55 }
        }
        let (isEqual, frame) = try roundTrip(target, base, .bf16, rowBytes: 2000)
        #expect(isEqual && frame.isSparse)
        #expect(frame.payload.count < 3000)
    }

    @Test func aDamagedPayloadIsRefusedOrGivesSomething() throws {
        let (base, target) = weights(40_000, update: 1e-4)
        let (_, frame) = try roundTrip(target, base, .bf16, rowBytes: 800)
        var generator = SeededGenerator(seed: 11)
        var refused = 0
        for _ in 0..<500 {
            var damaged = frame
            if Bool.random(using: &generator) {
                let keep = Int.random(in: 0..<frame.payload.count, using: &generator)
                damaged.payload = Array(frame.payload[..<keep])
            } else {
                let place = Int.random(in: 0..<min(200, frame.payload.count), using: &generator)
                damaged.payload[place] = UInt8.random(in: .min ... .max, using: &generator)
            }
            do {
                _ = try decode(damaged, base, .bf16, 800, count: target.count)
            } catch is PayloadProblem {
                refused += 1
            }
        }
        #expect(refused > 250)
    }
}
