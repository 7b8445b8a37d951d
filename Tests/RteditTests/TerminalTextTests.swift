import Testing

@testable import rtedit

struct TerminalTextTests {
    @Test(arguments: [
        ("abc", 3), ("é", 1), ("e\u{301}", 1), ("日本", 4), ("👩‍👩‍👧", 2), ("한", 2), ("", 0), ("❤️", 2),
    ])
    func displayWidthCountsColumns(text: String, width: Int) {
        #expect(text.displayWidth == width)
    }

    @Test func textIsPaddedAndClippedByColumns() {
        #expect("日".padded(to: 4) == "日  ")
        #expect("日".padded(to: 4, alignRight: true) == "  日")
        #expect("日本".clipped(to: 3) == "日")
        #expect("abc".padded(to: 2) == "abc")
    }

    @Test func textIsWrappedAtSpaces() {
        #expect("one two three".wrapped(to: 7) == ["one two", "three"])
        #expect("incomprehensible no".wrapped(to: 5) == ["incomprehensible", "no"])
        #expect("".wrapped(to: 5) == [])
    }

    @Test func longMessagesAreCutInTheMiddle() {
        let message = PrintableText.message(
            "file: 'A" + String(repeating: "é", count: 100_000) + "Z'")
        #expect(message.hasPrefix("file: 'Aéé") && message.hasSuffix("éZ'"))
        #expect(message.unicodeScalars.count < 7100)
        #expect(message.contains("93010 characters left out"))
        #expect(PrintableText.message("a\nb") == "a\\nb")
    }

    @Test func controlCharactersAreEscaped() {
        #expect(
            PrintableText.line("a\r\nb\t\u{7F}\u{9B}\u{2028}")
                == "a\\r\\nb\\t\\u{7f}\\u{9b}\\u{2028}")
        #expect(PrintableText.lines("a\n\tb\u{1B}") == "a\n\tb\\u{1b}")
        #expect(PrintableText.line("plain 日本 é") == "plain 日本 é")
    }

    @Test func tableAlignsColumns() {
        var table = Table([.left("tensor"), .right("size"), .left("type")])
        table.add("日本", "12", "F32")
        table.add("a\nb", "1234567")
        #expect(table.header == "tensor     size  type")
        #expect(table.body == ["日本         12  F32", "a\\nb    1234567"])
        #expect(table.rows == [["日本", "12", "F32"], ["a\\nb", "1234567", ""]])
    }
}
