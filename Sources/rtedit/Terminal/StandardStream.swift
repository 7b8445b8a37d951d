import Formats
import Glibc

/// Standard output or standard error: where it leads, and writing to it.
struct StandardStream: Sendable {
    static let output = StandardStream(descriptor: STDOUT_FILENO)
    static let error = StandardStream(descriptor: STDERR_FILENO)

    /// Opens /dev/null where the caller has closed a standard stream: the next file or pipe that is opened would have
    /// its number, and get what is meant for the stream.
    static func openMissing() {
        for descriptor in STDIN_FILENO...STDERR_FILENO
        where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
            let null = open("/dev/null", O_RDWR)
            if null >= 0, null != descriptor {
                dup2(null, descriptor)
                close(null)
            }
        }
    }

    let descriptor: Int32
    let isTerminal: Bool
    /// Colour is for terminals that know it and whose user has not set NO_COLOR.
    let hasColor: Bool

    private init(descriptor: Int32) {
        self.descriptor = descriptor
        isTerminal = isatty(descriptor) == 1
        let refusesColor = !(Environment["NO_COLOR"] ?? "").isEmpty || Environment["TERM"] == "dumb"
        hasColor = isTerminal && !refusesColor
    }

    /// Writes all bytes, or returns what the system says when it takes no more.
    func write(_ bytes: [UInt8]) -> SystemReason? {
        var rest = bytes
        while !rest.isEmpty {
            let count = Glibc.write(descriptor, rest, rest.count)
            if count >= 0 {
                rest.removeFirst(count)
            } else if errno == EAGAIN {
                var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&waiting, 1, -1)
            } else if errno != EINTR {
                return SystemReason(code: errno)
            }
        }
        return nil
    }

    /// The number of columns to lay text out for: COLUMNS, else the terminal's width, else 80.
    static var width: Int {
        if let columns = Environment["COLUMNS"].flatMap({ Int($0) }), columns > 0 { return columns }
        for stream in [output, error] {
            var size = winsize()
            if ioctl(stream.descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 {
                return Int(size.ws_col)
            }
        }
        return 80
    }
}
