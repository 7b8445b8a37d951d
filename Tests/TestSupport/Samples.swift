import Foundation

/// The files in `samples/`, which tests use as input.
public enum Samples {
    /// The small trained checkpoint: llama architecture, f16 matrices.
    public static let tinyModel = path("tiny/tiny-mood.gguf")
    /// Contrast pairs of its world.
    public static let tinyPairs = path("tiny/pairs.jsonl")

    /// The path of a file in `samples/`.
    public static func path(_ name: String) -> String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("samples/" + name).path
    }
}
