"""The one place that touches pip's internals, which pip does not promise to keep: pip is pinned for its sake.

pip decides here what it decides in `pip install`: configuration (indexes, proxies, certificates, keyring), files and their
syntax, which versions exist.  Three things are ours: wheels are judged by the target's tags, not the host's; a package that
has no usable wheel still takes part, so that one resolution finds all of them; and nothing is ever built to learn its
metadata.
"""
