"""What stopped a guest: in one sentence, and as an exit status.

`wenv.errors` has them as exceptions.  Here is only what a run that takes the short way needs, which imports nothing else.
"""

#: Bytes of a page of WebAssembly's.
PAGE = 1 << 16
#: Exit statuses, see `wenv.errors.Exit`.
OUTPUT_LIMIT, DISK_LIMIT, TIME_LIMIT, TRAPPED = 117, 118, 124, 134
#: What wasmtime says of a trap, and what it means to a user.  The first that occurs in its message counts.
SENTENCES = (
    ("call stack exhausted", "the call stack is exhausted: too deep a recursion in C code"),
    ("cannot enter component instance", "it has already been stopped"),
    ("out of bounds memory access", "memory was accessed out of bounds"),
    ("indirect call type mismatch", "an extension module passes functions of a wrong signature"),
    ("concurrent", "too many sandboxes at once in this process"),
    ("unreachable", "the interpreter aborted"),
    ("interrupt", "it was interrupted"),
)


def explain_trap(message: str, memory_limit: int | None) -> str:
    """One sentence for wasmtime's message; `memory_limit` in bytes, None for none."""
    import re  # late: most runs end by themselves

    if (least := re.search(r"memory minimum size of (\d+) pages exceeds", message)) is not None:
        return f"its memory limit is too low: the interpreter alone needs {int(least[1]) * PAGE} bytes"
    if "failed to grow memory" in message and memory_limit is not None:
        return f"its memory limit of {memory_limit} bytes is too low for the interpreter to start"
    trap = re.search(r"wasm trap: (.*)", message)
    cause = trap[1] if trap else message.strip().splitlines()[-1] if message.strip() else "unknown"
    for said, sentence in SENTENCES:
        if said in cause:
            full = said == "unreachable" and memory_limit is not None
            likely = f", most likely out of memory (its limit is {memory_limit} bytes)" if full else ""
            return f"the program was stopped: {sentence}{likely}"
    return f"the program was stopped: {cause}"


def time_is_up(seconds: float) -> str:
    """The sentence for a time limit in seconds."""
    return f"stopped after {seconds:g} s, its time limit"


def too_much_output(size: int) -> str:
    """The sentence for an output limit in bytes."""
    return f"stopped: it wrote more than {size} bytes, its output limit"


def too_much_on_disk(reason: str) -> str:
    """The sentence for a limit of bytes or files on the disk, of which `reason` says which."""
    return f"stopped: {reason}"
