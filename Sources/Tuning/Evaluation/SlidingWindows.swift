/// How a text longer than a model's context is cut: windows of equal length, a stride apart, as the Hugging Face guide
/// on the perplexity of fixed-length models cuts it.
///
/// Every token is predicted in one window, the first that holds it; the tokens before it in the window are context
/// only. The first token of a window that shares nothing with the one before, the text's first above all, is not
/// predicted.
package struct SlidingWindows: Sendable, Hashable {
    /// Tokens of a window.
    package let length: Int
    /// Tokens from the beginning of a window to that of the next.
    package let stride: Int

    package static let standardLength = 1024

    /// - Parameters:
    ///   - length: nil: 1024, or the model's context where that is shorter.
    ///   - stride: nil: half the length.
    ///   - limit: the model's context.
    /// - Throws: `EvaluationError.windowLength` for a window that holds no prediction or exceeds the model's context,
    ///   `EvaluationError.windowStride` for a stride that is not positive or leaves tokens out.
    package init(length: Int? = nil, stride: Int? = nil, limit: Int) throws(EvaluationError) {
        self.length = length ?? min(Self.standardLength, limit)
        guard self.length >= 2, self.length <= limit else {
            throw .windowLength(length: self.length, limit: limit)
        }
        self.stride = stride ?? self.length / 2
        guard (1...self.length).contains(self.stride) else {
            throw .windowStride(stride: self.stride, length: self.length)
        }
    }

    /// One window over a text.
    package struct Window: Sendable, Hashable {
        /// Its tokens' indices in the text.
        package let tokens: Range<Int>
        /// Those of them that are predicted: the last ones.
        package let predicted: Range<Int>

        /// The window's tokens, with the predicted ones as the completion.
        func sequence(in text: [Int]) -> TokenSequence {
            TokenSequence(
                prompt: Array(text[tokens.lowerBound..<predicted.lowerBound]),
                completion: Array(text[predicted]), place: "text")
        }
    }

    /// The windows over a text of so many tokens that predict anything, in order.
    package func windows(over count: Int) -> [Window] {
        var windows: [Window] = []
        var begin = 0
        var done = 0
        while done < count {
            // Subtracting cannot overflow where adding could.
            let end = count - begin <= length ? count : begin + length
            let predicted = max(done, begin + 1)..<end
            if !predicted.isEmpty {
                windows.append(Window(tokens: begin..<end, predicted: predicted))
            }
            (done, begin) = (end, begin + stride)
        }
        return windows
    }
}
