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

extension GGUFMetadata {
    /// Changes keys one after the other; a renamed key keeps its place.
    ///
    /// - Parameter file: for errors.
    /// - Throws: `MetadataError.missingKey`, `existingKey`, `ofLayout`, and as `assign`.
    package mutating func apply(
        _ changes: [MetadataChange], file: String
    ) throws(MetadataError) {
        for change in changes {
            for key in change.keys {
                if let reason = MetadataKeys.layoutReason(of: key) {
                    throw .ofLayout(key: key, reason: reason)
                }
            }
            switch change {
            case .set(let assignment): try assign([assignment])
            case .remove(let key):
                guard self[key] != nil else { throw .missingKey(file: file, key: key) }
                self[key] = nil
            case .rename(let key, let new):
                guard let place = entries.firstIndex(where: { $0.key == key }) else {
                    throw .missingKey(file: file, key: key)
                }
                guard self[new] == nil else { throw .existingKey(file: file, key: new) }
                entries[place] = Entry(new, entries[place].value)
            }
        }
    }
}

extension JSONObject {
    /// Changes members one after the other; a renamed member keeps its place.
    ///
    /// - Parameter file: for errors.
    /// - Throws: as `GGUFMetadata.apply`.
    package mutating func apply(
        _ changes: [MetadataChange], file: String
    ) throws(MetadataError) {
        for change in changes {
            switch change {
            case .set(let assignment): try assign([assignment])
            case .remove(let key):
                guard self[key] != nil else { throw .missingKey(file: file, key: key) }
                self[key] = nil
            case .rename(let key, let new):
                guard let place = members.firstIndex(where: { $0.key == key }) else {
                    throw .missingKey(file: file, key: key)
                }
                guard self[new] == nil else { throw .existingKey(file: file, key: new) }
                members[place] = Member(new, members[place].value)
            }
        }
    }
}
