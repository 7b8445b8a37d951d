import Formats
import Tuning

/// How much of removed directions the weights still write, in words and as JSON.
struct LeftoverView {
    private let leftovers: [AblationLeftover]

    init(_ leftovers: [AblationLeftover]) {
        self.leftovers = leftovers
    }

    func show(on console: Console) {
        guard let worst = leftovers.max(by: { Self.size($0) < Self.size($1) }) else { return }
        let computed = leftovers.map(\.computed)
        var text =
            "what \(leftovers.count) weights write along the removed directions: "
            + "\(Self.range(computed)) of what it was"
        let stored = leftovers.compactMap(\.stored)
        if !stored.isEmpty { text += "; as stored \(Self.range(stored))" }
        console.print(text + ", most in \(worst.tensor)")
    }

    private static func size(_ leftover: AblationLeftover) -> Double {
        leftover.stored ?? leftover.computed
    }

    /// The smallest to the largest share.
    private static func range(_ shares: [Double]) -> String {
        let (low, high) = (shares.min() ?? 0, shares.max() ?? 0)
        let words = [low, high].map { $0 < 1e-5 ? "0" : Quantity.scientific($0, 1) }
        return words[0] == words[1] ? words[0] : "\(words[0]) to \(words[1])"
    }

    var json: [JSONValue] {
        leftovers.map { leftover in
            .object(
                JSONObject([
                    .init("tensor", .string(leftover.tensor)),
                    .init("computed", .number(leftover.computed)),
                    .init("stored", leftover.stored.map { .number($0) } ?? .null),
                ]))
        }
    }
}
