import Formats
import Glibc
import Synchronization

/// Ends the program early and cleanly: on SIGINT, SIGTERM, SIGHUP and SIGXCPU, when nobody reads its output any more,
/// and when a file is cut that it is reading.
enum Interruption {
    private static let cleanUps = Mutex<[@Sendable () -> Void]>([])
    private static let deferral = Mutex(Deferral.none)
    /// Where the signal handler tells the watcher which signal came.
    private static let notices = Atomic<Int32>(-1)
    /// The address of the path of a mapped file that lost its end.
    private static let lostPath = Atomic<UInt>(0)

    /// How signals are taken while work is under way that ends by itself when asked.
    private enum Deferral {
        case none
        /// The next signal is a request; this is done when it comes.
        case waiting(@Sendable () -> Void)
        case requested
    }

    /// Lets the body end in its own time: the first signal while it runs only makes `isRequested` true, the second
    /// ends the program at once.
    ///
    /// - Parameter onRequest: done on another thread when the first signal comes.
    static func deferring<Result>(
        onRequest: @escaping @Sendable () -> Void,
        _ body: (_ isRequested: () -> Bool) throws -> Result
    ) rethrows -> Result {
        deferral.withLock { $0 = .waiting(onRequest) }
        defer { deferral.withLock { $0 = .none } }
        return try body {
            deferral.withLock { if case .requested = $0 { true } else { false } }
        }
    }

    /// Makes a request of the signal where the work under way waits for one.
    private static func takeAsRequest() -> Bool {
        let action = deferral.withLock { deferral -> (@Sendable () -> Void)? in
            guard case .waiting(let action) = deferral else { return nil }
            deferral = .requested
            return action
        }
        action?()
        return action != nil
    }

    /// Has the action done before the program ends early. The actions run on another thread, in this order.
    static func whenEnding(_ action: @escaping @Sendable () -> Void) {
        cleanUps.withLock { $0.append(action) }
    }

    /// Begins to watch for signals.
    ///
    /// A handler must do next to nothing, so it writes the signal's number to a pipe, and a thread that waits there
    /// does the rest. Blocking the signals for all but one thread would not do: OpenBLAS starts threads of its own
    /// before `main`. Where no thread can be had, signals end the program as they end any.
    static func watch() {
        signal(SIGPIPE, SIG_IGN)
        // A write beyond the limit on file sizes then fails like one on a full disk.
        signal(SIGXFSZ, SIG_IGN)
        watchMaps()
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        guard startWatcher(reading: ends[0]) else {
            for end in ends { close(end) }
            return
        }
        notices.store(ends[1], ordering: .releasing)
        var watched = sigset_t()
        sigemptyset(&watched)
        for number in [SIGINT, SIGTERM, SIGHUP, SIGXCPU] where !isIgnored(number) {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { Interruption.notice($0) }
            action.sa_flags = SA_RESTART
            sigaction(number, &action, nil)
            sigaddset(&watched, number)
        }
        // The caller may have had them blocked.
        pthread_sigmask(SIG_UNBLOCK, &watched, nil)
    }

    /// Tells the watcher of a signal; to be called by handlers.
    private static func notice(_ number: Int32) {
        let earlier = errno
        var byte = UInt8(truncatingIfNeeded: number)
        write(notices.load(ordering: .acquiring), &byte, 1)
        errno = earlier
    }

    /// Starts the thread that waits for signals; false where the system gives none.
    private static func startWatcher(reading: Int32) -> Bool {
        var thread = pthread_t()
        let context = UnsafeMutableRawPointer(bitPattern: Int(reading) + 1)
        let status = pthread_create(
            &thread, nil,
            { context in
                Interruption.waitForSignals(Int32(truncatingIfNeeded: Int(bitPattern: context) - 1))
                return nil
            }, context)
        guard status == 0 else { return false }
        pthread_detach(thread)
        return true
    }

    private static func waitForSignals(_ reading: Int32) {
        var number: UInt8 = 0
        while true {
            let count = read(reading, &number, 1)
            if count < 0 && errno == EINTR { continue }
            guard count == 1 else { return }
            if Int32(number) == SIGBUS { endForLostMap() }
            if !takeAsRequest() { end(signal: Int32(number)) }
        }
    }

    /// Does the clean-up and ends the process: interrupted, or with the code shells give to the signal where nobody
    /// reads the output.
    static func end(signal number: Int32) -> Never {
        for action in cleanUps.withLock({ $0 }) { action() }
        _exit(number == SIGPIPE ? 128 + SIGPIPE : ExitCode.interrupted.rawValue)
    }

    // MARK: - Maps

    /// Takes SIGBUS, which the system sends where a mapped file has been cut.
    private static func watchMaps() {
        var action = sigaction()
        action.__sigaction_handler.sa_sigaction = { _, information, _ in
            Interruption.lose(at: information?.pointee._sifields._sigfault.si_addr)
        }
        action.sa_flags = Int32(SA_SIGINFO)
        sigaction(SIGBUS, &action, nil)
    }

    private static func lose(at address: UnsafeMutableRawPointer?) {
        guard let path = MappedFiles.pathBytes(at: address) else {
            // Something else: the instruction comes again, and ends the program.
            signal(SIGBUS, SIG_DFL)
            return
        }
        lostPath.store(UInt(bitPattern: path), ordering: .releasing)
        guard notices.load(ordering: .acquiring) >= 0 else { endForLostMap() }
        notice(SIGBUS)
        // This thread cannot go on.
        while true { pause() }
    }

    private static func endForLostMap() -> Never {
        for action in cleanUps.withLock({ $0 }) { action() }
        if let path = UnsafePointer<CChar>(bitPattern: lostPath.load(ordering: .acquiring)) {
            let problem = FileError.changed(path: String(cString: path))
            let line = "rtedit: \(PrintableText.line(problem.description))\n"
            _ = StandardStream.error.write(Array(line.utf8))
        }
        _exit(ExitCode.input.rawValue)
    }

    /// `nohup` and background jobs of scripts start a program with signals it is not to act on.
    private static func isIgnored(_ number: Int32) -> Bool {
        var current = sigaction()
        sigaction(number, nil, &current)
        let handler = unsafeBitCast(current.__sigaction_handler.sa_handler, to: Int.self)
        return handler == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
