import Foundation
package import Transformer

/// A vector as users name it: `FILE[:SCALE][@BLOCKS]`.
package struct VectorSpecification: Sendable, Hashable {
    package let file: String
    package let scale: Float
    /// Whether the text says the scale.
    package let namesScale: Bool
    /// Nil: all blocks of the file.
    package let blocks: [Int]?

    /// Reads the text of an option. The longest part of it that names an existing file is the file, so that names may
    /// have `:` and `@` in them; where there is none, those of the last name in the path begin the scale and the blocks.
    ///
    /// - Throws: `VectorError.badSpecification` where the scale or the blocks are malformed.
    package init(_ text: String) throws(VectorError) {
        if let found = Self.readings(of: text).first(where: { Self.isFile($0.file) }) {
            self = found
            return
        }
        var rest = text[...]
        if let at = rest.lastIndex(of: "@"), !rest[at...].contains("/") {
            let list = rest[rest.index(after: at)...]
            guard let parsed = BlockSet.parse(list) else {
                throw .badSpecification(
                    text: text,
                    reason: "'\(list)' is no list of blocks like 12, 10-17 or 8,10-12, and no file "
                        + "has the whole name")
            }
            blocks = parsed
            rest = rest[..<at]
        } else {
            blocks = nil
        }
        if let colon = rest.lastIndex(of: ":"), !rest[colon...].contains("/") {
            let number = rest[rest.index(after: colon)...]
            guard let parsed = Self.scale(number) else {
                throw .badSpecification(text: text, reason: "'\(number)' is no finite scale")
            }
            (scale, namesScale) = (parsed, true)
            rest = rest[..<colon]
        } else {
            (scale, namesScale) = (1, false)
        }
        guard !rest.isEmpty else { throw .badSpecification(text: text, reason: "it names no file") }
        file = String(rest)
    }

    private init(file: Substring, scale: Float? = nil, blocks: [Int]? = nil) {
        self.file = String(file)
        self.scale = scale ?? 1
        namesScale = scale != nil
        self.blocks = blocks
    }

    /// The text that names it, whatever the file's name is.
    package var text: String {
        "\(file):\(scale)" + (blocks.map { "@\(BlockSet.text($0))" } ?? "")
    }

    /// The same vector at another scale.
    package func scaled(to scale: Float) -> VectorSpecification {
        VectorSpecification(file: file[...], scale: scale, blocks: blocks)
    }

    /// The same vector in other blocks.
    package func moved(to blocks: [Int]?) -> VectorSpecification {
        VectorSpecification(file: file[...], scale: scale, blocks: blocks)
    }

    /// What a text may mean, the longest file first.
    private static func readings(of text: String) -> [VectorSpecification] {
        func withoutScale(_ text: Substring, blocks: [Int]?) -> [VectorSpecification] {
            guard let colon = text.lastIndex(of: ":"),
                let scale = scale(text[text.index(after: colon)...])
            else { return [] }
            return [VectorSpecification(file: text[..<colon], scale: scale, blocks: blocks)]
        }
        var readings = [VectorSpecification(file: text[...])]
        if let at = text.lastIndex(of: "@"),
            let blocks = BlockSet.parse(text[text.index(after: at)...])
        {
            readings.append(VectorSpecification(file: text[..<at], blocks: blocks))
            readings += withoutScale(text[..<at], blocks: blocks)
        } else {
            readings += withoutScale(text[...], blocks: nil)
        }
        return readings
    }

    private static func scale(_ text: Substring) -> Float? {
        Float(text).flatMap { $0.isFinite ? $0 : nil }
    }

    private static func isFile(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && !isFolder.boolValue
    }

    /// Opens the file and gives the interventions it asks for.
    ///
    /// - Parameters:
    ///   - hiddenSize: the width of the model's residual stream.
    ///   - blockCount: the number of the model's blocks.
    /// - Throws: `VectorError` where the file is no vector or does not fit the model, and file errors.
    package func interventions(
        _ operation: Intervention.Operation, convention: VectorFile.Convention = .llamaCpp,
        hiddenSize: Int,
        blockCount: Int
    ) throws -> [Intervention] {
        let vector = try VectorFile.read(file, convention: convention)
        guard vector.width == hiddenSize else {
            throw VectorError.wrongWidth(file: file, width: vector.width, model: hiddenSize)
        }
        let found = try vector.interventions(operation, scale: scale, blocks: blocks, name: file)
        if operation == .add { try check(found) }
        if let outside = found.first(where: { $0.block >= blockCount }) {
            throw VectorError.noSuchBlock(file: file, block: outside.block, blockCount: blockCount)
        }
        return found
    }

    /// Refuses vectors that are not finite once they are scaled.
    private func check(_ interventions: [Intervention]) throws(VectorError) {
        for intervention in interventions {
            let strength = intervention.strength
            if let index = intervention.vector.firstIndex(where: { !($0 * strength).isFinite }) {
                throw .tooStrong(
                    file: file, block: intervention.block, index: index,
                    value: intervention.vector[index], scale: strength)
            }
        }
    }
}
