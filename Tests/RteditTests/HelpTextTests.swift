import Testing

@testable import rtedit

struct HelpTextTests {
    @Test func programHelpIsLiteral() {
        let cores = "\(Processor.onlineCores)"
        let text = HelpText.program([SampleCommand(), VersionCommand()], width: 80)
        #expect(
            text == """
                rtedit finds a behaviour direction in a language-model checkpoint, steers with
                it, bakes the steering into the weights and proves from the written file that
                the two are equal.

                Usage:
                  rtedit COMMAND [ARGUMENT]... [OPTION]...

                Commands:
                  sample                  Show everything a command can declare.
                  version                 Show the version; with --verbose, how it was built.

                Options of every command:
                  --threads N             Threads to compute with; the result is the same for
                                          any number. Default: \(cores).
                  --json                  Print one JSON object on standard output, and nothing
                                          else there.
                  --no-hashes             With --json, do not hash the inputs, which takes a
                                          pass over them.
                  -q, --quiet             No notes, warnings or progress.
                  -v, --verbose           More notes.
                  --no-progress           No progress line.
                  --force                 Replace outputs that exist.
                  -h, --help              Show help and do nothing else.
                  --version               Show the version and do nothing else.

                Exit codes:
                  0                       Done.
                  1                       A check says no (not equal, differences found,
                                          diverged).
                  2                       Wrong usage.
                  3                       An input cannot be read or is malformed.
                  4                       Understood, but not supported.
                  5                       An output could not be written.
                  130                     Interrupted.

                'rtedit help COMMAND' explains a command, with examples.
                """)
    }

    @Test func commandHelpIsLiteral() {
        let text = HelpText.command(SampleCommand(), width: 80)
        let own = text.prefix(
            upTo: text.firstRange(of: "\n\nOptions of every command")?.lowerBound ?? text.endIndex)
        #expect(
            own == """
                Show everything a command can declare.

                Usage:
                  rtedit sample MODEL [PLACE] -o FILE (--prompt TEXT | --tokens IDS)
                                (--vector SPEC | --ablate SPEC)... [--method METHOD] [--seed N]
                                [--scale X] [--chat] [OPTION]...

                The first paragraph, which is long enough to be wrapped when the help is as
                narrow as eighty columns.

                The second paragraph.

                Arguments:
                  MODEL                   The checkpoint to read.
                  PLACE                   Where. One of: here, there.

                Options:
                  -o, --output FILE       The file to write.
                  --vector SPEC           A vector to add; several add up.
                  --ablate SPEC           A vector to take out.
                  --prompt TEXT           The text to begin with.
                  --tokens IDS            Token ids, separated by commas.
                  --method METHOD         How. One of: auto, bias. Default: auto.
                  --seed N                The seed.
                  --scale X               A factor. Default: 1.
                  --chat                  Use the chat template.
                """)
        #expect(
            text.hasSuffix(
                """
                Example:
                  One of each:
                    rtedit sample a.gguf --prompt Hi --vector v.gguf -o out.gguf
                """))
    }

    @Test func manyOptionsStandUnderHeadingsAndNotInTheUsage() {
        let text = HelpText.command(TuneCommand(), width: 80)
        #expect(text.contains("Usage:\n  rtedit tune MODEL OUT --data FILE [OPTION]...\n"))
        for section in TuneCommand().sections { #expect(text.contains("\n\n\(section.title):\n")) }
    }

    @Test func everyCommandIsExplainedWithinEightyColumns() {
        for command in CommandRegistry.commands {
            #expect(!command.examples.isEmpty, "\(command.name) has no example")
            for example in command.examples { #expect(example.call.contains("rtedit")) }
            #expect(command.summary.hasSuffix("."), "\(command.name)")
            for line in HelpText.command(command, width: 80).split(separator: "\n") {
                #expect(String(line).displayWidth <= 80, "\(command.name): \(line)")
            }
        }
        for line in HelpText.program(CommandRegistry.commands, width: 80).split(separator: "\n") {
            #expect(String(line).displayWidth <= 80, "\(line)")
        }
    }

    @Test func namesOfCommandsAndOptionsAreUnique() {
        #expect(Set(CommandRegistry.commands.map(\.name)).count == CommandRegistry.commands.count)
        for command in CommandRegistry.commands {
            let names = command.allOptions.map(\.name)
            #expect(Set(names).count == names.count, "\(command.name)")
            let shorts = command.allOptions.compactMap(\.short)
            #expect(Set(shorts).count == shorts.count, "\(command.name)")
            for option in command.groups.flatMap(\.options) { #expect(names.contains(option.name)) }
            #expect(command.sections.flatMap(\.options).map(\.name) == command.options.map(\.name))
        }
    }
}
