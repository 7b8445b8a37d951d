import Formats
import Tuning

/// What became of a certificate that was checked.
struct CertificateView {
    /// The certificate's file.
    let path: String
    /// What is not what the certificate was made of; nothing is measured then.
    var inputs: [CertificateDifference] = []
    var figures: [FigureDifference] = []
    /// How many figures were compared.
    var figureCount = 0
    /// Whether they must have had the same bits.
    var isExact = false
    /// The machines of the certificate and of this run.
    let machines: (certified: CertifiedMachine, own: CertifiedMachine)

    var holds: Bool { inputs.isEmpty && figures.isEmpty }

    /// Figures that are named before the rest is counted.
    private static let namedFigures = 20

    func show(on console: Console) {
        for input in inputs {
            console.print(
                "\(input.what): the certificate has \(input.certified); here it is \(input.found)",
                style: .bad)
        }
        guard inputs.isEmpty else {
            console.print(
                "CERTIFICATE DOES NOT HOLD: \(path): \(inputs.count) of the things it was made of "
                    + "differ; nothing was measured", style: .bad)
            console.print(
                "a certificate is of files as they were: after any change, as of a name by 'metadata', "
                    + "'verify --certificate' makes it again")
            return
        }
        for figure in figures.prefix(Self.namedFigures) {
            console.print("figure \(Self.line(figure))", style: .bad)
        }
        if figures.count > Self.namedFigures {
            console.print("and \(figures.count - Self.namedFigures) more", style: .bad)
        }
        let (old, new) = machines
        let measure =
            isExact
            ? "to the last bit, as \(new.kernels) gives it"
            : "up to rounding, since it was measured with rtedit \(old.program), \(old.kernels), "
                + "\(old.library), and here with \(new.program), \(new.kernels), \(new.library)"
        console.print(
            holds
                ? "CERTIFICATE HOLDS: \(path): all files and all \(figureCount) figures, \(measure)"
                : "CERTIFICATE DOES NOT HOLD: \(path): \(figures.count) of \(figureCount) figures "
                    + "differ; compared \(measure)", style: holds ? .good : .bad)
    }

    private static func line(_ figure: FigureDifference) -> String {
        let allowed =
            figure.allowed.map { allowed in
                allowed == 0 ? "" : ", more than \(Quantity.scientific(allowed, 1)) apart"
            } ?? ""
        return "\(figure.path): the certificate has \(figure.earlier.clipped(to: 60)); here it is "
            + figure.now.clipped(to: 60) + allowed
    }

    /// The member `certificate` of the report.
    var json: JSONValue {
        .object(
            JSONObject([
                .init("file", .string(path)), .init("holds", .bool(holds)),
                .init("exact", .bool(isExact)), .init("figures", .integer(figureCount)),
                .init("different_inputs", .array(inputs.map(Self.json))),
                .init("different_figures", .array(figures.map(Self.json))),
            ]))
    }

    private static func json(_ input: CertificateDifference) -> JSONValue {
        .object(
            JSONObject([
                .init("what", .string(input.what)), .init("certificate", .string(input.certified)),
                .init("found", .string(input.found)),
            ]))
    }

    private static func json(_ figure: FigureDifference) -> JSONValue {
        .object(
            JSONObject([
                .init("path", .string(figure.path)), .init("certificate", .string(figure.earlier)),
                .init("found", .string(figure.now)),
                .init("allowed", figure.allowed.map { .number($0) } ?? .null),
            ]))
    }
}
