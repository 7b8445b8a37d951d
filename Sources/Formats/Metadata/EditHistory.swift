/// What was done to a model by rtedit: what it is called now, a description for people, and every edit in its order.
///
/// A GGUF file has it as `general.name`, `general.description` and `rtedit.edit.*`, a folder as `rtedit.json`, bare
/// safetensors weights as a text of their `__metadata__`. Runtimes show the name and the description at most, and read
/// over the rest.
package struct EditHistory: Sendable, Hashable {
    /// A file that took part in an edit.
    package struct Source: Sendable, Hashable {
        /// The name without its folder, or what a model calls itself.
        package let name: String
        /// The SHA-256 of the file, in lower-case hexadecimal digits; of a model as `Checkpoint.weightsHash`.
        package let sha256: String

        package init(name: String, sha256: String) {
            self.name = name
            self.sha256 = sha256
        }
    }

    /// One edit. The same edit of the same files is the same value whenever and wherever it was made.
    package struct Edit: Sendable, Hashable {
        /// The command of rtedit.
        package let command: String
        /// The options that decide what it does, as they were written but for the folders of files.
        package let options: [String]
        /// The way it took, where it has several; such as a route of `bake`.
        package let method: String?
        /// The model it began with.
        package let base: Source
        /// The other files: vectors, adapters, data, in the order of the call.
        package let inputs: [Source]
        /// The version of rtedit.
        package let version: String

        package init(
            command: String, options: [String], method: String?, base: Source, inputs: [Source],
            version: String
        ) {
            self.command = command
            self.options = options
            self.method = method
            self.base = base
            self.inputs = inputs
            self.version = version
        }

        /// The command and its options in one line.
        package var call: String { ([command] + options).joined(separator: " ") }

        /// The edit in one sentence.
        package var sentence: String { "Edited with rtedit \(version): \(call)." }
    }

    package var name: String?
    package var description: String?
    package var edits: [Edit]

    package init(name: String? = nil, description: String? = nil, edits: [Edit] = []) {
        self.name = name
        self.description = description
        self.edits = edits
    }

    /// Whether it says nothing.
    package var isEmpty: Bool { name == nil && description == nil && edits.isEmpty }

    /// What the name of an edited model ends with where its user gives it none.
    static let suffix = " (edited)"

    /// The history after a change.
    ///
    /// - Parameter model: what the model was called before.
    func applying(_ change: EditHistoryChange, to model: String) -> EditHistory {
        var history = self
        if let name = change.name {
            history.name = name
        } else if change.edit != nil {
            let stem = model.hasSuffix(".gguf") ? String(model.dropLast(5)) : model
            history.name = stem.hasSuffix(Self.suffix) ? stem : stem + Self.suffix
        }
        guard let edit = change.edit else { return history }
        history.edits.append(edit)
        history.description = [description, edit.sentence].compactMap(\.self)
            .joined(separator: "\n")
        return history
    }
}

/// What an output says of itself beyond its source: a name, an edit, or both.
package struct EditHistoryChange: Sendable, Hashable {
    package let name: String?
    package let edit: EditHistory.Edit?

    package init(name: String?, edit: EditHistory.Edit?) {
        self.name = name
        self.edit = edit
    }
}
