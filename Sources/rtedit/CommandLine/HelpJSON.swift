import Formats

/// What a command takes, as programs that make calls read it.
enum HelpJSON {
    static func object(_ command: any Command) -> JSONObject {
        JSONObject([
            .init("name", .string(command.name)), .init("summary", .string(command.summary)),
            .init("details", .string(command.details)),
            .init("positionals", .array(command.positionals.map(json))),
            .init("options", .array(command.allOptions.map(json))),
            .init(
                "examples",
                .array(
                    command.examples.map { example in
                        .object(
                            JSONObject([
                                .init("purpose", .string(example.purpose)),
                                .init("call", .string(example.call)),
                            ]))
                    })),
        ])
    }

    private static func json(_ positional: Positional) -> JSONValue {
        .object(
            JSONObject([
                .init("name", .string(positional.name)), .init("help", .string(positional.help)),
                .init("allowed", .array(positional.allowed.map { .string($0) })),
                .init("optional", .bool(positional.isOptional)),
                .init("repeatable", .bool(positional.isRepeatable)),
            ]))
    }

    private static func json(_ option: Option) -> JSONValue {
        let value = option.value
        return .object(
            JSONObject([
                .init("name", .string(option.name)),
                .init("short", option.short.map { .string(String($0)) } ?? .null),
                .init("help", .string(option.help)),
                .init("value", value.map { .string($0.name) } ?? .null),
                .init("standard", value?.standard.map { .string($0) } ?? .null),
                .init("allowed", .array((value?.allowed ?? []).map { .string($0) })),
                .init("required", .bool(value?.isRequired ?? false)),
                .init("repeatable", .bool(value?.isRepeatable ?? false)),
            ]))
    }
}
