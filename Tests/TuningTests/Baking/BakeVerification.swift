import Formats
import Transformer

@testable import Tuning

/// A baked checkpoint held against its base steered online, on two short texts, with the derived tolerance.
func verify(
    _ base: Checkpoint, _ edited: Checkpoint, _ interventions: [Intervention]
) throws -> Verification {
    let prompts = [[1, 5, 9, 2, 33, 7], [40, 3, 3, 12, 8, 21, 6, 14, 2, 30]]
    return try Verification(
        base: base, edited: edited, interventions: interventions,
        prompts: prompts.map { (tokens: $0, text: "") }, tolerance: nil, textLength: 4,
        crew: WorkCrew(threads: 2), stopTokens: [], decode: { "\($0)" }, progress: { _, _ in })
}
