import Formats
import Transformer
import Tuning

/// One call of `vector`.
struct VectorCall {
    let arguments: ParsedArguments
    let console: Console

    private func convention() throws -> VectorFile.Convention {
        try arguments.value(SteeringOptions.convention)
    }

    private func term(_ text: String) throws -> VectorTerm {
        try VectorTerm(text, convention: convention())
    }

    /// The only word of a call that takes no more.
    ///
    /// - Parameter missing: an option that such a call needs and this one does not have.
    private func only(missing: Option? = nil) throws -> String {
        let texts = try arguments.texts(VectorCommand.files)
        if texts.count > 1 {
            throw UsageError.extraArgument(
                texts[1], suggestion: missing.map { "\($0.flagText) \(texts[1])" })
        }
        return texts[0]
    }

    /// The two words of a call.
    private func two(_ second: String) throws -> (String, String) {
        let texts = try arguments.texts(VectorCommand.files)
        guard texts.count > 1 else { throw UsageError.missingArgument(second) }
        if texts.count > 2 { throw UsageError.extraArgument(texts[2]) }
        return (texts[0], texts[1])
    }

    // MARK: - Looking

    func show() throws {
        let texts = try arguments.texts(VectorCommand.files)
        let views = try texts.map { text in
            try VectorView(
                VectorTerm(text, convention: convention()), VectorSpecification(text).file)
        }
        for (index, view) in views.enumerated() {
            if views.count > 1 { console.print((index > 0 ? "\n" : "") + "\(texts[index]):") }
            view.show(on: console)
        }
        console.report(
            JSONObject([
                .init(
                    "vectors",
                    .array(
                        zip(texts, views).map { text, view in
                            .object(JSONObject([.init("file", .string(text))] + view.json.members))
                        }))
            ]))
    }

    func compare() throws {
        let terms = try arguments.texts(VectorCommand.files).map(term)
        let comparison = try VectorComparison(terms)
        tellOtherBases(terms)
        let view = VectorComparisonView(comparison)
        for note in view.notes { console.note(note) }
        view.show(on: console)
        console.report(view.json)
    }

    func lens() throws {
        let (vector, model) = try two("MODEL")
        var term = try term(vector)
        if let blocks = try arguments.value(VectorCommand.blocks) {
            term = try term.restricted(to: blocks)
        }
        let count = try arguments.value(VectorCommand.top)
        let session = try ModelSession(model, arguments, console)
        try session.tellOtherBases([vector], console)
        let tokenizer = try session.renderer().tokenizer
        let lens = try VectorLens(
            term, decoder: session.decoder(), tokenCount: tokenizer.vocabularySize, count: count)
        let view = VectorLensView(lens, tokenizer)
        view.show(on: console)
        console.report(view.json)
    }

    // MARK: - Making

    func add() throws {
        let output = try output()
        let terms = try arguments.texts(VectorCommand.files).map(term)
        let sum = try SteeringVector.sum(terms)
        tellOtherBases(terms)
        let all = Set(sum.blocks)
        for term in terms where Set(term.vector.blocks) != all {
            console.note(
                "\(term.name) has no direction of blocks "
                    + "\(BlockSet.text(all.subtracting(term.vector.blocks).sorted())), where the others' sum stands"
            )
        }
        try write(sum, to: output)
    }

    func scale() throws {
        let factor = try arguments.value(VectorCommand.by)
        let length = try arguments.value(VectorCommand.length)
        let isWhole = factor != nil || length != nil
        let word = try only(missing: isWhole ? nil : VectorCommand.by.option)
        let output = try output()
        let term = try term(word)
        let scaled = try term.scaled()
        switch (factor, length) {
        case (let factor?, nil):
            guard factor != 0 else {
                throw arguments.invalid(VectorCommand.by.option, "0", "a number other than 0")
            }
            try write(scaled.scaled(by: factor, name: term.name), to: output)
        case (nil, let length?):
            guard length > 0 else {
                throw arguments.invalid(
                    VectorCommand.length.option, "\(length)", "a number above 0")
            }
            try write(scaled.withLength(length, name: term.name), to: output)
        case (nil, nil):
            throw UsageError.missingOneOf(
                [VectorCommand.by, VectorCommand.length].map(\.option.flagText))
        default:
            throw UsageError.conflict(
                [VectorCommand.by, VectorCommand.length].map(\.option.flagText))
        }
    }

