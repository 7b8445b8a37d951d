extension Checkpoint {
    /// Keys of the configuration with which no number is read: members of `config.json` that neither transformers' class
    /// of the family nor rtedit knows, or keys of a GGUF file that llama.cpp does not read for its architecture.
    package var unreadKeys: [String] {
        guard let architecture else { return [] }
        switch source {
        case .gguf(let gguf):
            let keys = GGUFKeys(metadata: gguf.metadata, prefix: architecture.name, file: path)
            return MetadataRules(keys: keys, architecture: architecture).unread
        case .huggingFace(let files):
            let known = architecture.configMembers.union(architecture.config.implied)
                .union(HarmlessMembers.all)
            return files.modelConfig?.members.map(\.key).filter { key in
                !known.contains(key) && !key.hasPrefix("_") && !HarmlessMembers.isForeign(key)
            } ?? []
        }
    }
}
