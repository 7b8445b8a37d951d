import Dispatch
import Glibc
import Synchronization

/// Ends the program early and cleanly: on SIGINT, SIGTERM and SIGHUP, and when nobody reads its output any more.
enum Interruption {
    private static let cleanUps = Mutex<[@Sendable () -> Void]>([])
    private static let deferral = Mutex(Deferral.none)
    /// Where the signal handler tells the watcher which signal came.
    private static let notices = Atomic<Int32>(-1)

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
    /// before `main`.
    static func watch() {
        signal(SIGPIPE, SIG_IGN)
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return }
        let reading = ends[0]
        notices.store(ends[1], ordering: .releasing)
        DispatchQueue(label: "signals").async {
            var number: UInt8 = 0
            while true {
                let count = read(reading, &number, 1)
                if count < 0 && errno == EINTR { continue }
                guard count == 1 else { return }
                if !takeAsRequest() { end(signal: Int32(number)) }
            }
        }
        var watched = sigset_t()
        sigemptyset(&watched)
        for number in [SIGINT, SIGTERM, SIGHUP] where !isIgnored(number) {
            var action = sigaction()
            action.__sigaction_handler.sa_handler = { number in
                let earlier = errno
                var byte = UInt8(truncatingIfNeeded: number)
                write(Interruption.notices.load(ordering: .acquiring), &byte, 1)
                errno = earlier
            }
            action.sa_flags = SA_RESTART
            sigaction(number, &action, nil)
            sigaddset(&watched, number)
        }
        // The caller may have had them blocked.
        pthread_sigmask(SIG_UNBLOCK, &watched, nil)
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
