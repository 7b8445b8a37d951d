import COpenBLAS

/// Matrix products by OpenBLAS, on the calling thread alone.
///
/// OpenBLAS's bits depend on its thread count, and its threads would fight with the crew's; so it is held to one, and
/// callers split their work into tiles whose sizes do not depend on the crew.
package enum BLAS {
    private static let oneThread: Void = openblas_set_num_threads(1)

    /// A matrix in row-major order: where it begins, and how far apart its rows are.
    package struct Matrix<Pointer> {
        var start: Pointer
        var rowStride: Int

        package init(start: Pointer, rowStride: Int) {
            self.start = start
            self.rowStride = rowStride
        }
    }

    /// c (m, n) = scale · a (m, k) · bᵀ (n, k), or c += where it accumulates.
    package static func multiplyTransposed(
        _ c: Matrix<UnsafeMutablePointer<Float>>, _ a: Matrix<UnsafePointer<Float>>,
        _ b: Matrix<UnsafePointer<Float>>, m: Int, n: Int, k: Int, scale: Float = 1,
        accumulating: Bool = false
    ) {
        _ = oneThread
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasTrans, Int32(m), Int32(n), Int32(k), scale, a.start,
            Int32(a.rowStride), b.start, Int32(b.rowStride), accumulating ? 1 : 0, c.start,
            Int32(c.rowStride))
    }

    /// c (m, n) += a (m, k) · b (k, n), or c = a · b where it does not accumulate.
    package static func addProduct(
        _ c: Matrix<UnsafeMutablePointer<Float>>, _ a: Matrix<UnsafePointer<Float>>,
        _ b: Matrix<UnsafePointer<Float>>, m: Int, n: Int, k: Int, accumulating: Bool = true
    ) {
        _ = oneThread
        cblas_sgemm(
            CblasRowMajor, CblasNoTrans, CblasNoTrans, Int32(m), Int32(n), Int32(k), 1, a.start,
            Int32(a.rowStride), b.start, Int32(b.rowStride), accumulating ? 1 : 0, c.start,
            Int32(c.rowStride))
    }

    /// c (m, n) += aᵀ (k, m) · b (k, n)
    package static func addTransposedProduct(
        _ c: Matrix<UnsafeMutablePointer<Float>>, _ a: Matrix<UnsafePointer<Float>>,
        _ b: Matrix<UnsafePointer<Float>>, m: Int, n: Int, k: Int
    ) {
        _ = oneThread
        cblas_sgemm(
            CblasRowMajor, CblasTrans, CblasNoTrans, Int32(m), Int32(n), Int32(k), 1, a.start,
            Int32(a.rowStride), b.start, Int32(b.rowStride), 1, c.start, Int32(c.rowStride))
    }

    /// Which factor of a product is taken transposed.
    enum Transposed { case first, second }

    /// c (m, n) += scale · a · b in f64, one of the two transposed: aᵀ (k, m) or bᵀ (n, k).
    static func addProduct(
        _ c: Matrix<UnsafeMutablePointer<Double>>, _ a: Matrix<UnsafePointer<Double>>,
        _ b: Matrix<UnsafePointer<Double>>, m: Int, n: Int, k: Int, scale: Double = 1,
        transposing factor: Transposed
    ) {
        _ = oneThread
        cblas_dgemm(
            CblasRowMajor, factor == .first ? CblasTrans : CblasNoTrans,
            factor == .second ? CblasTrans : CblasNoTrans, Int32(m), Int32(n), Int32(k), scale,
            a.start, Int32(a.rowStride), b.start, Int32(b.rowStride), 1, c.start,
            Int32(c.rowStride))
    }

    /// b (m, n) = b · L⁻ᵀ in f64, L (n, n) lower triangular.
    static func divideTransposed(
        _ b: Matrix<UnsafeMutablePointer<Double>>, by lower: Matrix<UnsafePointer<Double>>,
        m: Int, n: Int
    ) {
        _ = oneThread
        cblas_dtrsm(
            CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, Int32(m), Int32(n), 1,
            lower.start, Int32(lower.rowStride), b.start, Int32(b.rowStride))
    }

    /// b (m, n) = (L · Lᵀ)⁻¹ · b in f64, L (m, m) lower triangular.
    static func divide(
        _ b: Matrix<UnsafeMutablePointer<Double>>, by lower: Matrix<UnsafePointer<Double>>, m: Int,
        n: Int
    ) {
        _ = oneThread
        for side in [CblasNoTrans, CblasTrans] {
            cblas_dtrsm(
                CblasRowMajor, CblasLeft, CblasLower, side, CblasNonUnit, Int32(m), Int32(n), 1,
                lower.start, Int32(lower.rowStride), b.start, Int32(b.rowStride))
        }
    }
}
