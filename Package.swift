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

let library = language + [.unsafeFlags(vectorInstructions)]

// Loops over elements are 100 times slower at -Onone, so the modules that hold them are optimised in debug builds too:
// as whole modules, because kernels are generics that are specialised across files. All others are built for a debugger,
// file by file.
let loops =
    library + [
        .unsafeFlags(
            ["-O", "-wmo", "-disable-batch-mode", "-num-threads", "1"],
            .when(configuration: .debug))
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
            name: "Bytes", dependencies: ["CSHA256"], path: "Sources/Formats",
            sources: ["Bytes", "JSON", "Files", "Work"], swiftSettings: loops),
        .target(
            name: "Elements", dependencies: ["Bytes"], path: "Sources/Formats/Elements",
            swiftSettings: loops),
        .target(
            name: "Formats", dependencies: ["Bytes", "CZstd", "Elements"],
            exclude: ["Bytes", "JSON", "Files", "Work", "Elements", "CZstd", "CSHA256"],
            swiftSettings: library),
        .target(
            name: "Kernels", dependencies: ["COpenBLAS", "Formats"],
            path: "Sources/Transformer/Kernels", swiftSettings: loops),
        .target(
            name: "Transformer", dependencies: ["Formats", "Kernels"],
            exclude: ["COpenBLAS", "Kernels"], swiftSettings: library),
        .target(name: "Tuning", dependencies: ["Formats", "Transformer"], swiftSettings: library),
        // No vector flags: the program must be able to say that the processor is too old.
        .executableTarget(
            name: "rtedit", dependencies: ["Formats", "Transformer", "Tuning", "CPUCheck"],
            exclude: ["CPUCheck"], swiftSettings: language),
        .target(
            name: "TestSupport", dependencies: ["Formats"], path: "Tests/TestSupport",
            swiftSettings: library),
        .testTarget(
            name: "FormatsTests", dependencies: ["Bytes", "Elements", "Formats", "TestSupport"],
            resources: [.copy("Fixtures")], swiftSettings: library),
        .testTarget(
            name: "TransformerTests",
            dependencies: [
                "Bytes", "Elements", "Formats", "Kernels", "Transformer", "TestSupport",
            ],
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
