extension OutputPlan.Tensor {
    /// The same tensor in as few dimensions as `llama-quantize` gives it.
    var withoutSingleRows: OutputPlan.Tensor {
        let shape = description.shape
        let rest = Array(shape.dropLast().drop { $0 == 1 }) + shape.suffix(1)
        guard rest.count < shape.count else { return self }
        return OutputPlan.Tensor(
            TensorDescription(name: description.name, type: description.type, shape: rest),
            content, columns: columns, shard: shard, importance: importance)
    }
}
