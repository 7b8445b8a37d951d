/// What files call the properties of a vector: keys of GGUF files and of safetensors metadata, texts of NumPy archives.
enum VectorKey {
    static let site = "rtedit.site"
    static let modelHint = "rtedit.model_hint"
    static let method = "rtedit.method"
    static let token = "rtedit.token"
    static let normalization = "rtedit.normalize"
    static let baseName = "rtedit.base_name"
    static let baseHash = "rtedit.base_sha256"
    static let pairCount = "rtedit.pair_count"
    static let projectedOut = "rtedit.projected_out"
    static let operations = "rtedit.operations"
    static let baseSample = "rtedit.base_sample"
    static let blocks = "rtedit.blocks"
    static let direction = "rtedit.direction."
    /// Of the arrays by block, as those of `figures` without the prefix.
    static let prefix = "rtedit."

    /// The figures of each direction, by the names of their arrays.
    static var figures:
        [(name: String, member: WritableKeyPath<SteeringVector.Provenance, [Int: Float]>)]
    {
        [
            ("sign_agreement", \.signAgreement), ("activation_norm", \.activationNorm),
            ("length_lost", \.lengthLost),
        ]
    }
}

/// Where a vector comes from, as texts: what formats that have no other metadata hold of it.
extension SteeringVector.Provenance {
    private static let nameSeparator: Character = "\n"

    /// All that is a text, a number or a list of names, by key.
    var texts: [(key: String, text: String)] {
        func lines(_ names: [String]) -> String? {
            names.isEmpty ? nil : names.joined(separator: String(Self.nameSeparator))
        }
        let texts: [(String, String?)] = [
            (VectorKey.modelHint, modelHint), (VectorKey.method, method), (VectorKey.token, token),
            (VectorKey.normalization, normalization), (VectorKey.baseName, baseName),
            (VectorKey.baseHash, baseHash), (VectorKey.pairCount, pairCount.map { String($0) }),
            (VectorKey.projectedOut, lines(projectedOut)),
            (VectorKey.operations, lines(operations)),
        ]
        return texts.compactMap { key, text in text.map { (key, $0) } }
    }

    /// The keys of `texts`.
    static let textKeys: Set<String> = [
        VectorKey.modelHint, VectorKey.method, VectorKey.token, VectorKey.normalization,
        VectorKey.baseName, VectorKey.baseHash, VectorKey.pairCount, VectorKey.projectedOut,
        VectorKey.operations,
    ]

    /// - Parameter texts: by key
    init(texts: [String: String]) {
        func names(_ key: String) -> [String] {
            texts[key]?.split(separator: Self.nameSeparator).map(String.init) ?? []
        }
        self.init(
            modelHint: texts[VectorKey.modelHint] ?? "", method: texts[VectorKey.method],
            token: texts[VectorKey.token], normalization: texts[VectorKey.normalization],
            baseName: texts[VectorKey.baseName], baseHash: texts[VectorKey.baseHash],
            pairCount: texts[VectorKey.pairCount].flatMap { Int($0) },
            projectedOut: names(VectorKey.projectedOut), operations: names(VectorKey.operations))
    }
}
