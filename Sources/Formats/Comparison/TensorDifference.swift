/// What became of one weight between two checkpoints.
package struct TensorDifference: Sendable {
    /// What became of a tensor.
    package enum Status: String, Sendable, Hashable, CaseIterable {
        /// The same type and the same bytes.
        case identicalBytes = "identical bytes"
        /// The same values in another type or layout.
        case identicalValues = "identical values"
        case changed
        case onlyInA = "only in A"
        case onlyInB = "only in B"
        /// The shapes do not match; an embedding's common rows are compared all the same.
        case otherShape = "other shape"
        /// The bytes differ, and rtedit cannot widen a type.
        case unreadable
    }

    /// The tensor as one of the checkpoints has it.
    package struct Stored: Sendable, Hashable {
        package let name: String
        /// Of the values.
        package let type: ElementType
        /// How they are stored, in a few words.
        package let storageName: String
        /// The shape in the file.
        package let shape: [Int]
        /// Where in the file's shape the largest change lies.
        package internal(set) var placeOfLargest: [Int]?

        init(_ tensor: WeightTensor) {
            name = tensor.name
            type = tensor.type
            storageName = tensor.storageName
            shape = tensor.shape
        }
    }

    /// What the weight is for; nil where the tensors were matched by name.
    package let role: WeightRole?
    /// Nil where the checkpoint does not have the tensor.
    package internal(set) var a: Stored?
    package internal(set) var b: Stored?
    package internal(set) var status: Status
    /// The sums over all common values; nil where none were compared. A bias that one side does not have counts as zeros.
    package internal(set) var sums: DifferenceSums?
    /// The values themselves, where both sides can be read.
    package let pair: TensorPair?
    /// The tensors themselves, which may have no values in common.
    package let tensors: (a: WeightTensor?, b: WeightTensor?)
    /// Whether only one side has a head of its own, so that the other's embedding was compared with it.
    package let isTiedHead: Bool
    /// What B has beyond A's rows and columns; nil where the shapes are the same, or B has less.
    package internal(set) var growth: TensorGrowth?

    /// The name in the first checkpoint that has the tensor.
    package var name: String { a?.name ?? b?.name ?? "" }

    /// Whether the model computes something else for it. A bias of zeros is as good as none.
    package var isDifference: Bool {
        switch status {
        case .identicalBytes, .identicalValues: false
        case .onlyInA, .onlyInB: !isAbsentZero
        case .changed, .otherShape, .unreadable: true
        }
    }

    /// Whether only one side has the bias, and it is all zeros.
    package var isAbsentZero: Bool {
        guard a == nil || b == nil, let sums else { return false }
        return sums.changed == 0
    }

    /// The block's number and the kind of weight, for tables; the name where there is no role.
    package var kind: String {
        guard let role else { return "other" }
        let slot =
            switch role.slot {
            case .block(_, let slot): slot.rawValue
            default: "\(role.slot)"
            }
        return role.part == .bias ? "\(slot) bias" : slot
    }
}
