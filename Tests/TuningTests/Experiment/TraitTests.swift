import Formats
import TestSupport
import Testing

@testable import Tuning

@Suite struct TraitTests {
    @Test func theSamplesAreTraits() throws {
        for folder in ["mood", "traits/formality"] {
            let trait = try Trait(Samples.path("\(folder)/trait.json"))
            #expect(trait.train.count >= 120 && trait.validation.count >= 60)
            #expect(trait.heldOut.count >= 120 && trait.unseenForm.count >= 60)
            #expect(trait.lexicon != nil)
        }
        let honesty = try Trait(Samples.path("honesty/trait.json"))
        let facts = honesty.train + honesty.validation + honesty.heldOut
        #expect(facts.count >= 400)
        #expect(honesty.unseenForm.count >= 60)
        let topics = [honesty.train, honesty.validation, honesty.heldOut]
            .map { Set($0.compactMap(\.category)) }
        #expect(topics.reduce(0) { $0 + $1.count } >= 8)
        #expect(topics[0].isDisjoint(with: topics[1]) && topics[0].isDisjoint(with: topics[2]))
        #expect(topics[1].isDisjoint(with: topics[2]))
    }

    @Test(arguments: ["name", "pairs", "held_out", "position"])
    func missingMembersAreNamed(_ key: String) throws {
        let bytes = try bytes(ofFile: Samples.path("mood/trait.json"))
        var object = try #require(try JSONReader.parse(bytes, source: "trait").object)
        let folder = Samples.path("mood")
        for member in object.members {
            guard let text = member.value.string, text.contains(".json") else { continue }
            object[member.key] = .string("\(folder)/\(text)")
        }
        object[key] = nil
        let temporary = try TemporaryFolder()
        let path = try temporary.write(
            JSONWriter(.compact).bytes(.object(object)), as: "trait.json")
        #expect(throws: ExperimentError.badTrait(file: path, key: key)) { try Trait(path) }
    }

    @Test func lexiconsCountWords() {
        let lexicon = Trait.Lexicon(positive: ["merry"], negative: ["sad", "gray"])
        #expect(lexicon.score("Merry, merry and sad!") == 25)
        #expect(lexicon.score("") == 0)
    }
}
