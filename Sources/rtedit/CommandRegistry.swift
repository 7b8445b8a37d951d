/// The commands of rtedit, in the order of its help: a new command is a line here.
enum CommandRegistry {
    static let commands: [any Command] = [
        InspectCommand(),
        ConvertCommand(),
        TokenizeCommand(),
        TraceCommand(),
        GenerateCommand(),
        ChatCommand(),
        PairsCommand(),
        ExtractCommand(),
        VectorCommand(),
        ScaleCommand(),
        BakeCommand(),
        TuneCommand(),
        MergeCommand(),
        BlendCommand(),
        DeltaCommand(),
        MetadataCommand(),
        CardCommand(),
        HashCommand(),
        ExperimentCommand(),
        VerifyCommand(),
        DiffCommand(),
        EvalCommand(),
        SearchCommand(),
        SweepCommand(),
        ImatrixCommand(),
        CompareTypesCommand(),
        BenchCommand(),
        HelpCommand { commands },
        VersionCommand(),
        CompletionsCommand { commands },
    ]
}

extension [any Command] {
    /// The command called by this name. Throws `.unknownCommand` with the nearest name.
    func named(_ name: String) throws(UsageError) -> any Command {
        if let command = first(where: { $0.name == name }) { return command }
        throw .unknownCommand(name, suggestion: Suggestion.nearest(to: name, among: map(\.name)))
    }
}
