import Foundation
import TestSupport
import Testing

/// What the data of the experiment's traits promise, so that parts of them can be drawn by topic and couple.
@Suite struct TraitDataTests {
    @Test(arguments: ["mood", "honesty", "traits/formality"])
    func heldOutTopicsOccurInNoTraining(_ folder: String) throws {
        let data = try TraitData(folder)
        let training = Set((data.pairs + data.train).map(\.category))
        let heldOut = Set(data.heldOut.map(\.category))
        #expect(training.isDisjoint(with: heldOut))
        #expect(training.isDisjoint(with: data.unseenForm.map(\.category)))
        #expect(heldOut.isDisjoint(with: data.validation.map(\.category)))
    }

    @Test(arguments: ["mood", "honesty", "traits/formality"])
    func everyFileHasManyTopics(_ folder: String) throws {
        for lines in try TraitData(folder).probes {
            let topics = Dictionary(grouping: lines, by: \.category)
            #expect(topics.count >= 8 && topics[""] == nil)
            #expect(topics.values.allSatisfy { $0.count >= 5 })
        }
    }

    @Test(arguments: ["mood", "honesty", "traits/formality"])
    func textsAreUnique(_ folder: String) throws {
        let data = try TraitData(folder)
        let lines = data.probes.flatMap { $0 }
        let prompts = lines.map(\.prompt)
        let choices = lines.flatMap(\.choices)
        #expect(Set(prompts).count == prompts.count)
        #expect(Set(choices).count == choices.count)
        let requests = data.pairs.map(\.prompt)
        #expect(Set(requests).count == requests.count)
        #expect(data.freeText.count == 8 && Set(data.freeText).count == 8)
        #expect(Set(data.freeText).isDisjoint(with: prompts + requests))
    }

    @Test(arguments: ["mood", "honesty", "traits/formality"])
    func couplesOfPersonasMeetManyTopics(_ folder: String) throws {
        let couples = Dictionary(grouping: try TraitData(folder).pairs, by: \.couple)
        #expect(couples.count >= 8 && couples[""] == nil)
        for lines in couples.values {
            #expect(Set(lines.map(\.personas)).count == 1)
            #expect(Set(lines.map(\.category)).count >= 4)
        }
        #expect(Set(couples.values.flatMap { $0.map(\.personas) }).count == couples.count)
    }

    @Test func couplesOfQuestionsExchangeTheirAnswers() throws {
        let data = try TraitData("honesty")
        let facts = [data.train, data.validation, data.heldOut]
        let coupled = facts.map { $0.filter { !$0.couple.isEmpty } }
        #expect(coupled.map(\.count) == [240, 20, 74])
        for lines in coupled {
            for couple in Dictionary(grouping: lines, by: \.couple).values {
                #expect(couple.count == 2 && Set(couple.map(\.category)).count == 1)
                #expect(words(couple.map(\.choices[0])) == words(couple.map(\.choices[1])))
            }
        }
    }

    private func words(_ sentences: [String]) -> [String] {
        sentences.flatMap { $0.dropLast().split(separator: " ").map(String.init) }.sorted()
    }
}

/// The lines of the files that a trait names.
private struct TraitData {
    let pairs: [TraitLine]
    let train: [TraitLine]
    let validation: [TraitLine]
    let heldOut: [TraitLine]
    let unseenForm: [TraitLine]
    let freeText: [String]

    var probes: [[TraitLine]] { [train, validation, heldOut, unseenForm] }

    init(_ folder: String) throws {
        let data = try Data(
            contentsOf: URL(fileURLWithPath: Samples.path("\(folder)/trait.json")))
        let object = try JSONSerialization.jsonObject(with: data)
        let trait = try #require(object as? [String: Any])
        func lines(_ key: String) throws -> [TraitLine] {
            let file = try #require(trait[key] as? String)
            let text = String(
                decoding: try bytes(ofFile: Samples.path("\(folder)/\(file)")), as: UTF8.self)
            return try text.split(separator: "\n").map(TraitLine.init)
        }
        pairs = try lines("pairs")
        train = try lines("train")
        validation = try lines("validation")
        heldOut = try lines("held_out")
        unseenForm = try lines("unseen_form")
        freeText = try #require(trait["free_text"] as? [String])
    }
}

/// A pair or a probe; members it does not have are empty.
private struct TraitLine {
    let prompt: String
    let choices: [String]
    let personas: [String]
    let category: String
    let couple: String

    init(_ text: Substring) throws {
        let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
        let line = try #require(object as? [String: Any])
        let sides = ["positive", "negative"].compactMap { line[$0] as? [String: String] }
        let turns = line["prompt"] as? [String: String] ?? sides.first
        prompt = try #require(line["prompt"] as? String ?? turns?["user"])
        choices = line["choices"] as? [String] ?? []
        personas = sides.compactMap { $0["system"] }
        category = line["category"] as? String ?? ""
        couple = line["couple"] as? String ?? ""
    }
}
