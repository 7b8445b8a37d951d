import Formats

/// What an output loses by the types of its tensors, in words and as JSON.
struct RoundingView {
    private let report: RoundingReport
    /// The type that would keep what is lost of an update, and how much of it; nil where little is lost.
    private let remedy: (type: ElementType, share: Double)?

    /// How many tensors are listed with `--verbose`.
    private static let shortList = 10

    init(_ report: RoundingReport, plan: OutputPlan) {
        self.report = report
        remedy =
            report.losing.isEmpty ? nil : plan.typeKeepingUpdates(of: report.losing.map(\.name))
    }

    func show(on console: Console) {
        for tensor in report.overflows {
            console.alarm(
                "tensor '\(tensor.name)': \(tensor.sums.overflowCount) of \(tensor.elementCount) "
                    + "finite values became infinite in \(tensor.type.name)"
                    + (tensor.sums.largestOverflow.isFinite
                        ? " (the largest is \(tensor.sums.largestOverflow))" : " or NaN")
                    + "; the output is of no use as it is")
        }
        for tensor in report.notFinite {
            console.warning(
                "tensor '\(tensor.name)': \(tensor.sums.notFiniteCount) of \(tensor.elementCount) "
                    + "values are infinite or NaN in the source already, and stay so")
        }
        showRounding(on: console)
        showUpdate(on: console)
    }

    private func showRounding(on console: Console) {
        for (type, tensors) in byType {
            guard let most = tensors.max(by: { $0.sums.relativeError < $1.sums.relativeError })
            else { continue }
            let size = Self.share(RoundingReport.total(of: tensors).relativeError)
            let largest = Self.share(most.sums.relativeError)
            console.note(
                "rounded to \(type.name): \(tensors.count) tensors, by \(size) of their values' size"
                    + " (root mean square); most is \(largest) in \(most.name)")
        }
        for tensor in report.byError.prefix(Self.shortList) {
            console.detail(
                "\(tensor.name) (\(tensor.type.name)): rounded by \(Self.share(tensor.sums.relativeError)), "
                    + "an error of \(Quantity.scientific(tensor.sums.rootMeanSquare, 2))")
        }
    }

    private func showUpdate(on console: Console) {
        if report.isUpdateZero { console.note("the update is zero: no weight changes by it") }
        guard let kept = report.keptShare, let least = report.leastKept,
            let leastShare = least.sums.keptShare
        else { return }
        var text = "the stored weights keep \(Quantity.percent(kept)) of the update"
        if report.updated.count > 1, leastShare < 0.9995 {
            text += "; least is \(Quantity.percent(leastShare)) in \(least.name)"
        }
        guard !report.losing.isEmpty else { return console.note(text) }
        text +=
            "; \(report.losing.count) of \(report.updated.count) tensors lose more than half of it "
            + "to the rounding of \(Self.names(report.losing))"
        if let remedy {
            text += "; --type \(remedy.type.name) keeps \(Quantity.percent(remedy.share))"
            // To the digits that are shown.
            if remedy.share >= 1.0005 {
                text += ", more than all, since rounding goes the update's way there"
            }
        }
        console.warning(text)
    }

    /// The rounded tensors by their types, in the order of the types' names.
    private var byType: [(type: ElementType, tensors: [RoundingReport.Tensor])] {
        Dictionary(grouping: report.rounded, by: \.type).map { ($0.key, $0.value) }
            .sorted { $0.0.name < $1.0.name }
    }

    private static func names(_ tensors: [RoundingReport.Tensor]) -> String {
        Set(tensors.map(\.type.name)).sorted().joined(separator: " and ")
    }

    /// A share that may be small.
    private static func share(_ value: Double) -> String {
        value >= 0.001 ? Quantity.percent(value) : Quantity.scientific(value, 1)
    }

    // MARK: - JSON

    /// The members of a report; none where nothing is lost and no update was made.
    var members: [JSONObject.Member] {
        var members: [JSONObject.Member] = []
        let byError = report.byError
        if let most = byError.first {
            members.append(.init("rounding", rounding(most, byError)))
        }
        if report.isUpdateZero {
            members.append(.init("update", .object(JSONObject([.init("zero", .bool(true))]))))
        }
        if let kept = report.keptShare { members.append(.init("update", update(kept))) }
        if !report.overflows.isEmpty {
            members.append(
                .init(
                    "overflows",
                    .array(
                        report.overflows.map {
                            Self.object(
                                $0,
                                [
                                    .init("became_infinite", .integer($0.sums.overflowCount)),
                                    .init("largest", .number($0.sums.largestOverflow)),
                                ])
                        })))
        }
        if !report.notFinite.isEmpty {
            members.append(
                .init(
                    "not_finite_in_source",
                    .array(
                        report.notFinite.map {
                            Self.object(
                                $0, [.init("count", .integer($0.sums.notFiniteCount))])
                        })))
        }
        return members
    }

    private func rounding(
        _ most: RoundingReport.Tensor, _ byError: [RoundingReport.Tensor]
    ) -> JSONValue {
        .object(
            JSONObject([
                .init("tensors", .integer(report.rounded.count)),
                .init(
                    "relative_error",
                    .number(RoundingReport.total(of: report.rounded).relativeError)),
                .init("largest", Self.error(of: most)),
                .init(
                    "types",
                    .object(
                        JSONObject(
                            byType.map { type, tensors in
                                .init(
                                    type.name,
                                    .number(RoundingReport.total(of: tensors).relativeError))
                            }))),
                .init("per_tensor", .array(byError.map(Self.error))),
            ]))
    }

    private func update(_ kept: Double) -> JSONValue {
        var object = JSONObject([
            .init("kept", .number(kept)), .init("losing", .integer(report.losing.count)),
        ])
        if let remedy {
            object["keeping_type"] = .string(remedy.type.name)
            object["keeping_share"] = .number(remedy.share)
        }
        object["tensors"] = .array(
            report.updated.map {
                Self.object($0, [.init("kept", .number($0.sums.keptShare ?? 0))])
            })
        return .object(object)
    }

    private static func error(of tensor: RoundingReport.Tensor) -> JSONValue {
        object(
            tensor,
            [
                .init("relative_error", .number(tensor.sums.relativeError)),
                .init("rmse", .number(tensor.sums.rootMeanSquare)),
            ])
    }

    private static func object(
        _ tensor: RoundingReport.Tensor, _ members: [JSONObject.Member]
    ) -> JSONValue {
        .object(
            JSONObject(
                [
                    .init("tensor", .string(tensor.name)),
                    .init("type", .string(tensor.type.name)),
                ] + members))
    }
}
