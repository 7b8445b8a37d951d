extension Array where Element: BitwiseCopyable {
    /// An array of elements that the body writes where they will lie: all of them, unless it throws.
    ///
    /// - Throws: what the body throws.
    package init<Problem: Error>(
        filling count: Int,
        _ body: (UnsafeMutableBufferPointer<Element>) throws(Problem) -> Void
    ) throws(Problem) {
        try self.init(capacity: count) { span throws(Problem) in
            try span.withUnsafeMutableBufferPointer { buffer, filled throws(Problem) in
                try body(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
                filled = count
            }
        }
    }
}
