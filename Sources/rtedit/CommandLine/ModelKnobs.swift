import Formats
import Tuning

// Options whose values are parts of a model.

extension Knob<[Int]?> {
    /// Blocks such as 8,10-12, or none.
    static func blocks(_ name: String, _ valueName: String, _ help: String) -> Knob {
        Knob(name, valueName, help, standard: nil, text: nil) { text throws(Misread) in
            guard let blocks = BlockSet.parse(text) else {
                throw Misread(text: text, expected: "a list of blocks such as 8,10-12")
            }
            return blocks
        }
    }
}

extension Knob<ElementType?> {
    /// A type in which changed values can be stored, or none.
    static func storedType(_ name: String, _ valueName: String, _ help: String) -> Knob {
        let names = CheckpointOutput.storedTypes
        return Knob(name, valueName, help, standard: nil, text: nil, allowed: names) {
            text throws(Misread) in
            guard names.contains(text), let type = ElementType(rawValue: text) else {
                throw Misread(text: text, expected: "one of \(names.joined(separator: ", "))")
            }
            return type
        }
    }
}
