import Testing

@testable import rtedit

struct SuggestionTests {
    @Test(arguments: [
        ("", "", 0), ("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 1), ("bake", "bkae", 1),
        ("kitten", "sitting", 3), ("BAKE", "bake", 0),
    ])
    func distanceCountsChanges(first: String, second: String, distance: Int) {
        #expect(Suggestion.distance(first, second) == distance)
        #expect(Suggestion.distance(second, first) == distance)
    }

    @Test(arguments: [
        ("inspct", "inspect"), ("bakee", "bake"), ("gen", "generate"), ("genrate", "generate"),
        ("verfy", "verify"), ("e", nil), ("zzzz", nil), ("", nil),
    ])
    func nearestNameIsSuggested(word: String, name: String?) {
        let names = ["inspect", "bake", "generate", "verify", "extract", "eval"]
        #expect(Suggestion.nearest(to: word, among: names) == name)
    }
}
