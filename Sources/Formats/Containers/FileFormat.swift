/// The two formats in which rtedit reads and writes a model.
package enum FileFormat: String, Sendable, Hashable, CaseIterable { case gguf, safetensors }
