"""A program and its environment in one WebAssembly component."""
