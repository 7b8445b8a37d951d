package import Formats

/// The small model of a family made as wide as a super-block, with random weights, so that every type can store its
/// matrices.
package enum WideFamily {
    package static let width = 256

    /// Writes the model into a folder and opens it: a GGUF file where the name ends so, with matrices of this type.
    ///
    /// - Parameter isGrouped: whether query heads share keys and values where the small model's do.
    package static func write(
        _ family: String, type: ElementType = .f32, isGrouped: Bool = true,
        to folder: TemporaryFolder, as name: String
    ) throws -> Checkpoint {
        var small = try Checkpoint.open(Families.folder(family))
        let architecture = try small.requireArchitecture()
        // Of a matrix that GGUF files hold in parts, each is set by itself.
        if name.hasSuffix(".gguf"),
            architecture.slots(in: .gguf) != architecture.slots(in: .safetensors)
        {
            small = try folder.write(small, [], as: "small.gguf")
        }
        var numbers = Self.numbers(try small.hyperparameters())
        if !isGrouped {
            numbers.keyValueHeadCount = numbers.headCount
            for block in numbers.blockKinds.indices {
                numbers.blockKinds[block].keyValueHeadCount = nil
            }
        }
        let weights = small.tensors.flatMap { tensor -> [CheckpointEdit] in
            guard let role = tensor.role, let rule = architecture.rule(for: role.slot) else {
                return []
            }
            // Tables of rotary factors and the like depend on no width.
            guard rule.shape(of: role, in: numbers) != tensor.shape else { return [] }
            var shape = rule.shape(of: role, in: numbers)
            if role.expert != nil { shape.removeFirst() }
            return [
                .set(
                    role, .computed(rows(of: role, shape: shape)),
                    type: shape.count < 2 || role.part == .bias || isAlwaysF32(role)
                        ? .f32 : type)
            ]
        }
        return try folder.write(small, [.model(architecture, numbers)] + weights, as: name)
    }

    private static func isAlwaysF32(_ role: WeightRole) -> Bool {
        switch role.slot {
        case .positionEmbedding, .block(_, .expertRouter), .block(_, .convolutionTaps),
            .block(_, .deltaTaps):
            true
        default: false
        }
    }

    /// Four heads of a quarter of the width, grouped where the small model's are.
    private static func numbers(_ small: Hyperparameters) -> Hyperparameters {
        var numbers = small
        numbers.hiddenSize = width
        numbers.feedForwardSize = width
        numbers.experts?.feedForwardSize = width
        numbers.experts?.sharedFeedForwardSize = small.experts?.sharedFeedForwardSize.map { _ in
            width
        }
        numbers.keyValueHeadCount = small.keyValueHeadCount == small.headCount ? 4 : 2
        numbers.headCount = 4
        numbers.headSize = width / 4
        numbers.rope = rope(small.rope, of: small.headSize, to: numbers.headSize)
        numbers.perLayerInputSize = small.perLayerInputSize.map { _ in width }
        for block in numbers.blockKinds.indices {
            widen(&numbers.blockKinds[block], sizes: small.sizes(ofBlock: block))
        }
        // Its factors are as many as the small head has pairs.
        if case .longrope = small.rope.scaling {
            numbers.rope.scaling = .none
            numbers.originalContextLength = nil
        }
        numbers.deltaNet?.keySize = width / 2
        numbers.deltaNet?.valueSize = width / 2
        // They are multiples of the small width.
        numbers.unusedStateSpace = nil
        if small.embeddingScale != 1, small.residualScale == 1 {
            numbers.embeddingScale = Double(width).squareRoot()
        }
        return numbers
    }

    /// The sizes that a block has of its own are other than the model's here too.
    private static func widen(_ kind: inout BlockKind, sizes: BlockSizes) {
        let headSize = kind.headSize.map { _ in width / 2 }
        if case .own(let own) = kind.rotation {
            kind.rotation = .own(rope(own, of: sizes.headSize, to: headSize ?? width / 4))
        }
        kind.headSize = headSize
        kind.keyValueHeadCount = kind.keyValueHeadCount.map { _ in 1 }
        kind.feedForwardSize = kind.feedForwardSize.map { _ in 2 * width }
    }

    /// A rotation of the whole head, or of half of one that is rotated in part.
    private static func rope(
        _ small: RopeParameters, of smallSize: Int, to size: Int
    ) -> RopeParameters {
        var rope = small
        rope.dimensions = small.dimensions == smallSize ? size : size / 2
        if case .divisors(let divisors) = small.scaling, divisors.count != size / 2 {
            rope.scaling = .divisors(
                (0..<size / 2).map { divisors[$0 * divisors.count / (size / 2)] })
        }
        return rope
    }

    /// Values that depend on the role and the place alone: matrices that keep the size of what they are given, weights of
    /// norms around 1.
    private static func rows(of role: WeightRole, shape: [Int]) -> ComputedRows {
        let columns = shape.count > 1 ? shape[shape.count - 1] : 1
        let isNorm = shape.count == 1 && role.part == .weight
        let (middle, spread): (Float, Float) =
            if case .block(_, .deltaRate) = role.slot {
                // States fade.
                (-1, 0.5)
            } else if shape.count == 1 {
                isNorm ? (1, 0.2) : (0, 0.1)
            } else if role.slot == .tokenEmbedding {
                (0, 1)
            } else { (0, (3 / Float(columns)).squareRoot()) }
        let seed = "\(role)".utf8.reduce(UInt64(1)) { ($0 &* 31) &+ UInt64($1) }
        return ComputedRows(shape: shape) { rows, values in
            for (offset, index) in values.indices.enumerated() {
                let place = UInt64(rows.lowerBound * columns + offset)
                var generator = SeededGenerator(seed: seed &+ place &* 0x9E37_79B9)
                values[index] =
                    middle + spread * Float.random(in: -1...1, using: &generator)
            }
        }
    }
}
