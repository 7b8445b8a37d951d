/// The Mersenne Twister (Matsumoto and Nishimura 1998), whose 32-bit numbers torch's generator of the processor gives.
struct MersenneTwister {
    private static let count = 624
    private static let middle = 397

    private var state: [UInt32]
    private var place = count

    init(seed: UInt32) {
        state = [seed]
        for index in 1..<Self.count {
            let last = state[index - 1]
            state.append(1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(index))
        }
    }

    mutating func next() -> UInt32 {
        if place == Self.count { renew() }
        var number = state[place]
        place += 1
        number ^= number >> 11
        number ^= (number << 7) & 0x9d2c_5680
        number ^= (number << 15) & 0xefc6_0000
        return number ^ (number >> 18)
    }

    private mutating func renew() {
        for index in 0..<Self.count {
            let next = state[(index + 1) % Self.count]
            let joined = (state[index] & 0x8000_0000) | (next & 0x7fff_ffff)
            state[index] =
                state[(index + Self.middle) % Self.count] ^ (joined >> 1)
                ^ (joined & 1 == 0 ? 0 : 0x9908_b0df)
        }
        place = 0
    }

    /// Numbers within Kaiming's bound for a matrix of so many columns, √3 · √2 / √columns, as torch's `uniform_` draws
    /// them in f32.
    mutating func kaiming(_ count: Int, columns: Int) -> [Float] {
        let bound = 3.0.squareRoot() * (2.0.squareRoot() / Double(columns).squareRoot())
        let (start, end) = (Float(-bound), Float(bound))
        let length = Double(end - start)
        return (0..<count).map { _ in
            let share = Double(next() & 0xff_ffff) / Double(1 << 24)
            return Float(share * length + Double(start))
        }
    }

    /// The first numbers of a random order of those below a total, as `torch.randperm` makes it. Of the order nothing but
    /// what was exchanged is in memory.
    ///
    /// - Parameter total: below 2³² / 20, from where on torch draws otherwise.
    mutating func firstOfOrder(_ count: Int, of total: Int) -> [Int] {
        var exchanged: [Int: Int] = [:]
        return (0..<min(count, total)).map { index in
            // Torch draws none for the last place.
            let other = index < total - 1 ? index + Int(next()) % (total - index) : index
            let drawn = exchanged[other] ?? other
            exchanged[other] = exchanged[index] ?? index
            return drawn
        }
    }
}
