extension TokenizerDefinition {
    /// The vocabulary as `tokenizer.model`: SentencePiece's message with every piece, its score and its type.
    ///
    /// - Parameter scores: one for each token
    func sentencePieceModel(scores: [Float]) -> [UInt8] {
        var message = ProtobufWriter()
        for id in tokens.indices where !isPadding(id) {
            var piece = ProtobufWriter()
            piece.append(1, bytes: tokens[id])
            piece.append(2, float: scores[id])
            piece.append(3, integer: Int64(kinds[id].rawValue))
            message.append(1, bytes: piece.bytes)
        }
        var trainer = ProtobufWriter()
        trainer.append(3, integer: 2)
        trainer.append(35, integer: kinds.contains(.byte) ? 1 : 0)
        for (field, id) in [(40, unknown), (41, beginningOfText), (42, endOfText), (43, padding)] {
            trainer.append(UInt64(field), integer: Int64(id ?? -1))
        }
        for (field, id) in [(45, unknown), (46, beginningOfText), (47, endOfText), (48, padding)] {
            if let id { trainer.append(UInt64(field), bytes: tokens[id]) }
        }
        message.append(2, bytes: trainer.bytes)
        var normalizer = ProtobufWriter()
        normalizer.append(1, bytes: Array("identity".utf8))
        let hasPrefix = normalizers.contains(.prepend(PreTokenizerRule.spaceMark))
        normalizer.append(3, integer: hasPrefix ? 1 : 0)
        normalizer.append(4, integer: normalizers.contains(.collapseSpaces) ? 1 : 0)
        normalizer.append(5, integer: 1)
        message.append(3, bytes: normalizer.bytes)
        return message.bytes
    }
}

/// Writes the fields of a protocol buffers message.
private struct ProtobufWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ field: UInt64, integer: Int64) {
        varint(field << 3)
        varint(UInt64(bitPattern: integer))
    }

    mutating func append(_ field: UInt64, float: Float) {
        varint(field << 3 | 5)
        for shift in stride(from: 0, to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: float.bitPattern >> UInt32(shift)))
        }
    }

    mutating func append(_ field: UInt64, bytes content: some Collection<UInt8>) {
        varint(field << 3 | 2)
        varint(UInt64(content.count))
        bytes += content
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }
}
