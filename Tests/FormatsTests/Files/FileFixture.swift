import Foundation
import Testing

/// The path of a committed fixture.
func fixture(_ name: String) throws -> String {
    let folder = Bundle.module.url(forResource: "Fixtures", withExtension: nil)
    return try #require(folder).appendingPathComponent(name).path
}
