// The rooms that are modules of their own (see Package.swift) belong to Formats for whoever imports it.
@_exported public import Bytes
@_exported public import Elements
