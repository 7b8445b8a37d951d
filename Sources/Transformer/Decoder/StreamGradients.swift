import Formats

/// Gradients of a loss with respect to rows of the residual stream at some sites: where a backward pass begins.
package final class StreamGradients {
    private struct Place: Hashable {
        let site: Site
        let block: Int
    }

    private let rowCount: Int
    private let width: Int
    private var places: [Place: ActivationMatrix] = [:]
    /// (rows, hidden size): the gradient that a backward pass carries down.
    let scratch: ActivationMatrix

    /// No gradients yet, for the rows of the pass's last forward half.
    package init(_ pass: GradientPass) {
        rowCount = pass.rowCount
        width = pass.decoder.configuration.sizes.hiddenSize
        scratch = ActivationMatrix(width: width)
        scratch.reserve(rowCount)
    }

    /// The block from which a backward pass starts.
    var highestBlock: Int? { places.keys.map(\.block).max() }

    /// Adds the gradient of one row, (hidden size).
    package func add(_ gradient: [Float], at site: Site, block: Int, row: Int) {
        precondition(gradient.count == width && row >= 0 && row < rowCount)
        addForward(rows(at: site, block: block).row(row), gradient, count: width)
    }

    /// The gradients at a site, (rows, hidden size), zero at first.
    func rows(at site: Site, block: Int) -> ActivationMatrix {
        let place = Place(site: site, block: block)
        if let rows = places[place] { return rows }
        let rows = ActivationMatrix(width: width)
        rows.reserve(rowCount)
        places[place] = rows
        return rows
    }

    /// gradient += what was added at a site
    func add(at site: Site, block: Int, to gradient: ActivationMatrix) {
        guard let rows = places[Place(site: site, block: block)] else { return }
        addForward(gradient.row(0), rows.row(0), count: rowCount * width)
    }
}
