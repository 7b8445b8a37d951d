/// The integers that elements of a quantised block may be, before they are scaled.
enum StoredIntegers: Sendable {
    /// Every integer of a range.
    case every(ClosedRange<Float>)
    /// These alone, in ascending order. Where elements share the code of a vector, each of them is some vector's, but no
    /// code holds any choice of them.
    case listed([Float])

    /// The integers of a codebook without signs, each with either sign.
    static func signed(_ magnitudes: [Float]) -> StoredIntegers {
        .listed((magnitudes.map { -$0 } + magnitudes).sorted())
    }

    /// The one nearest to a number; of two, the one further from zero.
    func nearest(to number: Float) -> Float {
        switch self {
        case .every(let range):
            return max(range.lowerBound, min(range.upperBound, number.rounded()))
        case .listed(let integers):
            var best = integers[0]
            for integer in integers.dropFirst() {
                let (distance, least) = (abs(integer - number), abs(best - number))
                if distance < least || distance == least && integer > 0 { best = integer }
            }
            return best
        }
    }

    /// How far one of them is from its neighbours; where they are not equally far, from the further one.
    func gap(at integer: Float) -> Float {
        switch self {
        case .every: return 1
        case .listed(let integers):
            guard let place = integers.firstIndex(of: nearest(to: integer)) else { return 0 }
            let below = place > 0 ? integers[place] - integers[place - 1] : 0
            let above = place + 1 < integers.count ? integers[place + 1] - integers[place] : 0
            return max(below, above)
        }
    }
}
