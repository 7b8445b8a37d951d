import Formats
import TestSupport
import Testing

@Suite struct JSONWriterTests {
    @Test func compactTextIsThatOfPython() throws {
        let original = try bytes(ofFile: try fixture("python-compact.json"))
        let value = try JSONReader.parse(original, source: "python-compact.json")
        #expect(JSONWriter().text(value) == String(decoding: original, as: UTF8.self))
    }

    @Test func indentedTextWithSortedKeysIsThatOfPython() throws {
        let compact = try bytes(ofFile: try fixture("python-compact.json"))
        let value = try JSONReader.parse(compact, source: "python-compact.json")
        let expected = try bytes(ofFile: try fixture("python-indented.json"))
        #expect(
            JSONWriter(.indented, sortsKeys: true).text(value)
                == String(decoding: expected, as: UTF8.self))
    }

    @Test func everyDoubleReadsBackAsItself() throws {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<10_000 {
            let number = Double(bitPattern: generator.next())
            guard number.isFinite else { continue }
            let text = JSONWriter().bytes(.number(number))
            #expect(try JSONReader.parse(text, source: "number") == .number(number))
        }
    }

    @Test func numbersThatAreNotFiniteAreNull() {
        let numbers = JSONValue.array([.number(.nan), .number(-.infinity), .number(.infinity)])
        #expect(JSONWriter().text(numbers) == "[null,null,null]")
        #expect(JSONWriter(notFinite: .text).text(numbers) == #"["nan","-inf","inf"]"#)
        #expect(JSONWriter(notFinite: .python).text(numbers) == "[NaN,-Infinity,Infinity]")
    }
}
