package import Formats

extension TemporaryFolder {
    /// Writes a checkpoint with edits into the folder and opens it: a GGUF file where the name ends so, else a folder.
    package func write(
        _ source: Checkpoint, _ edits: [CheckpointEdit] = [], as name: String, threads: Int = 2
    ) throws -> Checkpoint {
        let plan = try OutputPlan(
            source: source, edits: edits, format: name.hasSuffix(".gguf") ? .gguf : .safetensors)
        _ = try CheckpointWriter(crew: WorkCrew(threads: threads)).write(
            plan, to: path(name), replacing: true)
        return try Checkpoint.open(path(name))
    }
}
