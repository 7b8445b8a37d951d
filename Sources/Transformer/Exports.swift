// The rooms that are modules of their own (see Package.swift) belong to Transformer for whoever imports it.
@_exported public import Kernels
