/// A number of a model, or a few that stand together: what people call it, how each format keeps it, and what it may be.
///
/// Readers, writers, the loss check, `diff` and `inspect` are loops over `Architecture.numbers`.
struct ModelNumber: Sendable {
    let name: String
    /// What people see of it; several parts where a few numbers stand together.
    let parts: [Part]
    var config = ConfigPlace()
    var metadata = MetadataPlace()
    /// Refuses what is out of range, or does not fit the numbers before it in the table.
    var check: @Sendable (Hyperparameters, any NumberKeys) throws(CheckpointError) -> Void = {
        _, _ throws(CheckpointError) in
    }

    /// What people see, for comparing models and for telling how they differ. Numbers that one of the formats holds as
    /// f32 are rounded to it.
    struct Part: Sendable {
        let name: String
        /// What becomes of a difference that a conversion makes.
        var loss = Loss.refused
        let text: @Sendable (Hyperparameters) -> String
    }

    /// What a conversion does where the other format's runtime takes another value.
    enum Loss: Sendable {
        /// It is refused.
        case refused
        /// It is told: it changes some texts only, or little.
        case told
        /// It is told between values of one kind.
        case toldWithin(@Sendable (Hyperparameters) -> String)
    }

    /// Where a `config.json` keeps it.
    struct ConfigPlace: Sendable {
        /// The members that are read.
        var members: [String] = []
        var read: @Sendable (ConfigKeys, inout Hyperparameters) throws -> Void = { _, _ in }
        var write: @Sendable (Hyperparameters, inout JSONObject) -> Void = { _, _ in }
    }

    /// Where a GGUF file keeps it, under keys without the family's name.
    struct MetadataPlace: Sendable {
        /// The keys that llama.cpp reads for the family.
        var keys: [String] = []
        var read: @Sendable (GGUFKeys, inout Hyperparameters) throws -> Void = { _, _ in }
        /// What llama.cpp's converter writes, see `MetadataFormat`.
        var write: Writer = { _ throws(CheckpointError) in [] }

        /// Throws `CheckpointError.cannotExpress` for what llama.cpp has no key for.
        typealias Writer = @Sendable (Hyperparameters) throws(CheckpointError) -> [Entry]
        typealias Entry = (key: String, value: GGUFValue)
    }

    init(name: String, parts: [Part]) {
        self.name = name
        self.parts = parts
    }

    init(
        _ name: String, loss: Loss = .refused,
        text: @escaping @Sendable (Hyperparameters) -> String
    ) {
        self.init(name: name, parts: [Part(name: name, loss: loss, text: text)])
    }

    /// The same number, kept in these places.
    func kept(_ config: ConfigPlace, _ metadata: MetadataPlace = MetadataPlace()) -> ModelNumber {
        var number = self
        number.config = config
        number.metadata = metadata
        return number
    }

    /// The number as text; "none" where there is none.
    static func text(_ number: Double?) -> String { number.map { "\(Float($0))" } ?? "none" }
}

extension ModelNumber.Part {
    /// Both texts where they are not the same; a ramp found in divisors gives them but for the last bit.
    func difference(
        _ own: Hyperparameters, _ other: Hyperparameters
    ) -> (own: String, other: String)? {
        let (first, second) = (text(own), text(other))
        let divisors = "divisors"
        if first == second || first.hasPrefix(divisors) && second.hasPrefix(divisors) { return nil }
        return (first, second)
    }

    /// Whether a conversion may tell of the difference rather than refuse it.
    func mayDiffer(_ own: Hyperparameters, _ other: Hyperparameters) -> Bool {
        switch loss {
        case .refused: false
        case .told: true
        case .toldWithin(let kind): kind(own) == kind(other)
        }
    }
}

/// Typed look-ups of the numbers in a file of one format.
protocol NumberKeys: Sendable {
    var file: String { get }
    /// What this format's file calls a number, for messages.
    func name(config: String, metadata: String) -> String
    func integer(_ key: String) throws(CheckpointError) -> Int?
    func number(_ key: String) throws(CheckpointError) -> Double?
    /// The key in full.
    func full(_ key: String) -> String
    /// Whether the file has a value under this name.
    func isGiven(_ name: String) -> Bool
}

extension NumberKeys {
    func required(_ key: String) throws(CheckpointError) -> Int {
        guard let value = try integer(key) else { throw .missingKey(file: file, key: full(key)) }
        return value
    }

    func requiredNumber(_ key: String) throws(CheckpointError) -> Double {
        guard let value = try number(key) else { throw .missingKey(file: file, key: full(key)) }
        return value
    }

    /// A number of things, which must be 0 or more.
    func count(_ key: String) throws(CheckpointError) -> Int? {
        guard let value = try integer(key), value < 0 else { return try integer(key) }
        throw .outOfRange(file: file, key: full(key), value: String(value), range: "0 or more")
    }

    /// Refuses a size that is not from 1 to this limit.
    func require(
        _ size: Int, in limit: Int = Hyperparameters.largestSize, _ name: String
    ) throws(CheckpointError) {
        guard size >= 1, size <= limit else {
            throw .outOfRange(file: file, key: name, value: String(size), range: "1…\(limit)")
        }
    }

    /// Refuses a factor that is not above 0.
    func requirePositive(_ factor: Double?, _ name: String) throws(CheckpointError) {
        guard let factor, !(factor.isFinite && factor > 0) else { return }
        throw .outOfRange(file: file, key: name, value: "\(factor)", range: "more than 0")
    }
}
