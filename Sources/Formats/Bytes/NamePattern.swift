/// A regular expression for names of tensors and modules.
///
/// All ends of a match are found at once, for a set of beginnings, so that no expression takes more than polynomial time
/// (Thompson 1968); what looks around or back is not supported.
package struct NamePattern: Hashable, Sendable {
    /// Which part of a name has to follow the expression.
    package enum Extent: Hashable, Sendable {
        /// Any part: `regex_search` of C++, as `llama-quantize` takes the names of tensors.
        case anyPart
        /// The whole of the name or the end of it after a dot: Python's `(.*\.)?(KEY)$`, as PEFT takes the keys of its
        /// `rank_pattern` and `alpha_pattern`.
        case modulePath
    }

    /// The expression as it was given.
    package let text: String
    private let extent: Extent
    private let root: Node

    /// Whether text and extent are the same.
    package static func == (left: NamePattern, right: NamePattern) -> Bool {
        left.text == right.text && left.extent == right.extent
    }

    /// By the text and the extent.
    package func hash(into hasher: inout Hasher) {
        hasher.combine(text)
        hasher.combine(extent)
    }

    private indirect enum Node: Sendable {
        case byte(Set<UInt8>)
        case sequence([Node])
        case either([Node])
        case repeated(Node, ClosedRange<Int>)
        case start
        case end
    }

    private static let longest = 1000
    private static let most = Int(Int32.max)

    /// Nil where the expression uses what is not supported, or is none.
    package init?(_ text: String, matching extent: Extent) {
        self.text = text
        self.extent = extent
        guard text.utf8.count <= Self.longest else { return nil }
        var parser = Parser(bytes: Array(text.utf8))
        guard let key = parser.alternatives(depth: 0), parser.isAtEnd else { return nil }
        let anything = Node.repeated(.byte(Parser.any), 0...Self.most)
        root =
            switch extent {
            case .anyPart: .sequence([anything, key])
            case .modulePath:
                .sequence([
                    .repeated(.sequence([anything, .byte([UInt8(ascii: ".")])]), 0...1), key, .end,
                ])
            }
    }

    /// Whether the name follows the expression; nil where that takes too long to find out.
    package func matches(_ name: String) -> Bool? {
        var matcher = Matcher(bytes: Array(name.utf8))
        return matcher.ends(of: root, from: [0]).map { !$0.isEmpty }
    }

    // MARK: - Matching

    private struct Matcher {
        let bytes: [UInt8]
        private var steps = 0

        private static let mostSteps = 100_000

        init(bytes: [UInt8]) { self.bytes = bytes }

        /// Where matches that begin at these places end, or nil after too many steps.
        mutating func ends(of node: Node, from places: Set<Int>) -> Set<Int>? {
            steps += 1 + places.count
            guard steps < Self.mostSteps else { return nil }
            if places.isEmpty { return places }
            switch node {
            case .byte(let set):
                return Set(
                    places.filter { $0 < bytes.count && set.contains(bytes[$0]) }.map { $0 + 1 })
            case .start: return places.intersection([0])
            case .end: return places.intersection([bytes.count])
            case .sequence(let nodes):
                var places = places
                for node in nodes {
                    guard let next = ends(of: node, from: places) else { return nil }
                    places = next
                }
                return places
            case .either(let nodes):
                var all: Set<Int> = []
                for node in nodes {
                    guard let next = ends(of: node, from: places) else { return nil }
                    all.formUnion(next)
                }
                return all
            case .repeated(let node, let counts):
                return repeats(of: node, counts, from: places)
            }
        }

        private mutating func repeats(
            of node: Node, _ counts: ClosedRange<Int>, from places: Set<Int>
        ) -> Set<Int>? {
            var newest = places
            for _ in 0..<counts.lowerBound {
                guard let next = ends(of: node, from: newest) else { return nil }
                newest = next
            }
            var all = newest
            var count = counts.lowerBound
            while count < counts.upperBound, !newest.isEmpty {
                guard let next = ends(of: node, from: newest) else { return nil }
                newest = next.subtracting(all)
                all.formUnion(newest)
                count += 1
            }
            return all
        }
    }

    // MARK: - Parsing

    private struct Parser {
        let bytes: [UInt8]
        private var place = 0

        static let any = Set((0...UInt8.max).filter { $0 != UInt8(ascii: "\n") })
        private static let digits = Set(UInt8(ascii: "0")...UInt8(ascii: "9"))
        private static let words = digits.union(UInt8(ascii: "a")...UInt8(ascii: "z"))
            .union(UInt8(ascii: "A")...UInt8(ascii: "Z")).union([UInt8(ascii: "_")])
        private static let spaces = Set(" \t\n\r\u{0B}\u{0C}".utf8)
        private static let deepest = 32

        init(bytes: [UInt8]) { self.bytes = bytes }

        var isAtEnd: Bool { place == bytes.count }

        private var next: UInt8? { isAtEnd ? nil : bytes[place] }

        private mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard next == UInt8(ascii: character) else { return false }
            place += 1
            return true
        }

        mutating func alternatives(depth: Int) -> Node? {
            guard depth < Self.deepest else { return nil }
            var nodes: [Node] = []
            repeat {
                guard let node = sequence(depth: depth) else { return nil }
                nodes.append(node)
            } while take("|")
            return nodes.count == 1 ? nodes[0] : .either(nodes)
        }

        private mutating func sequence(depth: Int) -> Node? {
            var nodes: [Node] = []
            while let byte = next, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
                guard let atom = atom(depth: depth), let node = quantified(atom) else { return nil }
                nodes.append(node)
            }
            return .sequence(nodes)
        }

        private mutating func atom(depth: Int) -> Node? {
            if take("^") { return .start }
            if take("$") { return .end }
            if take(".") { return .byte(Self.any) }
            if take("[") { return set().map { .byte($0) } }
            if take("\\") { return escape().map { .byte($0) } }
            if take("(") {
                if take("?"), !take(":") { return nil }
                guard let inner = alternatives(depth: depth + 1), take(")") else { return nil }
                return inner
            }
            guard let byte = next, !"*+?{}]".utf8.contains(byte) else { return nil }
            place += 1
            return .byte([byte])
        }

        /// The atom with the counts that follow it; lazy ones match the same names.
        private mutating func quantified(_ atom: Node) -> Node? {
            let counts: ClosedRange<Int>
            if take("*") {
                counts = 0...NamePattern.most
            } else if take("+") {
                counts = 1...NamePattern.most
            } else if take("?") {
                counts = 0...1
            } else if take("{") {
                guard let found = braces() else { return nil }
                counts = found
            } else {
                return atom
            }
            _ = take("?")
            // Possessive and repeated counts.
            if let byte = next, "*+?{".utf8.contains(byte) { return nil }
            return .repeated(atom, counts)
        }

        private mutating func braces() -> ClosedRange<Int>? {
            let low = number()
            if take("}") { return low.map { $0...$0 } }
            guard take(",") else { return nil }
            let high = number()
            guard take("}"), low ?? 0 <= high ?? NamePattern.most else { return nil }
            return (low ?? 0)...(high ?? NamePattern.most)
        }

        private mutating func number() -> Int? {
            let start = place
            while let byte = next, Self.digits.contains(byte) { place += 1 }
            guard place - start < 4 else { return nil }
            return Int(String(decoding: bytes[start..<place], as: UTF8.self))
        }

        private mutating func escape() -> Set<UInt8>? {
            guard let byte = next else { return nil }
            place += 1
            switch byte {
            case UInt8(ascii: "d"): return Self.digits
            case UInt8(ascii: "w"): return Self.words
            case UInt8(ascii: "s"): return Self.spaces
            case UInt8(ascii: "D"): return Set(0...UInt8.max).subtracting(Self.digits)
            case UInt8(ascii: "W"): return Set(0...UInt8.max).subtracting(Self.words)
            case UInt8(ascii: "S"): return Set(0...UInt8.max).subtracting(Self.spaces)
            // Boundaries, references and the like; an escaped letter has no other meaning.
            default: return Self.words.contains(byte) && byte != UInt8(ascii: "_") ? nil : [byte]
            }
        }

        private mutating func set() -> Set<UInt8>? {
            let isInverted = take("^")
            var members: Set<UInt8> = []
            var isFirst = true
            while let byte = next, isFirst || byte != UInt8(ascii: "]") {
                isFirst = false
                guard let low = member() else { return nil }
                let isRange =
                    next == UInt8(ascii: "-") && place + 1 < bytes.count
                    && bytes[place + 1] != UInt8(ascii: "]")
                guard isRange else {
                    members.formUnion(low)
                    continue
                }
                place += 1
                guard let high = member(), low.count == 1, high.count == 1,
                    let first = low.first, let last = high.first, first <= last
                else { return nil }
                members.formUnion(first...last)
            }
            guard take("]") else { return nil }
            return isInverted ? Set(0...UInt8.max).subtracting(members) : members
        }

        private mutating func member() -> Set<UInt8>? {
            if take("\\") { return escape() }
            guard let byte = next else { return nil }
            place += 1
            return [byte]
        }
    }
}
