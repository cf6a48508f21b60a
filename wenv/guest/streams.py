"""Standard streams as CPython would have opened them, had it started now and not when the component was built."""

import io
import sys


def open_streams(*, unbuffered: bool) -> None:
    """Open stdin, stdout and stderr anew: UTF-8, line-buffered on a terminal, else block-buffered, or not at all."""
    sys.stdin = open(0, encoding="utf-8", closefd=False)
    sys.stdout = _output(1, "strict", unbuffered, line_buffered=False)
    sys.stderr = _output(2, "backslashreplace", unbuffered, line_buffered=True)
    vars(sys).update(__stdin__=sys.stdin, __stdout__=sys.stdout, __stderr__=sys.stderr)


def _output(descriptor: int, errors: str, unbuffered: bool, line_buffered: bool) -> io.TextIOWrapper:
    raw = io.FileIO(descriptor, "w", closefd=False)
    raw.name = ("<stdin>", "<stdout>", "<stderr>")[descriptor]
    binary = raw if unbuffered else io.BufferedWriter(raw)
    return io.TextIOWrapper(
        binary,
        encoding="utf-8",
        errors=errors,
        newline="\n",
        line_buffering=line_buffered or raw.isatty(),
        write_through=unbuffered,
    )


def flush_streams() -> bool:
    """Flush both output streams; False if one of them could not be written, for example into a closed pipe."""
    written = True
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not stream.closed:
                stream.flush()
        except (OSError, ValueError):
            written = False
    return written
