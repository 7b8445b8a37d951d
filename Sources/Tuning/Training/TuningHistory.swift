import Formats

/// The losses of a run's steps and validations, as its record has them.
package struct TuningHistory: Sendable {
    /// What a step or a validation measured.
    package struct Entry: Sendable {
        /// How many steps had been made; a step's own losses are those before its update.
        package let step: Int
        package let losses: StepLosses
    }

    package let training: [Entry]
    package let validation: [Entry]

    /// Reads the record of a run's folder.
    ///
    /// - Throws: `FileError`; JSON errors and `TuningRunError.badState` with the line at fault.
    package init(folder: String) throws {
        var training: [Entry] = []
        var validation: [Entry] = []
        for (place, object) in try JSONLines.read("\(folder)/run.jsonl") {
            func entry(_ key: String) throws -> Entry? {
                guard object["losses"] != nil, let step = object[key]?.integer else { return nil }
                guard let losses = StepLosses(object) else {
                    throw TuningRunError.badState(file: place, fact: "its losses cannot be read")
                }
                return Entry(step: step, losses: losses)
            }
            if let step = try entry("step") {
                training.append(step)
            } else if let found = try entry("validation") {
                validation.append(found)
            }
        }
        self.training = training
        self.validation = validation
    }
}
