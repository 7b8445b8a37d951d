import Formats
import Foundation
import Testing

@testable import Transformer

/// Renderings that `samples/peers/chat_templates.py` wrote, for as many templates as it was given.
@Suite struct ChatTemplateMatrixTests {
    private static let path = ProcessInfo.processInfo.environment["RTEDIT_CHAT_RENDERINGS"]

    @Test(.enabled(if: path != nil))
    func templatesRenderAsUnderTransformers() throws {
        let path = try #require(Self.path)
        let value = try JSONReader.parse(
            Array(try Data(contentsOf: URL(fileURLWithPath: path))), source: path)
        let templates = try #require(value.object?["templates"]?.object)
        let moment = try #require(TemplateMoment(day: "2026-11-27"))
        var all = Counts()
        for member in templates.members {
            let entry = try #require(member.value.object)
            let source = try #require(entry["source"]?.string)
            let tokens = try #require(entry["tokens"]?.object).members.map {
                ($0.key, $0.value.string ?? "")
            }
            var counts = Counts()
            for value in try #require(entry["cases"]?.array) {
                let object = try #require(value.object)
                let messages = try ChatTemplateTests.messages(object["messages"])
                do throws(ChatTemplateError) {
                    let template = try ChatTemplate(
                        source: source,
                        specialTokens: Dictionary(tokens, uniquingKeysWith: { $1 }))
                    let text = try template.render(
                        messages, addGenerationPrompt: object["prompt"] == .bool(true), at: moment)
                    counts.add(
                        Array(text.utf8) == ChatTemplateTests.expected(object)
                            ? \.equal : \.different)
                } catch {
                    if case .unsupported = error {
                        counts.add(\.refused)
                    } else {
                        let outcome = ChatTemplateTests.outcome { throw error }
                        let isSame = outcome == ChatTemplateTests.expected(object)
                        counts.add(isSame ? \.error : \.different)
                    }
                }
            }
            print("\(member.key): \(counts.description)")
            #expect(counts.different == 0, "\(member.key)")
            all.add(counts)
        }
        print("\(templates.members.count) templates: \(all.description)")
    }

    private struct Counts: CustomStringConvertible {
        var equal = 0
        var error = 0
        var refused = 0
        var different = 0

        mutating func add(_ kind: WritableKeyPath<Counts, Int>) { self[keyPath: kind] += 1 }

        mutating func add(_ other: Counts) {
            equal += other.equal
            error += other.error
            refused += other.refused
            different += other.different
        }

        var description: String {
            "\(equal) equal, \(error) errors in both, \(refused) refused by name, \(different) different"
        }
    }
}
