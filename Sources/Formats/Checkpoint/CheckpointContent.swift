import Foundation

/// What lies at a path that may be a model, or something made for one.
package enum CheckpointContent: Sendable, Equatable {
    /// A model, as far as the first bytes tell.
    case model
    case steeringVector
    /// Learned factors of sub-layers' outputs.
    case scaling
    case adapter
    case patch
    case importanceMatrix

    /// Judged by the files' content, whatever their names end in.
    ///
    /// - Throws: `FileError` and `GGUFError` where a file cannot be read.
    package static func of(_ path: String) throws -> CheckpointContent {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        // A set that a killed run has left half replaced is put back first, as where it is opened.
        return try FileSetReading.whole(path, isFolder: exists && isFolder.boolValue) {
            try of(path, isFolder: exists && isFolder.boolValue)
        }
    }

    private static func of(_ path: String, isFolder: Bool) throws -> CheckpointContent {
        if isFolder {
            return HuggingFaceFiles.isAdapter(try Folder.names(path)) ? .adapter : .model
        }
        let file = try MappedFile(path: path)
        switch FileContent(file.bytes) {
        case .patch: return .patch
        case .numpy: return .steeringVector
        case .zip: return NumPyFile.isArchive(file) ? .steeringVector : .model
        case .gguf:
            switch GGUFContent(try GGUFFile.open(path).metadata) {
            case .steeringVector: return .steeringVector
            case .adapter: return .adapter
            case .importanceMatrix: return .importanceMatrix
            case .model: return .model
            }
        case .safetensors:
            let file = try SafetensorsFile(path: path)
            if file.isSteeringVector { return .steeringVector }
            if file.isScaling { return .scaling }
            return HuggingFaceFiles.isAdapter(file.tensors) ? .adapter : .model
        default: return .model
        }
    }
}
