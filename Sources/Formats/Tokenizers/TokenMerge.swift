/// A merge of byte-pair encoding: two neighbouring tokens become one. All three are token ids.
package struct TokenMerge: Sendable, Hashable {
    package let left: Int32
    package let right: Int32
    package let result: Int32

    package init(left: Int32, right: Int32, result: Int32) {
        self.left = left
        self.right = right
        self.result = result
    }
}
