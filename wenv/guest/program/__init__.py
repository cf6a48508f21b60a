"""A program's start and end: its streams, its arguments, its tracebacks."""
