/// What a patch says about its files: where their bytes come from, part by part. It stands at the end of the patch;
/// the payloads of its parts stand before it, in the order of the parts.
struct PatchDirectory: Equatable, Sendable {
    /// Bytes of the base that the patch needs.
    struct Source: Equatable, Sendable {
        enum Place: Equatable, Sendable {
            case tensor(TensorDescription)
            /// Bytes of a file.
            case range(file: String, Range<Int>)
        }

        let place: Place
        /// The first 16 bytes of the SHA-256 of these bytes.
        var digest: [UInt8]

        static let digestSize = 16

        var byteCount: Int {
            switch place {
            case .tensor(let description): description.byteCount ?? 0
            case .range(_, let range): range.count
            }
        }
    }

    /// Bytes that are stored, or made from those that are.
    struct Stored: Equatable, Sendable {
        /// How many bytes of the patch they take.
        let payloadSize: Int
        /// The XXH64 of the resulting bytes.
        let hash: UInt64
    }

    struct Frame: Equatable, Sendable {
        let coding: FrameCoding
        let isSparse: Bool
        let stored: Stored
    }

    struct Tensor: Equatable, Sendable {
        let description: TensorDescription
        /// Nil: the frames are coded without a base.
        let prediction: Prediction?
        /// The bytes of each frame but the last, which holds the rest.
        let frameSize: Int
        let frames: [Frame]
    }

    enum Segment: Equatable, Sendable {
        case zeros(Int)
        /// A source as it is; the tensor that it is in the result, where it is one.
        case copy(source: Int, TensorDescription?)
        /// Bytes compressed as one piece, with a source as prefix where it is not nil.
        case literal(byteCount: Int, prefix: Int?, Stored)
        case tensor(Tensor)
    }

    struct File: Equatable, Sendable {
        let name: String
        let size: Int
        /// The SHA-256 of the whole file.
        let digest: [UInt8]
        let segments: [Segment]
    }

    /// Whether the result is a folder, rather than files in one.
    let isFolder: Bool
    var sources: [Source]
    let files: [File]

    func byteCount(of segment: Segment) -> Int {
        switch segment {
        case .zeros(let count): count
        case .copy(let source, _): sources[source].byteCount
        case .literal(let count, _, _): count
        case .tensor(let tensor): tensor.description.byteCount ?? 0
        }
    }

    /// The largest frame or literal, and the largest prefix of a literal: what applying a patch must hold in memory.
    static let largestFrame = 64 << 20
    static let largestPrefix = 64 << 20
}

/// How the bytes of a tensor are made from those of base tensors, as a conversion between formats would.
struct Prediction: Equatable, Sendable {
    struct Part: Equatable, Sendable {
        /// The number of the source, a tensor.
        let source: Int
        /// The matrix of a tensor that holds those of all experts.
        let expert: Int?
        /// What brings the source into the tensor's form.
        let change: StorageForm
    }

    /// The parts that the tensor is made of, one after the other.
    let parts: [Part]
    /// The rows of each part, where there are several.
    let rows: Int
}
