/// Tells a run that has gone wrong from one that is noisy.
///
/// A term has diverged where its loss is above three times its first plus 1: the untuned model's for validations, the
/// first step's for steps. The 1 (a nat, or the whole range of a cosine's loss) leaves room to terms that begin near
/// 0, as `keep` does. One such validation ends a run; steps are noisy, so it takes 20 in a row.
struct DivergenceWatch: Equatable {
    /// Steps in a row until now.
    private(set) var divergingSteps = 0

    private static let factor = 3.0
    private static let margin = 1.0
    private static let patience = 20

    init(divergingSteps: Int = 0) {
        self.divergingSteps = divergingSteps
    }

    /// Takes note of a step's losses.
    ///
    /// - Returns: why the run should end, or nil.
    mutating func add(step losses: StepLosses, first: StepLosses, names: [String]) -> String? {
        guard let term = Self.diverged(losses, first) else {
            divergingSteps = 0
            return nil
        }
        divergingSteps += 1
        guard divergingSteps >= Self.patience else { return nil }
        return "the loss '\(names[term])' was above three times its first "
            + "(\(first.terms[term])) plus 1 for \(Self.patience) steps"
    }

    /// Why the run should end after a validation, or nil.
    static func reason(validation losses: StepLosses, first: StepLosses, names: [String])
        -> String?
    {
        guard let term = diverged(losses, first) else { return nil }
        return "the validation loss '\(names[term])' rose from \(first.terms[term]) to "
            + "\(losses.terms[term])"
    }

    /// The first term that has diverged.
    private static func diverged(_ losses: StepLosses, _ first: StepLosses) -> Int? {
        zip(losses.terms, first.terms).enumerated().first { _, pair in
            pair.0 > factor * pair.1 + margin
        }?.offset
    }
}
