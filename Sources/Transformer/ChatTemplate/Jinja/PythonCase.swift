/// Upper and lower case as Python's strings have them.
enum PythonCase {
    static func upper(_ text: Scalars) -> Scalars {
        var result: Scalars = []
        result.reserveCapacity(text.count)
        for scalar in text {
            if scalar.isASCII {
                let isLower = ("a"..."z").contains(scalar)
                result.append(isLower ? Unicode.Scalar(UInt8(scalar.value) - 0x20) : scalar)
            } else {
                result += Scalars(scalar.properties.uppercaseMapping)
            }
        }
        return result
    }

    static func lower(_ text: Scalars) -> Scalars {
        var result: Scalars = []
        result.reserveCapacity(text.count)
        for (place, scalar) in text.enumerated() {
            if scalar.isASCII {
                let isUpper = ("A"..."Z").contains(scalar)
                result.append(isUpper ? Unicode.Scalar(UInt8(scalar.value) + 0x20) : scalar)
            } else if scalar == "\u{3a3}" {
                result.append(isFinal(place, in: text) ? "\u{3c2}" : "\u{3c3}")
            } else {
                result += Scalars(scalar.properties.lowercaseMapping)
            }
        }
        return result
    }

    /// Whether a sigma ends a word.
    private static func isFinal(_ place: Int, in text: Scalars) -> Bool {
        let before = text[..<place].last { !$0.properties.isCaseIgnorable }
        let after = text[(place + 1)...].first { !$0.properties.isCaseIgnorable }
        return (before?.properties.isCased ?? false) && !(after?.properties.isCased ?? false)
    }

    static func capitalized(_ text: Scalars) -> Scalars {
        guard let first = text.first else { return [] }
        // Lower case first, as a sigma looks at its neighbours.
        let rest = lower(text).dropFirst(lower([first]).count)
        return Scalars(first.properties.titlecaseMapping) + rest
    }

    /// `str.title`: letters after others that have no case begin a word.
    static func titled(_ text: Scalars) -> Scalars {
        var result: Scalars = []
        var isInWord = false
        for (place, scalar) in text.enumerated() {
            if !isInWord {
                result += Scalars(scalar.properties.titlecaseMapping)
            } else if scalar == "\u{3a3}" {
                result.append(isFinal(place, in: text) ? "\u{3c2}" : "\u{3c3}")
            } else {
                result += Scalars(scalar.properties.lowercaseMapping)
            }
            isInWord = scalar.properties.isCased
        }
        return result
    }

    static func isUpper(_ text: Scalars) -> Bool {
        text.contains { $0.properties.isUppercase }
            && !text.contains { $0.properties.isLowercase || isTitle($0) }
    }

    static func isLower(_ text: Scalars) -> Bool {
        text.contains { $0.properties.isLowercase }
            && !text.contains { $0.properties.isUppercase || isTitle($0) }
    }

    private static func isTitle(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.generalCategory == .titlecaseLetter
    }
}
