/// Which probes are drawn together, and among which others.
struct ProbeClusters {
    /// By cluster, its probes. A cluster is a topic, or within a fixed topic a couple or a single probe.
    private(set) var probes: [[Int]] = []
    /// Clusters among which each is one draw: all of them, or those of a fixed topic.
    private(set) var groups: [[Int]] = []
    let topicCount: Int
    /// Whether the topics are the ones that are meant, and no sample of others.
    var topicsAreFixed: Bool { topicCount < Self.fewestTopics }

    /// Topics below which nothing can be said of other topics.
    static let fewestTopics = 5

    init(_ strata: [Stratum]) {
        topicCount = Set(strata.map(\.topic)).count
        let topicsAreFixed = self.topicsAreFixed
        var clusters: [Stratum: Int] = [:]
        var groupOfTopic: [String?: Int] = [:]
        for (probe, stratum) in strata.enumerated() {
            let couple = topicsAreFixed ? stratum.couple : nil
            let name = Stratum(topic: stratum.topic, couple: couple)
            let isSingle = topicsAreFixed && couple == nil
            if !isSingle, let cluster = clusters[name] {
                probes[cluster].append(probe)
                continue
            }
            clusters[name] = probes.count
            let group = topicsAreFixed ? groupOfTopic[stratum.topic, default: groups.count] : 0
            if group == groups.count { groups.append([]) }
            groupOfTopic[stratum.topic] = group
            groups[group].append(probes.count)
            probes.append([probe])
        }
        // A topic of one cluster shows no variance within it: then the clusters of all topics are one group.
        if groups.contains(where: { $0.count < 2 }) { groups = [Array(probes.indices)] }
    }
}
