/// Where an item of a trait's data belongs: what a sample is spread over, and what is resampled together.
package struct Stratum: Sendable, Hashable {
    /// What the item is about.
    package let topic: String?
    /// Of a probe, what it shares with the one it exchanges its answers with; of a pair, its two personas.
    package let couple: String?

    package init(topic: String?, couple: String?) {
        self.topic = topic
        self.couple = couple
    }
}

extension Probe {
    package var stratum: Stratum { Stratum(topic: category, couple: couple) }
}

extension ContrastPair {
    /// The couple is that of the line, or else the two system texts.
    package var stratum: Stratum {
        Stratum(topic: category, couple: couple ?? systemTexts)
    }

    private var systemTexts: String? {
        guard case .chat(let first?, _, _) = positive, case .chat(let second?, _, _) = negative
        else { return nil }
        return "\(first)\n\(second)"
    }
}
