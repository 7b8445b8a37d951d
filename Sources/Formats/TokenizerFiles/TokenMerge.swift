/// A merge of byte-pair encoding: two neighbouring tokens become one. All three are token ids.
public struct TokenMerge: Sendable, Hashable {
    public let left: Int32
    public let right: Int32
    public let result: Int32

    public init(left: Int32, right: Int32, result: Int32) {
        self.left = left
        self.right = right
        self.result = result
    }
}
