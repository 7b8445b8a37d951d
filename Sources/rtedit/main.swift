import CPUCheck
import Formats
import Glibc

// Nothing may run before this: the libraries use instructions that an older processor does not have.
if rtedit_processor_is_supported() == 0 {
    let line = "rtedit: this processor lacks AVX2, FMA or F16C, which rtedit is built for\n"
    write(STDERR_FILENO, line, line.utf8.count)
    exit(ExitCode.unsupported.rawValue)
}

StandardStream.openMissing()
KernelStart.settle()
Interruption.watch()
Interruption.whenEnding { AtomicFile.discardAll() }
exit(
    Program(commands: CommandRegistry.commands).run(Array(CommandLine.arguments.dropFirst()))
        .rawValue)
