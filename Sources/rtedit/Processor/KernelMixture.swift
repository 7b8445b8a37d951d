/// That work which was taken up again is not all of the same kernels.
struct KernelMixture {
    private let kernels: [String]

    /// - Parameter kernels: of the work, each once, in the order of their first use; nil where they are no more than one.
    init?(_ kernels: [String]) {
        guard kernels.count > 1 else { return nil }
        self.kernels = kernels
    }

    var description: String {
        "its matrix products are not all of the same kernels (\(kernels.joined(separator: ", ")); now "
            + "\(KernelStart.choice.kernel)): the result may differ in the last bits from that of a run on one processor"
    }
}
