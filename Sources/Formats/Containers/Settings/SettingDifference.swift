/// A number or a piece of metadata that two checkpoints do not share.
package struct SettingDifference: Sendable, Hashable {
    /// What a setting belongs to.
    package enum Group: String, Sendable, Hashable, CaseIterable {
        /// A number that shapes the model, whatever the files call it.
        case hyperparameter
        /// A key of the metadata or of `config.json`, where both checkpoints have the same format.
        case key
        /// How text is sampled where the user does not say.
        case generation
        /// A rule or a special token of the tokenizer.
        case tokenizer
        case chatTemplate = "chat template"
    }

    package let group: Group
    package let name: String
    /// The values as text; nil where the checkpoint has none.
    package let a: String?
    package let b: String?
    /// Whether the model is another one for it; descriptions of the file are listed only.
    package let isDifference: Bool

    package init(
        _ group: Group, _ name: String, _ a: String?, _ b: String?, isDifference: Bool = true
    ) {
        self.group = group
        self.name = name
        self.a = a
        self.b = b
        self.isDifference = isDifference
    }

    /// What two lists of named values do not share: first in the order of the first, then what only the second has.
    static func between(
        _ a: [(name: String, text: String)], _ b: [(name: String, text: String)], _ group: Group,
        isDifference: (String) -> Bool
    ) -> [SettingDifference] {
        between(
            a.map { ($0.name, SettingValue.one($0.text)) },
            b.map { ($0.name, SettingValue.one($0.text)) }, group, isDifference: isDifference)
    }

    /// The same for values that may be lists.
    static func between(
        _ a: [(name: String, value: SettingValue)], _ b: [(name: String, value: SettingValue)],
        _ group: Group, isDifference: (String) -> Bool
    ) -> [SettingDifference] {
        // Keys of files, compared byte by byte; of equal ones the first counts, as for every reader.
        let first = Dictionary(a.map { (ExactString($0.name), $0.value) }) { kept, _ in kept }
        let second = Dictionary(b.map { (ExactString($0.name), $0.value) }) { kept, _ in kept }
        let names = a.map(\.name) + b.map(\.name).filter { first[ExactString($0)] == nil }
        return names.compactMap { name in
            let (left, right) = (first[ExactString(name)], second[ExactString(name)])
            guard left != right else { return nil }
            return SettingDifference(
                group, name, left?.text(beside: right), right?.text(beside: left),
                isDifference: isDifference(name))
        }
    }
}
