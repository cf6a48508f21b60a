"""Disposable Python environments that run in a WebAssembly sandbox."""

__version__ = "0.1.0"
