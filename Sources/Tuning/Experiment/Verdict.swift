extension Judgement {
    /// What the data say of a claim that a difference is above 0, given the smallest difference that would matter, δ.
    ///
    /// It is read from intervals around the estimate, each within those of smaller levels:
    ///
    /// - `equivalent` where the interval lies within -δ and δ, also where 0 is outside it;
    /// - else `holds` where it lies above 0, and `fails` where it lies below 0;
    /// - else `undecided`.
    ///
    /// A wrong verdict needs an interval that misses the true difference. So the smallest level at which an interval decides
    /// is a p value for the error of that verdict: below α with a probability of at most α.
    package enum Verdict: String, Sendable, CaseIterable {
        case holds
        case fails = "does not hold"
        case equivalent
        case undecided = "not decided"
    }
}
