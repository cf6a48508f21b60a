"""The host's side of a run: the WebAssembly engine, what the sandbox is given, and how a run ends."""
