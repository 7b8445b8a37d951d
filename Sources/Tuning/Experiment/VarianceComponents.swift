/// What seeds and probes contribute to the variance of a mean over both, from the analysis of variance of a two-way table
/// with random seeds and random clusters of probes.
///
/// The table has a mean for each seed and cluster. With deviations of S seed means a, of U cluster means u and the rest r,
/// the bootstrap that draws seeds alone has, with infinitely many resamples, the variance Σa² / S²; that of clusters alone
/// Σu² / U²; that of both at once (Owen 2007, the pigeonhole bootstrap) the sum of the two and Σr² / (S U)². The first two
/// are too small by (S - 1) / S and (U - 1) / U, which is made good here (Davison and Hinkley 1997, section 3.8), and both
/// of them hold what only a seed with a cluster has, so that it would count twice: it is taken off the seeds' part, as
/// two-way clustered errors do (Cameron, Gelbach and Miller 2011), though not below 0.
///
/// Within clusters nothing is drawn: the variance of their means holds that of all levels below, of couples and of probes.
/// Drawing at these levels too would count it again.
struct VarianceComponents: Sendable, Hashable {
    /// A part of the variance, and the degrees of freedom that it is estimated with.
    struct Part: Sendable, Hashable {
        let variance: Double
        let degreesOfFreedom: Double
    }

    /// The mean over all seeds and probes.
    let mean: Double
    /// Of the seed means, with what they share with `interaction`; nil for one seed.
    let seeds: Part?
    /// Of the cluster means, with what they share with `interaction`; nil where no group has two clusters.
    let clusters: Part?
    /// Of what a seed has with one cluster alone; 0 where it cannot be told.
    let interaction: Double

    /// - Parameter rows: by seed, a value for each probe.
    init(_ rows: [[Double]], _ clusters: ProbeClusters) {
        let table = SeedTable(rows, clusters)
        mean = table.mean
        let seedCount = Double(rows.count)
        seeds =
            rows.count < 2
            ? nil
            : Part(
                variance: Statistics.variance(table.seedMeans) / seedCount,
                degreesOfFreedom: seedCount - 1)
        let groups = table.groups.filter { $0.weights.count > 1 }
        self.clusters =
            groups.isEmpty
            ? nil
            : Part(
                variance: groups.reduce(0) { $0 + $1.clusterVariance },
                degreesOfFreedom: groups.reduce(0) { $0 + $1.degreesOfFreedom })
        interaction = rows.count < 2 ? 0 : groups.reduce(0) { $0 + $1.interactionVariance }
    }

    /// The parts as they add up to the variance of the mean.
    var summands: [Part] {
        let ofSeeds = seeds.map {
            Part(
                variance: clusters == nil ? $0.variance : max(0, $0.variance - interaction),
                degreesOfFreedom: $0.degreesOfFreedom)
        }
        return [ofSeeds, clusters].compactMap { $0 }
    }
}

/// Means by seed and cluster.
private struct SeedTable {
    let mean: Double
    let seedMeans: [Double]
    let groups: [ClusterGroup]

    init(_ rows: [[Double]], _ clusters: ProbeClusters) {
        seedMeans = rows.map(Statistics.mean)
        mean = Statistics.mean(seedMeans)
        let probeCount = Double(rows.first?.count ?? 0)
        groups = clusters.groups.map { group in
            ClusterGroup(
                weights: group.map { Double(clusters.probes[$0].count) / probeCount },
                means: rows.map { row in
                    group.map { cluster in
                        let probes = clusters.probes[cluster]
                        return probes.reduce(0) { $0 + row[$1] } / Double(probes.count)
                    }
                })
        }
    }
}

/// Clusters among which each is one draw.
private struct ClusterGroup {
    /// By cluster, its part of all probes.
    let weights: [Double]
    /// By seed, the clusters' means.
    let means: [[Double]]

    /// By cluster, its part of the group's probes.
    private var shares: [Double] {
        let sum = weights.reduce(0, +)
        return weights.map { $0 / sum }
    }

    private var squares: Double { shares.reduce(0) { $0 + $1 * $1 } }

    private var cubes: Double { shares.reduce(0) { $0 + $1 * $1 * $1 } }

    /// What the squared distances from the weighted mean are short of, on average: U / (U - 1) for equal weights.
    private var correction: Double { 1 / (1 - 2 * cubes / squares + squares) }

    /// One less than as many clusters of one size as would estimate as well (Kish 1965).
    var degreesOfFreedom: Double { 1 / squares - 1 }

    private func weightedMean(_ values: [Double]) -> Double {
        zip(shares, values).reduce(0) { $0 + $1.0 * $1.1 }
    }

    private var clusterMeans: [Double] {
        weights.indices.map { cluster in Statistics.mean(means.map { $0[cluster] }) }
    }

    var clusterVariance: Double {
        let clusterMeans = clusterMeans
        let mean = weightedMean(clusterMeans)
        let sum = zip(weights, clusterMeans).reduce(0) { sum, cluster in
            let deviation = cluster.0 * (cluster.1 - mean)
            return sum + deviation * deviation
        }
        return correction * sum
    }

    var interactionVariance: Double {
        let clusterMeans = clusterMeans
        let mean = weightedMean(clusterMeans)
        let sum = means.reduce(0) { sum, row in
            let shift = mean - weightedMean(row)
            return weights.indices.reduce(sum) {
                let rest = weights[$1] * (row[$1] - clusterMeans[$1] + shift)
                return $0 + rest * rest
            }
        }
        return correction * sum / Double(means.count * (means.count - 1))
    }
}
