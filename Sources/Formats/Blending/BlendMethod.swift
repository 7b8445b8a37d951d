/// A way to make one model of several. The names are mergekit's, written with dashes.
package enum BlendMethod: String, CaseIterable, Sendable {
    /// The models' weighted mean, or sum (model soups, arXiv 2203.05482).
    case linear
    /// From one model to another on the arc between them, each weight taken as one vector (Shoemake 1985).
    case slerp
    /// A base and the weighted sum of what sets the models apart from it (task arithmetic, arXiv 2212.04089).
    case taskArithmetic = "task-arithmetic"
    /// The same of the largest differences, and of those only that have the sign that prevails (TIES, arXiv 2306.01708).
    case ties
    /// Task arithmetic with differences of which a random share is dropped (DARE, arXiv 2311.03099).
    case dareLinear = "dare-linear"
    /// The same, and of those that are left only the ones that have the sign that prevails.
    case dareTies = "dare-ties"

    /// - Parameter name: with dashes or underscores; task arithmetic may be called `task`.
    package init?(named name: String) {
        let name = name.lowercased().replacing("_", with: "-")
        self.init(rawValue: name == "task" ? Self.taskArithmetic.rawValue : name)
    }

    /// Whether models are taken by how they differ from a base.
    package var needsBase: Bool { self != .linear && self != .slerp }

    /// Whether the sum is divided by that of the weights, unless the user says otherwise.
    package var normalizes: Bool { self == .linear || self == .ties }

    /// Whether only a share of the differences is kept.
    package var isSparse: Bool { needsBase && self != .taskArithmetic }

    /// Whether the share that is kept is drawn by chance.
    package var isRandom: Bool { self == .dareLinear || self == .dareTies }

    /// Whether differences count only where they have the sign that prevails.
    var electsSigns: Bool { self == .ties || self == .dareTies }
}
