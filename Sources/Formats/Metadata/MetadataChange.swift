/// A change that a user asks for of a file's metadata.
package enum MetadataChange: Sendable, Hashable {
    case set(MetadataAssignment)
    case remove(key: String)
    case rename(key: String, to: String)

    /// The keys that it touches.
    package var keys: [String] {
        switch self {
        case .set(let assignment): [assignment.key]
        case .remove(let key): [key]
        case .rename(let key, let new): [key, new]
        }
    }
}

/// Keys with values in an order, which a user may change: a GGUF file's metadata, or the members of an object.
protocol ChangeableMetadata {
    /// Sets keys, those that are not there yet at the end.
    mutating func assign(_ assignments: [MetadataAssignment]) throws(MetadataError)
    /// Where a key stands; nil where it is not there.
    func place(of key: String) -> Int?
    mutating func remove(at place: Int)
    /// Gives the value at a place another key.
    mutating func rename(at place: Int, to key: String)
}

extension ChangeableMetadata {
    /// Changes keys one after the other; a renamed key keeps its place.
    ///
    /// - Parameter file: for errors.
    /// - Throws: `MetadataError.missingKey`, `existingKey`, and as `assign`.
    fileprivate mutating func makeChanges(
        _ changes: [MetadataChange], file: String
    ) throws(MetadataError) {
        for change in changes {
            switch change {
            case .set(let assignment): try assign([assignment])
            case .remove(let key):
                guard let place = place(of: key) else { throw .missingKey(file: file, key: key) }
                remove(at: place)
            case .rename(let key, let new):
                guard let place = place(of: key) else { throw .missingKey(file: file, key: key) }
                guard self.place(of: new) == nil else {
                    throw .existingKey(file: file, key: new)
                }
                rename(at: place, to: new)
            }
        }
    }
}

extension GGUFMetadata: ChangeableMetadata {
    func place(of key: String) -> Int? { entries.firstIndex { $0.key == key } }

    mutating func remove(at place: Int) { entries.remove(at: place) }

    mutating func rename(at place: Int, to key: String) {
        entries[place] = Entry(key, entries[place].value)
    }

    /// Changes keys one after the other; a renamed key keeps its place.
    ///
    /// - Parameter file: for errors.
    /// - Throws: `MetadataError.missingKey`, `existingKey`, `ofLayout`, and as `assign`.
    package mutating func apply(
        _ changes: [MetadataChange], file: String
    ) throws(MetadataError) {
        for key in changes.flatMap(\.keys) {
            if let reason = MetadataKeys.layoutReason(of: key) {
                throw .ofLayout(key: key, reason: reason)
            }
        }
        try makeChanges(changes, file: file)
    }
}

extension JSONObject: ChangeableMetadata {
    func place(of key: String) -> Int? { members.firstIndex { $0.key == key } }

    mutating func remove(at place: Int) { members.remove(at: place) }

    mutating func rename(at place: Int, to key: String) {
        members[place] = Member(key, members[place].value)
    }

    /// Changes members one after the other; a renamed member keeps its place.
    ///
    /// - Parameter file: for errors.
    /// - Throws: `MetadataError.missingKey`, `existingKey`, and as `assign`.
    package mutating func apply(
        _ changes: [MetadataChange], file: String
    ) throws(MetadataError) {
        try makeChanges(changes, file: file)
    }
}
