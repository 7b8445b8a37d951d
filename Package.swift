// swift-tools-version: 6.2
import PackageDescription

// Swift has no per-function target features, so the libraries are built for x86-64-v3 as a whole.
#if arch(x86_64)
    let vectorInstructions = ["-Xcc", "-mavx2", "-Xcc", "-mfma", "-Xcc", "-mf16c"]
#else
    let vectorInstructions: [String] = []
#endif

let language: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .treatAllWarnings(as: .error),
]

// Kernels are 100 times slower at -Onone, so debug builds of the libraries are optimised too: as whole modules, because
// kernels are generics that are specialised across files.
let library: [SwiftSetting] =
    language + [
        .unsafeFlags(vectorInstructions),
        .unsafeFlags(
            ["-O", "-wmo", "-disable-batch-mode", "-num-threads", "1"],
            .when(configuration: .debug)),
    ]

let package = Package(
    name: "rtedit",
    products: [.executable(name: "rtedit", targets: ["rtedit"])],
    targets: [
        .systemLibrary(
            name: "COpenBLAS", path: "Sources/Transformer/COpenBLAS", pkgConfig: "openblas",
            providers: [.apt(["libopenblas-dev"])]),
        .systemLibrary(
            name: "CZstd", path: "Sources/Formats/CZstd", pkgConfig: "libzstd",
            providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CSHA256", path: "Sources/Formats/CSHA256"),
        .systemLibrary(name: "CPUCheck", path: "Sources/rtedit/CPUCheck"),
        .target(
            name: "Formats", dependencies: ["CZstd", "CSHA256"], exclude: ["CZstd", "CSHA256"],
            swiftSettings: library),
        .target(
            name: "Transformer", dependencies: ["Formats", "COpenBLAS"], exclude: ["COpenBLAS"],
            swiftSettings: library),
        .target(name: "Tuning", dependencies: ["Formats", "Transformer"], swiftSettings: library),
        // No vector flags: the program must be able to say that the processor is too old.
        .executableTarget(
            name: "rtedit", dependencies: ["Formats", "Transformer", "Tuning", "CPUCheck"],
            exclude: ["CPUCheck"], swiftSettings: language),
        .target(
            name: "TestSupport", dependencies: ["Formats"], path: "Tests/TestSupport",
            swiftSettings: library),
        .testTarget(
            name: "FormatsTests", dependencies: ["Formats", "TestSupport"],
            resources: [.copy("Fixtures")], swiftSettings: library),
        .testTarget(
            name: "TransformerTests", dependencies: ["Formats", "Transformer", "TestSupport"],
            resources: [.copy("Fixtures")], swiftSettings: library),
        .testTarget(
            name: "TuningTests",
            dependencies: ["Formats", "Transformer", "Tuning", "TestSupport"],
            resources: [.copy("Fixtures")], swiftSettings: library),
        .testTarget(
            name: "RteditTests", dependencies: ["rtedit", "Formats", "TestSupport"],
            exclude: ["Golden/digests.txt"], swiftSettings: language),
    ],
    swiftLanguageModes: [.v6]
)
