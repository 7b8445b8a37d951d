/// Some neighbouring values of a row of a state: 32, of which the last may be beyond the row and are 0 then.
struct StateColumns {
    static let count = 32

    private var lanes: (SIMD8<Float>, SIMD8<Float>, SIMD8<Float>, SIMD8<Float>)

    @inline(__always) private init(
        _ lanes: (SIMD8<Float>, SIMD8<Float>, SIMD8<Float>, SIMD8<Float>)
    ) {
        self.lanes = lanes
    }

    static var zero: StateColumns {
        @inline(__always) get { StateColumns((.zero, .zero, .zero, .zero)) }
    }

    /// The row with this index of a state whose rows are as long as this.
    @inline(__always) init(_ state: UnsafeMutablePointer<Float>, _ index: Int) {
        let row = state + index * Self.count
        lanes = (row.load8(0), row.load8(8), row.load8(16), row.load8(24))
    }

    /// The first values of a longer row.
    @inline(__always) init(_ row: UnsafePointer<Float>, count: Int) {
        if count == Self.count {
            self.init((row.load8(0), row.load8(8), row.load8(16), row.load8(24)))
        } else {
            self.init(part: row, count: count)
        }
    }

    @inline(never) private init(part row: UnsafePointer<Float>, count: Int) {
        lanes = (.zero, .zero, .zero, .zero)
        for index in 0..<count {
            switch index / 8 {
            case 0: lanes.0[index % 8] = row[index]
            case 1: lanes.1[index % 8] = row[index]
            case 2: lanes.2[index % 8] = row[index]
            default: lanes.3[index % 8] = row[index]
            }
        }
    }

    @inline(__always) func store(_ state: UnsafeMutablePointer<Float>, _ index: Int) {
        storeAll(state + index * Self.count)
    }

    @inline(__always) func store(_ row: UnsafeMutablePointer<Float>, count: Int) {
        if count == Self.count { storeAll(row) } else { storePart(row, count: count) }
    }

    @inline(__always) private func storeAll(_ row: UnsafeMutablePointer<Float>) {
        row.store8(lanes.0, 0)
        row.store8(lanes.1, 8)
        row.store8(lanes.2, 16)
        row.store8(lanes.3, 24)
    }

    @inline(never) private func storePart(_ row: UnsafeMutablePointer<Float>, count: Int) {
        for index in 0..<count {
            row[index] =
                switch index / 8 {
                case 0: lanes.0[index % 8]
                case 1: lanes.1[index % 8]
                case 2: lanes.2[index % 8]
                default: lanes.3[index % 8]
                }
        }
    }

    // MARK: - Arithmetic

    @inline(__always) mutating func scale(by factor: Float) {
        lanes.0 *= factor
        lanes.1 *= factor
        lanes.2 *= factor
        lanes.3 *= factor
    }

    /// self += other · factor
    @inline(__always) mutating func addProduct(_ other: StateColumns, _ factor: Float) {
        lanes.0 = lanes.0.addingProduct(other.lanes.0, factor)
        lanes.1 = lanes.1.addingProduct(other.lanes.1, factor)
        lanes.2 = lanes.2.addingProduct(other.lanes.2, factor)
        lanes.3 = lanes.3.addingProduct(other.lanes.3, factor)
    }

    /// self += other · factors, one by one
    @inline(__always) mutating func addProduct(_ other: StateColumns, _ factors: StateColumns) {
        lanes.0.addProduct(other.lanes.0, factors.lanes.0)
        lanes.1.addProduct(other.lanes.1, factors.lanes.1)
        lanes.2.addProduct(other.lanes.2, factors.lanes.2)
        lanes.3.addProduct(other.lanes.3, factors.lanes.3)
    }

    /// Σ self
    @inline(__always) var sum: Float {
        ((lanes.0 + lanes.1) + (lanes.2 + lanes.3)).sum()
    }
}
