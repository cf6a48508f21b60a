"""A content-addressed store of immutable layers, and of what is derived from them.

It knows nothing of Python packages or of WebAssembly: a layer is a tree of files, a derived entry a folder under a key.
"""
