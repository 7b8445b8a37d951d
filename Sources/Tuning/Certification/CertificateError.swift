package import Formats

/// A file that is no certificate this program can check.
package enum CertificateError: Failure, Equatable {
    case notACertificate(file: String, reason: String)
    case otherVersion(file: String, version: Int, known: Int)
    case unknownKey(file: String, key: String)
    case missingKey(file: String, key: String)
    case wrongValue(file: String, key: String, expected: String)
    case wrongDigest(file: String, stated: String, found: String)

    package var kind: FailureKind { .input }

    package var description: String {
        switch self {
        case .notACertificate(let file, let reason): "\(file): is no certificate: \(reason)"
        case .otherVersion(let file, let version, let known):
            "\(file): is a certificate of schema version \(version); this program reads version \(known)"
        case .unknownKey(let file, let key):
            "\(file): key \(key.quoted) is none of a certificate's"
        case .missingKey(let file, let key): "\(file): key \(key.quoted) is missing"
        case .wrongValue(let file, let key, let expected):
            "\(file): key \(key.quoted) is not \(expected)"
        case .wrongDigest(let file, let stated, let found):
            "\(file): was changed after it was written: its digest says \(stated.prefix(12))…, its "
                + "content has \(found.prefix(12))…"
        }
    }
}
