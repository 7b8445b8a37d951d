import Foundation
import TestSupport
import Testing

@testable import Formats

/// A `config.json` as transformers 4 and as transformers 5 save it, with more or fewer members, is the same model:
/// Fixtures/Configs/make_configs.py says what the files hold.
@Suite struct ConfigSpellingTests {
    private static func configs(_ name: String) throws -> JSONObject {
        let fixtures = try #require(Bundle.module.url(forResource: "Fixtures", withExtension: nil))
        let path = fixtures.appending(path: "Configs/\(name).json").path(percentEncoded: false)
        return try #require(JSONReader.parse(MappedFile(path: path).bytes).object)
    }

    private func numbers(_ config: JSONValue?) throws -> Hyperparameters {
        let config = try #require(config?.object)
        let type = try #require(config["model_type"]?.string)
        let wrapper = Wrapper(config)
        let family =
            wrapper?.architecture(config, names: []) ?? Architecture.huggingFace(modelType: type)
        return try Hyperparameters(
            config: wrapper?.textConfig(of: config) ?? config,
            architecture: #require(family), file: "config.json")
    }

    @Test func bothSpellingsAreOneModel() throws {
        let (old, new) = try (Self.configs("saved-by-4"), Self.configs("saved-by-5"))
        #expect(old.members.count > 40)
        for member in old.members {
            let name = member.key
            #expect(try numbers(member.value) == numbers(new[name]), "\(name)")
        }
        for name in Families.all {
            let own = try FamilyFixture(name).open().hyperparameters()
            #expect(try numbers(new[name]) == own, "\(name)")
        }
    }

    @Test func whatTheFileDoesNotSayIsWhatTheClassHas() throws {
        let standard = try Self.configs("standard")
        for member in standard.members {
            let bare = JSONObject([.init("model_type", .string(member.key))])
            #expect(try numbers(.object(bare)) == numbers(member.value), "\(member.key)")
        }
    }

    @Test func gptNeoXMaySayItsRotationTwice() throws {
        let saved = try Self.configs("saved-by-4")["gpt_neox"]?.object
        var config = try #require(saved)
        #expect(config["rope_theta"] != nil && config["partial_rotary_factor"] != nil)
        config["partial_rotary_factor"] = .number(0.5)
        let error = #expect(throws: CheckpointError.self) { try numbers(.object(config)) }
        #expect(error?.description.contains("partial_rotary_factor") ?? false)
    }

    @Test func whatOnlyPythonWritesStaysInTheConfiguration() throws {
        let folder = try TemporaryFolder()
        let fixture = try FamilyFixture("llama", in: folder, config: [:])
        let path = fixture.path + "/config.json"
        let text = try #require(String(bytes: bytes(ofFile: path), encoding: .utf8))
        let limits = #""limits":[0.0,Infinity,-Infinity,NaN]"#
        try Data("{\(limits),\(text.dropFirst())".utf8).write(to: URL(fileURLWithPath: path))
        let source = try fixture.open()
        #expect(source.unreadKeys == ["limits"])
        _ = try folder.write(source, as: "copy")
        let copy = try #require(
            String(bytes: bytes(ofFile: folder.path("copy/config.json")), encoding: .utf8))
        #expect(copy.filter { !$0.isWhitespace }.contains(limits))
    }

    @Test func aNumberThatJSONHasNotIsReadByName() throws {
        let saved = try Self.configs("saved-by-4")["llama"]?.object
        var config = try #require(saved)
        config["rms_norm_eps"] = .object(JSONObject([.init("__float__", .string("Infinity"))]))
        let error = #expect(throws: CheckpointError.self) { try numbers(.object(config)) }
        #expect(error?.description.contains("'rms_norm_eps' is inf") ?? false)
    }
}
