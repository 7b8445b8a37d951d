/// How rotary position embedding pairs the dimensions of a head of width D.
package enum RopePairing: Sendable, Hashable {
    /// (0, 1), (2, 3) …
    case interleaved
    /// (0, D/2), (1, D/2 + 1) …
    case halves
}

/// Turns the pairs of each head by its token's angles (rotary position embedding, arXiv 2104.09864), in place.
///
/// (a, b) becomes (a cos − b sin, a sin + b cos). Elements after the first 2 · `pairs` of a head stay as they are.
/// - Parameters:
///   - values: (tokens, heads, headSize)
///   - cosines: (tokens, pairs)
///   - sines: (tokens, pairs)
///   - pairing: which elements make up a pair: neighbours, or those `pairs` apart
///   - tokens: how many tokens there are
///   - heads: how many heads each token has
///   - headSize: the length of a head, at least 2 · `pairs`
///   - pairs: how many pairs of a head are turned
package func rotaryForward(
    _ values: UnsafeMutablePointer<Float>, cosines: UnsafePointer<Float>,
    sines: UnsafePointer<Float>,
    pairing: RopePairing, tokens: Int, heads: Int, headSize: Int, pairs: Int
) {
    turn(values, cosines, sines, pairing, tokens, heads, headSize, pairs, direction: 1)
}

/// The gradient of `rotaryForward`'s input from that of its output, in place: pairs are turned back.
///
/// (a, b) becomes (a cos + b sin, b cos − a sin), which is the transposed map also where an attention factor is part of
/// the cosines and sines.
/// - Parameters:
///   - gradient: (tokens, heads, headSize), of the output, replaced by that of the input
///   - cosines: (tokens, pairs), as in the forward
///   - sines: (tokens, pairs), as in the forward
///   - pairing: which elements make up a pair
///   - tokens: how many tokens there are
///   - heads: how many heads each token has
///   - headSize: the length of a head, at least 2 · `pairs`
///   - pairs: how many pairs of a head are turned
package func rotaryBackward(
    _ gradient: UnsafeMutablePointer<Float>, cosines: UnsafePointer<Float>,
    sines: UnsafePointer<Float>,
    pairing: RopePairing, tokens: Int, heads: Int, headSize: Int, pairs: Int
) {
    turn(gradient, cosines, sines, pairing, tokens, heads, headSize, pairs, direction: -1)
}

/// Turns every head by its token's angles times the direction, 1 or −1.
@inline(__always)
private func turn(
    _ values: UnsafeMutablePointer<Float>, _ cosines: UnsafePointer<Float>,
    _ sines: UnsafePointer<Float>, _ pairing: RopePairing, _ tokens: Int, _ heads: Int,
    _ headSize: Int, _ pairs: Int, direction: Float
) {
    precondition(2 * pairs <= headSize)
    for token in 0..<tokens {
        let cosine = cosines + token * pairs
        let sine = sines + token * pairs
        for head in 0..<heads {
            let x = values + (token * heads + head) * headSize
            switch pairing {
            case .interleaved: turnInterleaved(x, cosine, sine, pairs, direction)
            case .halves: turnHalves(x, cosine, sine, pairs, direction)
            }
        }
    }
}

@inline(__always)
private func turnInterleaved(
    _ x: UnsafeMutablePointer<Float>, _ cosine: UnsafePointer<Float>, _ sine: UnsafePointer<Float>,
    _ pairs: Int, _ direction: Float
) {
    for pair in 0..<pairs {
        let (a, b) = (x[2 * pair], x[2 * pair + 1])
        let (c, s) = (cosine[pair], direction * sine[pair])
        x[2 * pair] = a * c - b * s
        x[2 * pair + 1] = a * s + b * c
    }
}

@inline(__always)
private func turnHalves(
    _ x: UnsafeMutablePointer<Float>, _ cosine: UnsafePointer<Float>, _ sine: UnsafePointer<Float>,
    _ pairs: Int, _ direction: Float
) {
    let whole = wholeEights(pairs)
    for pair in stride(from: 0, to: whole, by: 8) {
        let (a, b) = (x.load8(pair), x.load8(pairs + pair))
        let (c, s) = (cosine.load8(pair), sine.load8(pair) * direction)
        x.store8(a * c - b * s, pair)
        x.store8(a * s + b * c, pairs + pair)
    }
    for pair in whole..<pairs {
        let (a, b) = (x[pair], x[pairs + pair])
        let (c, s) = (cosine[pair], direction * sine[pair])
        x[pair] = a * c - b * s
        x[pairs + pair] = a * s + b * c
    }
}
