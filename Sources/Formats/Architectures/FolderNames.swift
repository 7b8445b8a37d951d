/// How the names of a folder's tensors begin where they do not begin as in their family's rules: modules that stand
/// around the model, and such as some files leave out.
struct FolderNames: Sendable {
    /// A beginning in the rules, with its point, and those that stand for it in files; new names get the first.
    struct Place: Sendable {
        let own: String
        let inFiles: [String]
    }

    let places: [Place]

    /// Names as the rules have them.
    static let own = FolderNames(places: [])

    /// Names some of which lack a beginning.
    static func optional(_ prefix: String) -> FolderNames {
        FolderNames(places: [Place(own: prefix, inFiles: [prefix, ""])])
    }

    /// What the rules may call the tensor of a file, the longest beginnings that were replaced first.
    func inRules(_ name: String) -> [String] {
        let replaced = places.flatMap { place in
            place.inFiles.filter(name.hasPrefix).map { prefix in
                (length: prefix.utf8.count, name: place.own + name.dropFirst(prefix.count))
            }
        }
        let isOther = !places.contains { name.hasPrefix($0.own) }
        return replaced.sorted { $0.length > $1.length }.map(\.name) + (isOther ? [name] : [])
    }

    /// What a file calls the tensor that the rules call `name`.
    func inFile(_ name: String) -> String {
        guard let place = places.first(where: { name.hasPrefix($0.own) }),
            let prefix = place.inFiles.first
        else { return name }
        return prefix + name.dropFirst(place.own.count)
    }

    /// The same, with new names as the names of a file are: each place prefers what the file has of it, else what stands
    /// where the file's other names have theirs.
    func preferring(_ names: [String]) -> FolderNames {
        let present = places.map { place in
            place.inFiles.firstIndex { prefix in names.contains { $0.hasPrefix(prefix) } }
        }
        let shared = present.compactMap(\.self).first ?? 0
        return FolderNames(
            places: zip(places, present).map { place, found in
                var inFiles = place.inFiles
                let first = found ?? shared
                if inFiles.indices.contains(first) {
                    inFiles.insert(inFiles.remove(at: first), at: 0)
                }
                return Place(own: place.own, inFiles: inFiles)
            })
    }
}
