import Formats

/// A comparison of two checkpoints as scripts read it: everything that was found.
struct DifferenceJSON {
    let comparison: CheckpointComparison

    var object: JSONObject {
        let statuses = TensorDifference.Status.allCases.map { status in
            JSONObject.Member(
                status.rawValue, .integer(comparison.tensors.count { $0.status == status }))
        }
        return JSONObject([
            .init("same", .bool(comparison.isSame)),
            .init("a", .object(Self.json(comparison.a))),
            .init("b", .object(Self.json(comparison.b))),
            .init("compared", .string(DifferenceView.extent(comparison))),
            .init("counts", .object(JSONObject(statuses))),
            .init("kinds", Self.json(DifferenceGroup.byKind(comparison.tensors))),
            .init("blocks", Self.json(DifferenceGroup.byBlock(comparison.tensors))),
            .init("tensors", .array(comparison.tensors.map { .object(Self.json($0)) })),
            .init("not_compared", .array(comparison.leftOut.map { .string($0) })),
            .init("settings", .array(comparison.allSettings.map { .object(Self.json($0)) })),
            .init("tokens", .array(comparison.tokenizer.tokens.map { .object(Self.json($0)) })),
            .init("tokens_of_other_kind", .integer(comparison.tokenizer.kindChanges.count)),
            .init("notes", .array(comparison.notes.map { .string($0) })),
        ])
    }

    private static func json(_ checkpoint: Checkpoint) -> JSONObject {
        JSONObject([
            .init("path", .string(checkpoint.path)),
            .init("format", .string(checkpoint.format.rawValue)),
            .init("architecture", text(checkpoint.architectureName)),
        ])
    }

    private static func json(_ groups: [DifferenceGroup]) -> JSONValue {
        .array(
            groups.map { group in
                .object(
                    JSONObject([
                        .init("name", .string(group.name)),
                        .init("tensors", .integer(group.tensors.count)),
                        .init("changed", .integer(group.changedCount)),
                        .init("normalized_change", .number(group.change)),
                        .init("largest", text(group.largest?.name)),
                    ]))
            })
    }

    private static func json(_ tensor: TensorDifference) -> JSONObject {
        var json = JSONObject([
            .init("name", .string(tensor.name)), .init("kind", .string(tensor.kind)),
            .init("block", tensor.role?.block.map { .integer($0) } ?? .null),
            .init("expert", tensor.role?.expert.map { .integer($0) } ?? .null),
            .init("status", .string(tensor.status.rawValue)),
            .init("difference", .bool(tensor.isDifference)),
            .init("a", stored(tensor.a)), .init("b", stored(tensor.b)),
        ])
        guard let sums = tensor.sums else { return json }
        json.members += [
            .init("rmse", .number(sums.rootMeanSquare)),
            .init("normalized_error", .number(sums.normalized)),
            .init("cosine", .number(sums.cosine)),
            .init("max_abs", .number(Double(sums.largest))),
            .init("changed_share", .number(sums.changedShare)),
            .init("changed_values", .integer(sums.changed)),
            .init("compared_values", .integer(sums.count)),
            .init("not_finite_a", .integer(sums.notFiniteInA)),
            .init("not_finite_b", .integer(sums.notFiniteInB)),
        ]
        return json
    }

    private static func stored(_ tensor: TensorDifference.Stored?) -> JSONValue {
        guard let tensor else { return .null }
        return .object(
            JSONObject([
                .init("name", .string(tensor.name)), .init("type", .string(tensor.type.name)),
                .init("shape", .array(tensor.shape.map { .integer($0) })),
                .init(
                    "max_abs_at",
                    tensor.placeOfLargest.map { .array($0.map { .integer($0) }) } ?? .null),
            ]))
    }

    private static func json(_ setting: SettingDifference) -> JSONObject {
        JSONObject([
            .init("group", .string(setting.group.rawValue)), .init("name", .string(setting.name)),
            .init("a", text(setting.a)), .init("b", text(setting.b)),
            .init("difference", .bool(setting.isDifference)),
        ])
    }

    private static func json(_ token: TokenizerComparison.TokenChange) -> JSONObject {
        JSONObject([
            .init("id", .integer(token.id)), .init("a", text(token.a)), .init("b", text(token.b)),
        ])
    }

    private static func text(_ text: String?) -> JSONValue { text.map { .string($0) } ?? .null }
}
