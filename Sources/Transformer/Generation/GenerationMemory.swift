/// What was run of a text, kept for the next text that begins alike, as the turns of a conversation do.
///
/// The tokens that the next text shares with it are not run again, as long as the interventions are the same.
package final class GenerationMemory {
    let cache: SequenceCache
    private let configuration: DecoderConfiguration
    /// The tokens that the cache holds.
    private var tokens: [Int] = []
    /// What they were run with.
    private var interventions: [Intervention] = []

    /// Memory of nothing, for a model of these sizes.
    package init(_ configuration: DecoderConfiguration) {
        self.configuration = configuration
        cache = SequenceCache(configuration)
    }

    /// Goes back to what a text shares with the last one; its last token is always left to be run.
    ///
    /// - Returns: how many of its tokens need not be run.
    func begin(_ text: [Int], interventions: [Intervention]) -> Int {
        let isSame = interventions == self.interventions
        let shared = isSame ? zip(tokens, text).prefix { $0 == $1 }.count : 0
        let longest = tokens.count
        var kept = cache.truncate(to: min(shared, text.count - 1))
        // A long rope turns a text of another length by other factors.
        if configuration.outgrowsCache(of: kept, at: longest) { kept = cache.truncate(to: 0) }
        tokens = Array(tokens.prefix(kept))
        self.interventions = interventions
        return kept
    }

    /// Forgets the text.
    func forget() {
        cache.truncate(to: 0)
        tokens = []
    }

    /// Notes tokens that were run.
    func note(_ more: [Int]) { tokens += more }
}
