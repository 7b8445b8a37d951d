/// What codes of a few bits stand for.
package enum CodeNumbers {
    /// Whole numbers from 0 on.
    package static func unsigned(bits: Int) -> [Float] { (0..<(1 << bits)).map { Float($0) } }

    /// Whole numbers from −2^(bits − 1) on.
    package static func centred(bits: Int) -> [Float] {
        unsigned(bits: bits).map { $0 - Float(1 << (bits - 1)) }
    }

    /// Whole numbers in two's complement.
    package static func twosComplement(bits: Int) -> [Float] {
        let half = 1 << (bits - 1)
        return (0..<(1 << bits)).map { Float($0 < half ? $0 : $0 - 2 * half) }
    }

    /// Floats of four bits (OCP Microscaling Formats 1.0, E2M1).
    package static let float4: [Float] = {
        let positive: [Float] = [0, 0.5, 1, 1.5, 2, 3, 4, 6]
        return positive + positive.map { -$0 }
    }()
}
