import Dispatch
import Glibc
import Synchronization

/// Ends the program early and cleanly: on SIGINT, SIGTERM and SIGHUP, and when nobody reads its output any more.
enum Interruption {
    private static let cleanUps = Mutex<[@Sendable () -> Void]>([])

    /// Has the action done before the program ends early. The actions run on another thread, in this order.
    static func whenEnding(_ action: @escaping @Sendable () -> Void) {
        cleanUps.withLock { $0.append(action) }
    }

    /// Begins to watch for signals. Must be called before any other thread is started: the threads inherit
    /// from this one that they leave the signals to the watcher.
    static func watch() {
        signal(SIGPIPE, SIG_IGN)
        var watched = sigset_t()
        sigemptyset(&watched)
        for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) {
            sigaddset(&watched, number)
        }
        pthread_sigmask(SIG_BLOCK, &watched, nil)
        let signals = watched
        DispatchQueue(label: "signals").async {
            var signals = signals
            var number: Int32 = 0
            if sigwait(&signals, &number) == 0 { end(signal: number) }
        }
    }

    /// Does the clean-up and ends the process with the exit code shells give to this signal.
    static func end(signal number: Int32) -> Never {
        for action in cleanUps.withLock({ $0 }) { action() }
        _exit(128 + number)
    }

    /// `nohup` and background jobs of scripts start a program with signals it is not to act on.
    private static func isIgnored(_ number: Int32) -> Bool {
        var current = sigaction()
        sigaction(number, nil, &current)
        let handler = unsafeBitCast(current.__sigaction_handler.sa_handler, to: Int.self)
        return handler == unsafeBitCast(SIG_IGN, to: Int.self)
    }
}
