import Synchronization

/// The matrix that makes logits of the last stream.
package enum OutputHead: Sendable, Hashable {
    /// The token embedding: the files have no other.
    case embedding
    /// A tensor of its own that repeats the embedding, byte for byte.
    case copyOfEmbedding
    /// A tensor of its own.
    case own
}

/// Which matrix is the head is decided here for every command: a tensor that is there is used, as transformers 5 and
/// llama.cpp do, whatever `tie_word_embeddings` says.
extension Checkpoint {
    /// Whether the files have a tensor for the head.
    var hasOwnHead: Bool { tensor(WeightRole(.output)) != nil }

    /// The head; a copy of the embedding is told from another matrix by reading both, once.
    package var head: OutputHead {
        guard let own = tensor(WeightRole(.output)),
            let embedding = tensor(WeightRole(.tokenEmbedding))
        else { return .embedding }
        return headCache.withLock { cache in
            if let cache { return cache }
            let head: OutputHead =
                own.hasBytes(of: embedding) ? .copyOfEmbedding : .own
            cache = head
            return head
        }
    }

    /// Whether `config.json` says that the head is the embedding.
    var isAnnouncedTied: Bool {
        guard case .huggingFace(let files) = source, let config = files.modelConfig,
            let architecture
        else { return false }
        let keys = ConfigKeys(
            config: config, standard: architecture.config.standard, file: files.folder)
        return (try? keys.flag("tie_word_embeddings")) ?? false
    }

    /// What is odd but harmless: about the files, and a head of its own where the configuration announces none.
    package var warnings: [String] {
        guard isAnnouncedTied, let own = tensor(WeightRole(.output)), head == .own else {
            return fileWarnings
        }
        return fileWarnings + [
            "\(path): 'tie_word_embeddings' is true, but tensor '\(own.name)' is another matrix than "
                + "the embedding: it is used, as transformers 5 does; other runtimes may go by the flag"
        ]
    }
}
