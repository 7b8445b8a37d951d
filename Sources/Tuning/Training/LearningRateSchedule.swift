import Glibc

/// How the learning rate goes over a run, as `transformers.get_*_schedule_with_warmup` define it.
package struct LearningRateSchedule: Sendable, Hashable {
    /// How the rate goes on after the warm-up.
    package enum Shape: String, Sendable, CaseIterable {
        case constant
        /// Straight down to 0 at the last step.
        case linear
        /// Down to 0 along half a cosine.
        case cosine
    }

    package var shape: Shape
    /// Steps over which the rate rises from 0; the first of them therefore changes nothing.
    package var warmUp: Int

    package init(_ shape: Shape = .linear, warmUp: Int = 0) {
        self.shape = shape
        self.warmUp = warmUp
    }

    /// What the learning rate is multiplied by.
    ///
    /// - Parameters:
    ///   - step: how many steps were made before.
    ///   - steps: how many the run has in all.
    /// - Returns: a factor from 0 to 1.
    package func factor(step: Int, of steps: Int) -> Double {
        if step < warmUp { return Double(step) / Double(max(1, warmUp)) }
        let rest = Double(max(1, steps - warmUp))
        switch shape {
        case .constant: return 1
        case .linear: return max(0, Double(steps - step) / rest)
        case .cosine: return max(0, 0.5 * (1 + cos(.pi * Double(step - warmUp) / rest)))
        }
    }
}
