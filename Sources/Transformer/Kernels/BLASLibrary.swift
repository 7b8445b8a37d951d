import COpenBLAS

/// The library that matrix products go to.
package enum BLASLibrary {
    /// OpenBLAS's name for the kernels it runs: "Haswell", "SkylakeX" …
    package static var kernel: String {
        openblas_get_corename().map { String(cString: $0) } ?? "unknown"
    }

    /// How the library was built: "OpenBLAS 0.3.21 DYNAMIC_ARCH …".
    package static var build: String {
        openblas_get_config().map { String(cString: $0) } ?? "OpenBLAS"
    }

    /// Whether the library holds kernels for many processors and takes one of them when it is loaded.
    package static var hasSeveralKernels: Bool { build.contains("DYNAMIC_ARCH") }

    /// What decides the bits of a product: the kernels and the library's version, "SkylakeX of OpenBLAS 0.3.21".
    package static var kernelAndVersion: String {
        "\(kernel) of \(build.split(separator: " ").prefix(2).joined(separator: " "))"
    }

    /// Whether the kernels multiply rightly on this processor: some small products of the three kinds that this program
    /// computes, against a plain loop.
    ///
    /// The shapes are such that kernels of every width have whole tiles and rests. The factors are multiples of 1/64, so
    /// that every sum is exact in whatever order it is taken, and so has one right value.
    package static func multipliesRightly() -> Bool {
        [(37, 29, 83), (5, 130, 47), (1, 7, 300)].allSatisfy {
            SmallProduct(m: $0.0, n: $0.1, k: $0.2).isRight()
        }
    }
}

/// A product of two small matrices, by the library and by a plain loop.
private struct SmallProduct {
    let m: Int
    let n: Int
    let k: Int
    /// (m, k)
    private let a: [Float]
    /// (n, k)
    private let b: [Float]

    init(m: Int, n: Int, k: Int) {
        (self.m, self.n, self.k) = (m, n, k)
        // Between −1 and 1, in no order.
        func values(_ count: Int, _ step: Int) -> [Float] {
            (0..<count).map { Float($0 &* step % 129 - 64) / 64 }
        }
        a = values(m * k, 53)
        b = values(n * k, 71)
    }

    func isRight() -> Bool {
        let (c, a, b) = (FloatBuffer(count: m * n), FloatBuffer(a), FloatBuffer(b))
        let aTransposed = FloatBuffer(Self.transposed(self.a, rows: m, columns: k))
        let bTransposed = FloatBuffer(Self.transposed(self.b, rows: n, columns: k))
        func rows(_ buffer: FloatBuffer, _ stride: Int) -> BLAS.Matrix<UnsafePointer<Float>> {
            .init(start: UnsafePointer(buffer.floats), rowStride: stride)
        }
        let output = BLAS.Matrix(start: c.floats, rowStride: n)
        let expected = plainProduct()
        return withExtendedLifetime((c, a, b, aTransposed, bTransposed)) {
            BLAS.multiplyTransposed(output, rows(a, k), rows(b, k), m: m, n: n, k: k)
            guard c.values == expected else { return false }
            BLAS.addProduct(
                output, rows(a, k), rows(bTransposed, n), m: m, n: n, k: k, accumulating: false)
            guard c.values == expected else { return false }
            c.clear()
            BLAS.addTransposedProduct(
                output, rows(aTransposed, m), rows(bTransposed, n), m: m, n: n, k: k)
            return c.values == expected
        }
    }

    private static func transposed(_ matrix: [Float], rows: Int, columns: Int) -> [Float] {
        (0..<rows * columns).map { matrix[$0 % rows * columns + $0 / rows] }
    }

    private func plainProduct() -> [Float] {
        (0..<m * n).map { place in
            let (row, column) = (place / n * k, place % n * k)
            var sum: Float = 0
            for index in 0..<k { sum += a[row + index] * b[column + index] }
            return sum
        }
    }
}