    func negate() throws {
        let output = try output()
        let term = try term(only())
        try write(term.scaled().scaled(by: -1, name: term.name), to: output)
    }

    func orthogonalise() throws {
        let output = try output()
        let others = try arguments.values(VectorCommand.against).map(term)
        guard !others.isEmpty else {
            throw UsageError.missingOption(VectorCommand.against.flagText)
        }
        let term = try term(only())
        let scaled = VectorTerm(name: term.name, vector: try term.scaled())
        let result = try Orthogonalization(scaled, against: others)
        tellOtherBases([term] + others)
        try VectorFile.write(
            result.vector, to: output, replacing: arguments.replacesOutputs)
        let view = OrthogonalizationView(result)
        view.show(on: console)
        tell(result.vector, output)
        console.report(
            JSONObject(Self.json(result.vector, output) + [.init("table", view.json)]))
    }

    func convert() throws {
        let (input, output) = try two(Positional.output)
        try Self.checkName(output, place: Positional.output)
        try AtomicFile.checkTarget(output, replacing: arguments.replacesOutputs)
        guard !output.isEmpty else { throw UsageError.missingArgument(Positional.output) }
        let target = try arguments.value(VectorCommand.outputConvention)
        let first = try arguments.value(VectorCommand.firstBlock)
        let site = try arguments.value(VectorCommand.site)
        let vector = try VectorFile.read(
            input,
            VectorFile.Reading(convention: convention(), site: site, firstBlock: first))
        if first == -1 {
            console.note("the first row, of the embeddings, is left out")
        }
        try VectorFile.write(
            vector, to: output, convention: target, replacing: arguments.replacesOutputs)
        let lost = VectorFile.lost(of: vector, in: target)
        if !lost.isEmpty {
            console.warning(
                "\(output): a file in the convention of the generator does not hold \(lost.joined(separator: ", "))"
            )
        }
        tell(vector, output)
        console.report(
            JSONObject(
                Self.json(vector, output) + [.init("lost", .array(lost.map { .string($0) }))]))
    }

    // MARK: - Outputs

    /// Refuses a name that looks like a file's of a kind in which vectors are not written: it would be GGUF.
    static func checkName(_ path: String, place: String) throws(UsageError) {
        try OutputName.check(
            path, isOf: VectorFile.Format.allCases.map(\.rawValue), place: place,
            effect: "would be a GGUF file of another name")
    }

    private func output() throws -> String {
        let path = try arguments.outputPath(VectorCommand.output)
        try Self.checkName(path, place: VectorCommand.output.flagText)
        try AtomicFile.checkTarget(path, replacing: arguments.replacesOutputs)
        return path
    }

    private func write(_ vector: SteeringVector, to path: String) throws {
        for block in vector.blocks where vector.directions[block]?.norm == 0 {
            console.warning("\(path): the direction of block \(block) is zero")
        }
        try VectorFile.write(vector, to: path, replacing: arguments.replacesOutputs)
        tell(vector, path)
        console.report(JSONObject(Self.json(vector, path)))
    }

    private func tell(_ vector: SteeringVector, _ path: String) {
        console.print(
            "\(path): \(vector.blocks.count) directions at \(vector.site.rawValue) of blocks "
                + "\(BlockSet.text(vector.blocks)), \(vector.width) wide")
    }

    private static func json(_ vector: SteeringVector, _ path: String) -> [JSONObject.Member] {
        [
            .init("output", .string(path)), .init("site", .string(vector.site.rawValue)),
            .init("width", .integer(vector.width)),
            .init("blocks", .array(vector.blocks.map { .integer($0) })),
        ]
    }

    private func tellOtherBases(_ terms: [VectorTerm]) {
        for pair in terms.otherBases {
            console.warning(
                "\(pair.first) and \(pair.other) were found in different models: together they may mean nothing"
            )
        }
    }
}
