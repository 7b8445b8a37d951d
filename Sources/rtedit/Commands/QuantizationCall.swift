import Formats

/// The part of a comparison that holds a quantised file against what quantising the other model gives.
enum QuantizationCall {
    /// Holds each of two checkpoints against what quantising the other gives, shows what is found and returns it.
    ///
    /// - Returns: nil where neither is quantised in other types than the other.
    static func compare(
        _ first: ModelSession, _ second: ModelSession, _ arguments: ParsedArguments,
        _ console: Console
    ) throws -> JSONValue? {
        let importance = try arguments.textIfGiven(TypeOptions.importance).map {
            try ImportanceMatrix(contentsOf: $0)
        }
        for (quantized, source) in [(second, first), (first, second)] {
            let values = source.checkpoint.tensors.reduce(0) {
                $0 + ($1.description.elementCount ?? 0)
            }
            let progress = console.progress(
                "quantising", total: values, unit: .things("values"))
            guard
                let check = try QuantizationCheck(
                    quantized.checkpoint, from: source.checkpoint, importance: importance,
                    crew: first.crew, advance: { progress.advance(by: $0) })
            else { continue }
            progress.finish()
            let view = QuantizationView(
                check, path: quantized.checkpoint.path, source: source.checkpoint.path)
            view.show(on: console)
            return view.json
        }
        return nil
    }
}
