import Formats
import Testing

@testable import Tuning

/// Figures against those of an earlier report.
struct FigureTests {
    private let figures = Figure.object([
        .init("count", .exact(.integer(3))), .init("error", .measured(1e-6, within: 1e-7)),
        .init("share", .measured(nil, within: 1)),
        .init("rows", .list([.measured(.infinity, within: 1), .exact(.string("é"))])),
    ])

    private func differences(_ text: String, exactly: Bool = false) throws -> [String] {
        let earlier = try JSONReader.parse(Array(text.utf8), source: "test")
        return figures.differences(from: earlier, exactly: exactly).map(\.path)
    }

    @Test func whatWasWrittenIsReadAsTheSame() throws {
        let text = JSONWriter(notFinite: .text).text(figures.json)
        #expect(text == #"{"count":3,"error":1e-06,"share":null,"rows":["inf","é"]}"#)
        #expect(try differences(text, exactly: true) == [])
        #expect(figures.count == 5)
    }

    @Test func numbersMayMoveAsFarAsRoundingMovesThem() throws {
        let near = #"{"count":3,"error":1.09e-6,"share":null,"rows":["inf","é"]}"#
        #expect(try differences(near) == [])
        #expect(try differences(near, exactly: true) == ["error"])
        let far = #"{"count":3,"error":1.2e-6,"share":null,"rows":["inf","é"]}"#
        #expect(try differences(far) == ["error"])
        #expect(
            figures.differences(
                from: try JSONReader.parse(Array(far.utf8), source: ""), exactly: false)
                == [
                    FigureDifference(
                        path: "error", earlier: "1.2e-06", now: "1e-06", allowed: 1e-7)
                ])
    }

    @Test(arguments: [
        (#"{"count":4,"error":1e-6,"share":null,"rows":["inf","é"]}"#, ["count"]),
        (#"{"count":3.0,"error":1e-6,"share":null,"rows":["inf","é"]}"#, ["count"]),
        (#"{"count":3,"error":"nan","share":0.5,"rows":["inf","é"]}"#, ["error", "share"]),
        (#"{"count":3,"error":1e-6,"share":null,"rows":[1,"e\u0301"]}"#, ["rows[0]", "rows[1]"]),
        (#"{"count":3,"error":1e-6,"share":null,"rows":["inf"]}"#, ["rows"]),
        (#"{"count":3,"error":1e-6,"share":null,"rows":{}}"#, ["rows"]),
        (#"{"count":3,"error":1e-6,"rows":["inf","é"],"more":1}"#, ["share", "more"]),
        ("7", [""]),
    ])
    func whatDiffersIsNamed(text: String, paths: [String]) throws {
        #expect(try differences(text) == paths)
        #expect(try differences(text, exactly: true) == paths)
    }
}
