import Testing

import Formats

/// Expressions for names; keys of PEFT's patterns as Python's `re.match(r"(.*\\.)?(KEY)$", name)` takes them.
@Suite struct NamePatternTests {
    private static let name = "model.layers.12.self_attn.q_proj"

    @Test(arguments: [
        ("q_proj", true), ("proj", false), ("self_attn.q_proj", true), ("model", false),
        (#".*\.q_proj"#, true), ("layers.12.self_attn.q_proj", true), ("q_pro", false),
        (#"layers\.(1[0-9]|2)\.self_attn\.q_proj"#, true), (#"layers\.[0-5]\.*q_proj"#, false),
        ("[kqv]_proj", true), ("[^kv]_proj", true), ("[^q]_proj", false), ("(k|q)_proj", true),
        ("k_proj|q_proj", true), ("(?:k|v)_proj", false), ("^q_proj", false),
        ("^model.*q_proj", true), ("q_proj$", true), (#"layers\.\d+\.self_attn\.\w+"#, true),
        (#"layers\.\d{2}\..*"#, true), (#"layers\.\d{3,}\..*"#, false), ("q.?proj", true),
        ("selfxattn.q_proj", false), ("self.attn.q_proj", true), ("q_{1,2}proj", true), ("", false),
    ])
    func namesAreMatchedAsPythonMatchesThem(pattern: String, isMatch: Bool) throws {
        let pattern = try #require(NamePattern(pattern, matching: .modulePath))
        #expect(pattern.matches(Self.name) == isMatch)
    }

    /// As `std::regex_search` of C++ finds them.
    @Test(arguments: [
        ("attn_q", true), ("attn_v", false), ("blk", true), ("^attn", false), ("weight$", true),
        ("q$", false), (#"blk\.(1[0-9]|2)\."#, true), (#"blk\.1\."#, false), ("ffn|attn_q", true),
        ("blk.*weight", true), ("", true), ("^blk.12.attn_q.weight$", true),
    ])
    func anyPartOfANameMayMatch(pattern: String, isMatch: Bool) throws {
        let pattern = try #require(NamePattern(pattern, matching: .anyPart))
        #expect(pattern.matches("blk.12.attn_q.weight") == isMatch)
    }

    @Test(arguments: [
        "(?i)q_proj", "(?=q)q_proj", "(?!k).*", #"(q)\1"#, #"\bq_proj"#, "(?P<n>q)", "[q", "(q",
        "q)",
        "*q", "q**", "q++", "q{2", "q{3,2}", "q{9999}", #"q\"#, "[z-a]",
    ])
    func whatIsNotUnderstoodIsNoPattern(text: String) {
        #expect(NamePattern(text, matching: .modulePath) == nil)
    }

    @Test(arguments: [
        String(repeating: "(", count: 400), String(repeating: "(a*", count: 20), "((((a*)*)*)*)*b",
        String(repeating: "(a|", count: 200) + "b" + String(repeating: ")*", count: 200),
        "((((.{0,999}){0,999}){0,999}){0,999}){0,999}x", String(repeating: "a?", count: 499) + "b",
    ])
    func hostilePatternsEnd(text: String) {
        let name = String(repeating: "a", count: 200)
        #expect(NamePattern(text, matching: .modulePath)?.matches(name) != true)
        _ = NamePattern(text, matching: .anyPart)?.matches(name)
    }
}
