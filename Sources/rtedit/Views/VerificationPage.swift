import Formats
import Transformer
import Tuning

/// A verification as one page of HTML that needs nothing beside it: verdict, agreement by block beside the controls, figures,
/// texts, and what was compared, by its hashes.
struct VerificationPage {
    let view: VerificationView
    let certificate: Certificate
    let source: PageSource

    private var result: Verification { view.result }

    var html: String {
        HTMLPage(
            title: "rtedit verify",
            body: """
                <h1>\(SVG.escaped(view.verdict))</h1>
                \(agreement)
                \(figures)
                \(texts)
                \(weights)
                \(subject)
                \(settings)
                """,
            source: source
        ).html
    }

    // MARK: - Sections

    private var agreement: String {
        let reference = result.isSteered ? "the base steered online" : "the base"
        let measured = result.controls.filter { !$0.errors.isEmpty }
        let lines =
            [("the edited file against \(reference)", result.blocks.map(\.relativeError))]
            + measured.map { ("control: \($0.name)", $0.errors) }
        let drawn = zip(lines, AgreementChart.colors).map { line, color in
            AgreementChart.Line(name: line.0, values: line.1, color: color)
        }
        let chart = AgreementChart(lines: drawn, bound: result.tolerance.relative)
        let legend = drawn.map { (name: $0.name, color: $0.color) }
        return HTMLPage.section(
            "Agreement by block",
            "<p>The largest ‖difference‖ / ‖stream‖ of any token after each block. The edited file must stay "
                + "below the tolerance; what it must not be taken for must not.</p>"
                + HTMLPage.chart(chart.drawing, legend: legend)
                + HTMLPage.list(result.controls.map(VerificationView.line)))
    }

    private var figures: String {
        let lines =
            view.logitLines + [view.positionLine]
            + result.unreached.map { "not compared: \($0)" } + [view.toleranceLine]
            + view.resolutions
        return HTMLPage.section(
            "Figures",
            HTMLPage.list(lines)
                + HTMLPage.table(
                    "After every block", VerificationView.blockTitles, view.blockRows))
    }

    private var texts: String {
        let rows = result.texts.flatMap { text -> [(String, String)] in
            [("prompt", text.prompt), ("base", text.unsteered)]
                + (result.isSteered ? [("steered", text.steered)] : [])
                + [(text.isEqual ? "edited" : "edited, differs", text.edited)]
        }
        let entries = rows.map { title, text in
            "<dt>\(SVG.escaped(title))</dt><dd>\(SVG.escaped(text))</dd>"
        }.joined(separator: "\n")
        return HTMLPage.section("Greedy texts", "<dl>\(entries)</dl>")
    }

    private var weights: String {
        HTMLPage.section(
            "Weights and tokenizers",
            HTMLPage.list(
                [view.weightLine] + result.weights.changes.map(VerificationView.line)
                    + [view.costLine].compactMap(\.self) + view.tokenizerLines))
    }

    private var subject: String {
        let subject = certificate.subject
        func rows(_ what: String, _ files: [CertifiedFile]) -> [[String]] {
            files.map { [what, $0.name, "\($0.size)", $0.sha256] }
        }
        var all = rows("base", subject.base.files) + rows("edited", subject.edited.files)
        for vector in subject.vectors { all += rows(vector.operation.rawValue, [vector.file]) }
        if let file = subject.promptFile { all += rows("prompts", [file]) }
        let prompts = certificate.prompts
        all.append(["tokens", "of \(prompts.texts) texts", "", prompts.tokensHash])
        return HTMLPage.section(
            "What was compared",
            HTMLPage.table("Every file", ["part", "file", "bytes", "SHA-256"], all))
    }

    private var settings: String {
        let (settings, machine) = (certificate.settings, certificate.machine)
        let vectors = certificate.subject.vectors.map { "\($0.operation.rawValue) \($0.text)" }
        let positions = settings.positions.map { "at most \($0)" } ?? "all"
        let rows: [(String, String)] = [
            ("steering", vectors.isEmpty ? "none" : vectors.joined(separator: ", ")),
            ("everywhere", settings.isEverywhere ? "yes" : "no"),
            ("ablated blocks", settings.ablationBlocks.map(BlockSet.text) ?? "those of the files"),
            ("from what is written", settings.isWritten ? "yes" : "no"),
            ("vector convention", settings.convention.rawValue),
            ("tolerance", settings.tolerance.map { "\($0)" } ?? "derived"),
            ("positions of a text", positions),
            ("tokens of a greedy text", "\(settings.textLength)"),
            ("prompts as turns", settings.asChat ? "yes" : "no"),
            ("day in the chat template", settings.day ?? "none"),
            ("rtedit", machine.program), ("processor", machine.processor),
            ("kernels", machine.kernels), ("C library", machine.library),
            ("threads", "\(machine.threads)"),
        ]
        return HTMLPage.section(
            "How", HTMLPage.table("Settings and machine", ["", ""], rows.map { [$0.0, $0.1] }))
    }
}
