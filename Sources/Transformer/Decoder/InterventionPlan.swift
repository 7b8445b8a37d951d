import Formats

/// A pass's interventions, checked and prepared, in the order they were given. Neighbouring ablations of one strength at
/// one place remove the span of their directions, so that their order among themselves does not matter.
package struct InterventionPlan: Sendable {
    /// One change, with its arithmetic done once.
    package enum Step: Sendable {
        /// h + v, with v the strength times the vector: what a bias with these numbers adds.
        case add([Float])
        /// h − strength · Σ v̂ (v̂ · h) over orthonormal directions
        case ablate(RemovedSpan, strength: Float)
        /// strength · h
        case scale(Float)

        /// Changes one row of the stream.
        package func apply(to row: UnsafeMutablePointer<Float>, width: Int) {
            switch self {
            case .add(let vector):
                addForward(row, vector, count: width)
            case .ablate(let span, let strength):
                // Of orthonormal directions none changes another's share.
                for direction in span.directions {
                    let projection = dotForward(row, direction, count: width)
                    addScaledForward(row, -strength * projection, direction, count: width)
                }
            case .scale(let factor):
                scaleForward(row, by: factor, count: width)
            }
        }

        /// Takes the gradient of one changed row back, in place. Each change is linear and its matrix symmetric, so
        /// the gradient goes through what the row went through, but for what was added.
        func backward(_ gradient: UnsafeMutablePointer<Float>, width: Int) {
            if case .add = self { return }
            apply(to: gradient, width: width)
        }
    }

    /// What is done to a sub-layer's output before it is added to the stream.
    package struct OutputChange: Sendable {
        /// What it is multiplied by, the product of all that is asked for.
        package fileprivate(set) var factor: Float = 1
        /// What is removed from it, in order.
        package fileprivate(set) var steps: [Step] = []

        /// Removes that from a row of the output.
        func remove(from row: UnsafeMutablePointer<Float>, width: Int) {
            for step in steps { step.apply(to: row, width: width) }
        }

        /// Takes the gradient of a row without it back to that of the row, in place.
        func removeBackward(_ gradient: UnsafeMutablePointer<Float>, width: Int) {
            for step in steps.reversed() { step.backward(gradient, width: width) }
        }
    }

    private struct Place: Hashable {
        let site: Site
        let block: Int
    }

    private var steps: [Place: [Step]] = [:]
    /// None for the embedding: what is removed from it is the first of its steps.
    private var outputs: [Place: OutputChange] = [:]

    /// - Parameters:
    ///   - interventions: in the order in which they act
    ///   - configuration: of the model that they act on
    /// - Throws: `ForwardError.interventionBlock`, `.interventionWidth`, `.interventionNotFinite`,
    ///   `.interventionWithoutDirection`, `.interventionWithoutSubLayer`.
    package init(
        _ interventions: [Intervention], _ configuration: DecoderConfiguration
    ) throws(ForwardError) {
        for intervention in interventions {
            try Self.check(intervention, configuration)
            let place = Place(site: intervention.site, block: intervention.block)
            if intervention.operation == .scaleOutput {
                outputs[place, default: OutputChange()].factor *= 1 + intervention.strength
            }
            guard let step = try Self.step(intervention) else { continue }
            if intervention.operation == .ablateOutput {
                Self.append(step, to: &outputs[place, default: OutputChange()].steps)
            } else {
                Self.append(step, to: &steps[place, default: []])
            }
        }
        let start = Place(site: .embed, block: 0)
        if let own = outputs.removeValue(forKey: start) {
            steps[start] = own.steps + (steps[start] ?? [])
        }
    }

    /// Neighbouring ablations of one strength become one.
    private static func append(_ step: Step, to steps: inout [Step]) {
        if case .ablate(let next, let strength) = step,
            case .ablate(let span, strength)? = steps.last
        {
            steps.removeLast()
            steps.append(.ablate(span.union(next), strength: strength))
        } else {
            steps.append(step)
        }
    }

    /// What is done at a site of a block, in order.
    package func steps(at site: Site, block: Int) -> [Step] {
        steps[Place(site: site, block: block)] ?? []
    }

    /// What is done to the output of the sub-layer that ends at a site; nothing at `embed`.
    package func output(at site: Site, block: Int) -> OutputChange {
        outputs[Place(site: site, block: block)] ?? OutputChange()
    }

    /// Whether anything is changed at a site of a block.
    func hasSteps(at site: Site, block: Int) -> Bool {
        steps[Place(site: site, block: block)] != nil
    }

    /// Changes the first rows of the stream at one site.
    func apply(
        at site: Site, block: Int, to stream: ActivationMatrix, rows: Int, runner: BlockRunner
    ) {
        guard let steps = steps[Place(site: site, block: block)] else { return }
        runner.forEachPart(of: rows) { part in
            for row in part {
                for step in steps { step.apply(to: stream.row(row), width: stream.width) }
            }
        }
    }

    /// Takes the gradient of the changed stream back to that of the stream before, in place.
    func backward(
        at site: Site, block: Int, _ gradient: ActivationMatrix, rows: Int, runner: BlockRunner
    ) {
        guard let steps = steps[Place(site: site, block: block)] else { return }
        runner.forEachPart(of: rows) { part in
            for row in part {
                for step in steps.reversed() {
                    step.backward(gradient.row(row), width: gradient.width)
                }
            }
        }
    }

    private static func check(
        _ intervention: Intervention, _ configuration: DecoderConfiguration
    ) throws(ForwardError) {
        let (site, block) = (intervention.site, intervention.block)
        let blockCount = site == .embed ? 1 : configuration.sizes.blockCount
        guard block >= 0, block < blockCount else {
            throw .interventionBlock(block: block, blockCount: blockCount)
        }
        let width = configuration.sizes.hiddenSize
        guard !intervention.operation.hasVector || intervention.vector.count == width else {
            throw .interventionWidth(
                block: block, site: site, expected: width, found: intervention.vector.count)
        }
        guard intervention.strength.isFinite, intervention.vector.allSatisfy(\.isFinite) else {
            throw .interventionNotFinite(block: block, site: site)
        }
        guard intervention.operation != .scaleOutput || site != .embed else {
            throw .interventionWithoutSubLayer(site: site)
        }
    }

    /// The prepared change of the stream, or nil where a strength of 0 leaves every bit as it is, and for a change of what is
    /// added to it.
    private static func step(_ intervention: Intervention) throws(ForwardError) -> Step? {
        let strength = intervention.strength
        switch intervention.operation {
        case .add:
            return strength == 0 ? nil : .add(intervention.vector.map { strength * $0 })
        case .ablate, .ablateOutput:
            guard strength != 0 else { return nil }
            guard let span = RemovedSpan(of: intervention.vector) else {
                throw .interventionWithoutDirection(
                    block: intervention.block, site: intervention.site)
            }
            return .ablate(span, strength: strength)
        case .scale:
            return .scale(strength)
        case .scaleOutput:
            return nil
        }
    }
}
