/// Something about a file of contrast pairs that would spoil a direction, or that its writer may want to know.
package struct PairFinding: Sendable, Hashable {
    /// What a finding is of; faults, and then remarks, are told in this order.
    package enum Kind: String, Sendable, CaseIterable {
        /// Lines that are no pairs.
        case unreadable
        /// Too few to tell a trait from chance.
        case few
        /// Both sides are the same, as text or as the model's tokens.
        case identical
        /// A pair that is there already.
        case repeated
        /// A pair that is there the other way round.
        case reversed
        /// A text that is the positive side of one pair and the negative of another.
        case bothSides = "both-sides"
        /// The sides have other turns: one a system text, the other none.
        case otherTurns = "other-turns"
        /// The sides ask for other things, so that the pair differs in its subject.
        case otherRequests = "other-requests"
        /// One side is longer throughout, so that length tells them apart.
        case lengths
        /// Pairs whose sides differ much in length.
        case uneven
        /// A side that is longer than the model's context.
        case tooLong = "too-long"
        /// Words on each side that stand on the other one in all other pairs.
        case swapped
        /// A word that alone tells the sides apart.
        case word
        /// Requests that several pairs share, so that what is held out is not new.
        case sharedRequests = "shared-requests"
        /// Pairs without a topic or a couple of personas, where others name theirs.
        case unlabelled
    }

    package let kind: Kind
    /// Whether it would spoil a direction.
    package let isFault: Bool
    /// The lines of the file that it is about; empty where it is about all.
    package let lines: [Int]
    package let text: String

    init(_ kind: Kind, isFault: Bool, lines: [Int] = [], _ text: String) {
        self.kind = kind
        self.isFault = isFault
        self.lines = lines
        self.text = text
    }
}
